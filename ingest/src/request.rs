//! A comment as somebody sends it, and every way in which it can be wrong.

use std::{collections::HashMap, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
};
use bytes::Bytes;
use common::{
    comment::{InvalidText, Text},
    ids::{CommentId, IdempotencyKey},
    problem::{Code, FieldError, Problem},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// Longest wait for a body: slower senders are attackers, or gone.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest body, bytes.
const BODY_LEN_MAX: usize = 16 * 1024;

/// What a body says, checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) text: Text,
    pub(crate) reply_to: Option<CommentId>,
}

/// A comment, to be posted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `parse` takes field by field")]
pub(crate) struct NewComment {
    /// What is to be said; it is trimmed and normalised (NFC).
    text: Text,
    /// The comment that it answers, of the same video.
    reply_to: Option<CommentId>,
}

/// What a request can be repeated with.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `key` reads")]
pub(crate) struct Key {
    /// The same key is the same request, for the same author and 24 hours: 1 to 128 visible ASCII
    /// characters, quoted or bare. For another request it is 422.
    #[param(rename = "Idempotency-Key", value_type = IdempotencyKey, inline, required = false)]
    key: Option<IdempotencyKey>,
}

/// Reads the Idempotency-Key, if there is one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let bad = |why: String| Problem::new(Code::Malformed, why);
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(bad("more than one Idempotency-Key".into()));
    }
    let text = value.to_str().map_err(|_| bad("Idempotency-Key must be ASCII".into()))?;
    IdempotencyKey::from_header(text).map(Some).map_err(|error| bad(error.to_string()))
}

/// Refuses bodies that aren't plain JSON before anything of them is read.
pub(crate) fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |why| Err(Problem::new(Code::UnsupportedMediaType, why));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return unsupported("the body must not be encoded");
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return unsupported("Content-Type must be application/json");
    }
    let length = headers.get(header::CONTENT_LENGTH).map(HeaderValue::to_str);
    let length = length.and_then(Result::ok).and_then(|text| text.parse::<usize>().ok());
    if length.is_some_and(|length| length > BODY_LEN_MAX) { Err(too_large()) } else { Ok(()) }
}

/// Reads the body of a comment.
pub(crate) async fn draft(body: Body) -> Result<Draft, Problem> {
    parse(&read_body(body).await?)
}

/// Reads a body, no further than its limit.
pub(crate) async fn read_body(body: Body) -> Result<Bytes, Problem> {
    let read = Limited::new(body, BODY_LEN_MAX).collect();
    let read = tokio::time::timeout(BODY_TIMEOUT, read).await;
    let body = read.map_err(|_| malformed("the body took too long"))?.map_err(|error| {
        let over = error.downcast_ref::<LengthLimitError>().is_some();
        if over { too_large() } else { malformed("the body was cut off") }
    })?;
    Ok(body.to_bytes())
}

fn too_large() -> Problem {
    Problem::new(Code::TooLarge, format!("the body must be at most {BODY_LEN_MAX} bytes"))
}

pub(crate) fn malformed(why: &str) -> Problem {
    Problem::new(Code::Malformed, why)
}

fn parse(bytes: &[u8]) -> Result<Draft, Problem> {
    let body = str::from_utf8(bytes).map_err(|_| malformed("the body is not UTF-8"))?;
    let whole: &RawValue =
        serde_json::from_str(body).map_err(|_| malformed("the body is not JSON"))?;
    // The fields stay raw at first: a lone surrogate in one of them is that field's fault.
    let fields: HashMap<String, &RawValue> = serde_json::from_str(whole.get())
        .map_err(|_| Problem::invalid(vec![error("text", "is missing: send {\"text\": \"…\"}")]))?;
    let text = text(fields.get("text").copied());
    let reply_to = reply_to(fields.get("reply_to").copied());
    match (text, reply_to) {
        (Ok(text), Ok(reply_to)) => Ok(Draft { text, reply_to }),
        (text, reply_to) => {
            Err(Problem::invalid(text.err().into_iter().chain(reply_to.err()).collect()))
        }
    }
}

fn error(field: &'static str, why: impl Into<String>) -> FieldError {
    FieldError { field, why: why.into() }
}

fn text(raw: Option<&RawValue>) -> Result<Text, FieldError> {
    let raw = raw.ok_or_else(|| error("text", "is missing"))?;
    let text = string(raw).ok_or_else(|| error("text", "must be a string of whole characters"))?;
    Text::parse(&text).map_err(|why: InvalidText| error("text", why.to_string()))
}

fn reply_to(raw: Option<&RawValue>) -> Result<Option<CommentId>, FieldError> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    let id = string(raw).and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| error("reply_to", "must be a comment's id"))
}

/// A JSON string as text; `None` when it isn't one, or has lone surrogates.
fn string(raw: &RawValue) -> Option<String> {
    let Raw(bytes) = serde_json::from_str(raw.get()).ok()?;
    String::from_utf8(bytes).ok()
}

/// A JSON string as bytes: the one way serde_json lets a lone surrogate through (as three bytes
/// that are not UTF-8), so that it can be told from broken JSON.
struct Raw(Vec<u8>);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(RawVisitor)
    }
}

struct RawVisitor;

impl Visitor<'_> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Raw, E> {
        Ok(Raw(bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests;
