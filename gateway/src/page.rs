//! The web page: `/`, the same for frames at `/embed`, and the SDK at `/chorus.js`. All files are
//! embedded in the binary, and nothing that they load comes from elsewhere.
//!
//! What the page loads stands under `/assets/<hash of all of it>/…`, to be cached for ever; relative
//! imports stay within. What has a stable address is asked for again each time, by its `ETag`.

mod bare;
mod files;
mod policy;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use common::config::Config;
use sha2::{Digest, Sha256};

use files::FILES;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// May be kept, and has to be asked for again.
const ASK_AGAIN: &str = "no-cache";

/// The page, with what it has to know of this gateway.
pub(crate) struct Page {
    page: Stable,
    embed: Stable,
    /// In the path of everything that the page loads.
    hash: Arc<str>,
}

/// What is served at an address that stays.
#[derive(Clone)]
struct Stable {
    kind: &'static str,
    body: Bytes,
    etag: HeaderValue,
    /// For documents; a script takes its policy from the page that loads it.
    policy: Option<HeaderValue>,
}

impl Page {
    pub(crate) fn new(config: &Config) -> Self {
        let hash: Arc<str> = hash_of(FILES.iter().map(|file| file.content)).into();
        let document = |form, frames: &str| {
            let html = include_str!("../web/index.html")
                .replace("{{assets}}", &hash)
                .replace("{{form}}", form)
                // It was checked to be an address when the configuration was read.
                .replace("{{ingest_url}}", &config.gateway.ingest_url)
                .replace("{{identity}}", if config.is_development() { "open" } else { "token" });
            let policy = policy::of(&config.gateway.ingest_url, frames);
            Stable { policy: Some(policy), ..Stable::new("text/html; charset=utf-8", html.into()) }
        };
        let page = document("page", "'none'");
        let embed = document("embed", &policy::frame_ancestors(&config.cors.allowed_origins));
        Self { page, embed, hash }
    }

    pub(crate) fn router(&self) -> Router {
        let mut router = Router::new()
            .route("/", self.page.clone().served())
            .route("/embed", self.embed.clone().served());
        let script = bare::bare(include_str!("../web/chorus.js"));
        let types = include_str!("../web/chorus.d.ts").to_owned();
        for (path, body) in [("/chorus.js", script), ("/chorus.d.ts", types)] {
            let kind = "text/javascript; charset=utf-8";
            router = router.route(path, Stable::new(kind, body.into()).served());
        }
        let hash = self.hash.clone();
        let assets = |Path((asked, name)): Path<(String, String)>| async move {
            asset(&name, asked == *hash)
        };
        router.route("/assets/{hash}/{*name}", get(assets))
    }
}

impl Stable {
    fn new(kind: &'static str, body: Bytes) -> Self {
        let etag = format!("\"{}\"", hash_of([&*body]));
        let etag = HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { kind, body, etag, policy: None }
    }

    /// Answers each request for it.
    fn served(self) -> MethodRouter {
        get(|headers: HeaderMap| async move { self.answer(&headers) })
    }

    fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get_all(header::IF_NONE_MATCH).iter();
        let is_known = known.into_iter().any(|tags| lists(tags, &self.etag));
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            file(self.kind, self.body.clone(), ASK_AGAIN)
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN));
        if let Some(policy) = &self.policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        response
    }
}

/// Whether an `If-None-Match` has this tag; a proxy that compressed may have made it weak.
fn lists(tags: &HeaderValue, etag: &HeaderValue) -> bool {
    let mut tags = tags.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    tags.any(|tag| tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}

/// A file that the page loads. While gateways are being replaced the page of one asks another for
/// its files: it is given those there are, to be kept by nobody.
fn asset(name: &str, is_ours: bool) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(found) => {
            let caching = if is_ours { FOR_EVER } else { "no-store" };
            file(found.kind(), Bytes::from_static(found.content), caching)
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(kind: &'static str, body: Bytes, caching: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, caching),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

/// The first 16 hex digits of SHA-256: enough that two builds differ.
fn hash_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
