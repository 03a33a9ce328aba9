//! The web page at `/`: three files, embedded in the binary.

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::{Html, IntoResponse},
    routing::get,
};

/// The page, with what it has to know of this gateway.
pub(crate) struct Page {
    html: String,
    policy: HeaderValue,
}

impl Page {
    /// `ingest_url`: where comments are posted; empty = the page's own origin. It was checked to
    /// be an address when the configuration was read.
    pub(crate) fn new(ingest_url: &str) -> Self {
        let html = include_str!("../web/index.html").replace("{{ingest_url}}", ingest_url);
        let policy = format!("default-src 'self'; connect-src 'self' {ingest_url}");
        let policy = HeaderValue::from_str(policy.trim_end())
            .unwrap_or(HeaderValue::from_static("default-src 'self'"));
        Self { html, policy }
    }

    pub(crate) fn router(&self) -> Router {
        let (html, policy) = (self.html.clone(), self.policy.clone());
        Router::new()
            .route("/", get(|| async { ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)) }))
            .route("/page.js", get(|| file("text/javascript", include_str!("../web/page.js"))))
            .route("/page.css", get(|| file("text/css", include_str!("../web/page.css"))))
    }
}

async fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    const NOSNIFF: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    ([(header::CONTENT_TYPE, kind), NOSNIFF], content)
}
