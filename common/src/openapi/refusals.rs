//! The ways in which a request can be refused, for descriptions to list: each type stands for the
//! answers of one cause.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use serde_json::{Map, Value, json};
use utoipa::{
    IntoResponses,
    openapi::{Ref, RefOr, Response},
};

use super::reference;
use crate::problem::Code;

/// Codes that descriptions refer to. A method that is not there is no answer of a described one.
const ALL: [Code; 11] = [
    Code::Malformed,
    Code::Unauthorized,
    Code::Forbidden,
    Code::NotFound,
    Code::TooLarge,
    Code::UnsupportedMediaType,
    Code::Invalid,
    Code::KeyReused,
    Code::Limited,
    Code::Internal,
    Code::Unavailable,
];

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($code:ident)+;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                refer(&[$(Code::$code),+])
            }
        }
    )*};
}

refusals! {
    /// Nobody is named whom we know, or they may not.
    Stranger: Unauthorized Forbidden;
    /// The path names what is not there.
    NoSuch: NotFound;
    /// A query's field won't do.
    BadField: Invalid;
    /// A query can't be read, or one of its fields won't do.
    BadQuery: Malformed Invalid;
    /// A body can't be read, or one of its fields won't do.
    BadBody: Malformed TooLarge UnsupportedMediaType Invalid;
    /// As [`BadBody`], and the key that it comes with may be another request's.
    BadPost: Malformed TooLarge UnsupportedMediaType Invalid KeyReused;
    /// It was done too often.
    TooOften: Limited;
    /// There is no place, or what is needed is away.
    Away: Unavailable;
    /// As [`Away`], or what is stored can't be read.
    NoStore: Internal Unavailable;
}

fn refer(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let named = codes.iter().map(|code| {
        let reference = Ref::from_response_name(name(*code));
        (code.parts().0.as_str().to_owned(), RefOr::Ref(reference))
    });
    named.collect()
}

/// Where the description of an answer stands: two codes of one status stand together.
fn name(code: Code) -> String {
    match code {
        Code::KeyReused => name(Code::Invalid),
        code => format!("{code:?}"),
    }
}

/// What [`refer`] refers to.
pub(super) fn responses() -> Map<String, Value> {
    let mut responses = Map::new();
    for code in ALL {
        let response = responses.entry(name(code)).or_insert_with(|| response(code));
        let (_, slug, title) = code.parts();
        let examples = &mut response["content"]["application/problem+json"]["examples"];
        examples[slug] = json!({ "summary": title, "value": example(code) });
    }
    responses
}

fn response(code: Code) -> Value {
    let header = match code.parts().0 {
        StatusCode::UNAUTHORIZED => Some(header::WWW_AUTHENTICATE),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(header::RETRY_AFTER)
        }
        _ => None,
    };
    let headers = header.map(|name| (name.to_string(), reference("headers", name.as_str())));
    json!({
        "description": about(code),
        "headers": Map::from_iter(headers),
        "content": { "application/problem+json": { "schema": reference("schemas", "Problem") } },
    })
}

fn about(code: Code) -> &'static str {
    match code {
        Code::Malformed => "The request can't be read.",
        Code::Unauthorized => "No token, or one that is not good.",
        Code::Forbidden => "They may not.",
        Code::NotFound => "There is no such thing.",
        Code::MethodNotAllowed => "The path has no such method; `Allow` says which it has.",
        Code::TooLarge => "The body is longer than 16 KiB.",
        Code::UnsupportedMediaType => {
            "The body is not `application/json`, or has a `Content-Encoding`."
        }
        Code::Invalid | Code::KeyReused => {
            "A field's value won't do: `errors` names each. Or the Idempotency-Key is another \
             request's."
        }
        Code::Limited => "Too often.",
        Code::Internal => "A fault of the server's.",
        Code::Unavailable => "Nothing was done; the same request is safe to repeat.",
    }
}

fn example(code: Code) -> Value {
    let (status, slug, title) = code.parts();
    let mut example = json!({
        "type": format!("urn:chorus:problem:{slug}"),
        "title": title,
        "status": status.as_u16(),
        "detail": about(code),
        "request_id": "0190163d-8694-739b-aea5-966c26f8ad91",
    });
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        let errors = [json!({ "field": "text", "why": "must not be empty" })];
        example["errors"] = errors.into_iter().filter(|_| code == Code::Invalid).collect();
    }
    example
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_is_there() {
        let responses = responses();
        for (status, reference) in refer(&ALL) {
            let RefOr::Ref(reference) = reference else { panic!("{status} is no reference") };
            let name = reference.ref_location.rsplit('/').next().unwrap();
            let examples = &responses[name]["content"]["application/problem+json"]["examples"];
            for example in examples.as_object().unwrap().values() {
                assert_eq!(example["value"]["status"].to_string(), status);
            }
        }
        assert_eq!(responses.len(), ALL.len() - 1, "422 stands for two");
    }
}
