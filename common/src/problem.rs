//! Refusals: one closed set, turned into `application/problem+json` (RFC 9457) in one place.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// The header that names a request in answers and logs.
pub const REQUEST_ID: &str = "x-request-id";

/// What kind of refusal it is; only this type knows the HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request isn't HTTP or JSON as it should be.
    Malformed,
    /// No token, or one that isn't good.
    Unauthorized,
    /// Known who it is, but they may not.
    Forbidden,
    /// No such thing.
    NotFound,
    /// The thing is there, the method isn't.
    MethodNotAllowed,
    /// The body is over its limit.
    TooLarge,
    /// Not the content type, or encoded.
    UnsupportedMediaType,
    /// Well-formed, but a field's value won't do.
    Invalid,
    /// The Idempotency-Key belongs to another request.
    KeyReused,
    /// Too often; the same request may be repeated later.
    Limited,
    /// Our fault.
    Internal,
    /// Nothing was done; the same request is safe to repeat.
    Unavailable,
}

impl Code {
    pub(crate) fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "Malformed request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "Not authenticated"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Body too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported body")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid value"),
            Self::KeyReused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "Idempotency-Key used before")
            }
            Self::Limited => (StatusCode::TOO_MANY_REQUESTS, "limited", "Too many requests"),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal server error")
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Service unavailable")
            }
        }
    }

    /// For answers that the framework gave without a problem of ours.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::Limited,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

/// One field that won't do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name in the request's body or query; empty for all of it.
    pub field: &'static str,
    /// What is wrong with its value, and what would be right.
    pub why: String,
}

/// Why a request is refused (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct Body<'a> {
    /// `urn:chorus:problem:` and which kind of refusal it is: what programs go by.
    #[schema(pattern = "^urn:chorus:problem:[a-z-]+$")]
    r#type: String,
    /// The same for people.
    title: &'a str,
    /// The answer's status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request.
    detail: &'a str,
    /// The answer's `X-Request-Id`.
    request_id: &'a str,
    /// Of 422: the fields that won't do, all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<FieldError>)]
    errors: Option<&'a [FieldError]>,
}

/// What a refusal's body looks like.
pub(crate) fn schemas() -> Map<String, Value> {
    let named = [("Problem", json!(Body::schema())), ("FieldError", json!(FieldError::schema()))];
    named.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect()
}

/// A refusal, as handlers return it. [`render`] adds the request's id and makes it the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_s: Option<u32>,
}

impl Problem {
    /// A refusal; `detail` is for the client's developer and never holds anything internal.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after_s: None }
    }

    /// 422 with the fields that won't do.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = errors.iter().map(|e| format!("{} {}", e.field, e.why)).collect::<Vec<_>>();
        Self { errors, ..Self::new(Code::Invalid, detail.join("; ")) }
    }

    /// 503 with `Retry-After`.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, retry_after_s: u32) -> Self {
        let retry_after_s = Some(retry_after_s);
        Self { retry_after_s, ..Self::new(Code::Unavailable, detail) }
    }

    /// 429 with `Retry-After`.
    #[must_use]
    pub fn limited(detail: impl Into<String>, retry_after_s: u32) -> Self {
        let retry_after_s = Some(retry_after_s);
        Self { retry_after_s, ..Self::new(Code::Limited, detail) }
    }

    /// Which refusal it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    fn into_body(self, request_id: &str) -> Response {
        let (status, slug, title) = self.code.parts();
        let body = Body {
            r#type: format!("urn:chorus:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            request_id,
            errors: (status == StatusCode::UNPROCESSABLE_ENTITY).then_some(&self.errors),
        };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem_json);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.parts().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Outermost layer of every public router: names the request, and gives every refusal, also the
/// framework's own, its body.
pub async fn render(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let mut response = next.run(request).await;
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| {
        let unexplained = status.is_client_error() || status.is_server_error();
        let detail = status.canonical_reason().unwrap_or("refused");
        unexplained.then(|| Problem::new(Code::of_status(status), detail))
    });
    if let Some(problem) = problem {
        let inner = std::mem::take(response.headers_mut());
        response = problem.into_body(&id);
        merge_missing(response.headers_mut(), inner);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Keeps what inner layers had added (CORS, Allow), but nothing about the body that is replaced.
fn merge_missing(headers: &mut HeaderMap, earlier: HeaderMap) {
    let about_body = [header::CONTENT_LENGTH, header::CONTENT_TYPE];
    for (name, value) in earlier {
        if let Some(name) = name.filter(|name| !about_body.contains(name)) {
            headers.entry(name).or_insert(value);
        }
    }
}

/// The caller's own id when it is a plain word, so that traces join up; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(is_plain);
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
