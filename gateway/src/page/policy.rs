//! The page's Content-Security-Policy: its own files, this gateway and ingest, and no markup or
//! script made at run time. Pictures of authors, which their tokens name, are all that may come
//! from elsewhere.

use axum::http::HeaderValue;

/// The policy of a document that talks to `ingest_url` (empty = its own origin) and may be shown in
/// frames of `frames`.
pub(super) fn of(ingest_url: &str, frames: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; \
         connect-src {}; base-uri 'none'; form-action 'none'; frame-ancestors {frames}; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        format!("'self' {ingest_url}").trim_end()
    );
    // Both were checked when the configuration was read; if not, nothing at all may load.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Whose frames may show the embedded form: this origin's, and those whose pages may read answers.
pub(super) fn frame_ancestors(allowed_origins: &[String]) -> String {
    let origins = allowed_origins.iter().map(String::as_str);
    std::iter::once("'self'").chain(origins).collect::<Vec<_>>().join(" ")
}
