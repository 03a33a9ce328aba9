//! Every refusal of a comment's body and headers, in tables.

use proptest::prelude::*;

use super::*;

fn code(body: &str) -> Result<Draft, Code> {
    parse(body.as_bytes()).map_err(|problem| problem.code())
}

#[test]
fn good_bodies() {
    for (body, text) in [
        (r#"{"text":"hi"}"#, "hi"),
        (r#" {"text":" h\u00e9 ","more":1} "#, "hé"),
        (r#"{"text":"\ud83d\ude00"}"#, "😀"),
        (r#"{"text":"a\nb","reply_to":null}"#, "a\nb"),
    ] {
        assert_eq!(
            code(body).map(|draft| draft.text.as_str().to_owned()),
            Ok(text.into()),
            "{body}"
        );
    }
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let reply = code(&format!(r#"{{"text":"hi","reply_to":"{id}"}}"#)).unwrap().reply_to;
    assert_eq!(reply, Some(id.parse().unwrap()));
}

#[test]
fn bad_bodies() {
    for body in ["", "{", "{\"text\":\"a\nb\"}", "{\"text\":\"\\x\"}", "{} {}", "nope"] {
        assert_eq!(code(body), Err(Code::Malformed), "{body}");
    }
    assert_eq!(parse(b"{\"text\":\"\xff\"}").unwrap_err().code(), Code::Malformed);
    for body in [
        "{}",
        "[]",
        "1",
        r#"{"text":1}"#,
        r#"{"text":null}"#,
        r#"{"text":["a"]}"#,
        r#"{"text":""}"#,
        r#"{"text":" \n "}"#,
        r#"{"text":"a\u0000b"}"#,
        r#"{"text":"a\tb"}"#,
        r#"{"text":"\ud83d"}"#,
        r#"{"text":"\ude00 a"}"#,
        r#"{"text":"hi","reply_to":"x"}"#,
        r#"{"text":"hi","reply_to":7}"#,
    ] {
        assert_eq!(code(body), Err(Code::Invalid), "{body}");
    }
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(501));
    assert_eq!(code(&long), Err(Code::Invalid));
}

#[test]
fn headers() {
    let check = |headers: &[(&'static str, &'static str)]| {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        check_headers(&headers.collect()).map_err(|problem| problem.code())
    };
    assert_eq!(check(&[("content-type", "application/json")]), Ok(()));
    assert_eq!(check(&[("content-type", "Application/JSON; charset=utf-8")]), Ok(()));
    for bad in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[("content-type", "application/json"), ("content-encoding", "identity")],
    ] {
        assert_eq!(check(bad), Err(Code::UnsupportedMediaType), "{bad:?}");
    }
    let large = [("content-type", "application/json"), ("content-length", "16385")];
    assert_eq!(check(&large), Err(Code::TooLarge));
}

#[tokio::test]
async fn a_body_without_length_is_cut_off_at_the_limit() {
    let body =
        |len: usize| Body::from(format!("{{\"text\":\"hi\",\"x\":\"{}\"}}", "x".repeat(len)));
    assert!(draft(body(BODY_LEN_MAX - 20)).await.is_ok());
    assert_eq!(draft(body(BODY_LEN_MAX)).await.unwrap_err().code(), Code::TooLarge);
}

proptest! {
    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&body);
    }

    #[test]
    fn any_text_comes_through_as_it_was_sent(text in "\\PC{1,100}") {
        let body = serde_json::json!({ "text": text }).to_string();
        let expected = Text::parse(&text).map_err(|_| Code::Invalid);
        prop_assert_eq!(code(&body).map(|draft| draft.text), expected);
    }
}
