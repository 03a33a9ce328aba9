use std::{collections::BTreeSet, fs, path::Path as Folder};

use axum::{body::Body, http::Request};
use common::config::{self, Role, Sources};
use tower::ServiceExt;

use super::*;

/// What is in `gateway/web` and not served: the documents' template, and what npm and people read.
const NOT_SERVED: [&str; 4] = ["index.html", "package.json", "README.md", "screenshot.jpg"];

fn in_folder(folder: &Folder, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            in_folder(&entry.path(), &format!("{name}/"), found);
        } else if !NOT_SERVED.contains(&&*name) {
            found.insert(name);
        }
    }
}

#[test]
fn every_file_is_embedded() {
    let mut found = BTreeSet::new();
    in_folder(Folder::new(concat!(env!("CARGO_MANIFEST_DIR"), "/web")), "", &mut found);
    let embedded: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
    assert_eq!(found, embedded);
}

fn page(config: &str) -> Router {
    let sources = Sources::default().with_file_text("c.toml", config);
    Page::new(&config::load(Role::All, sources).config.unwrap()).router()
}

async fn answer(router: &Router, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn head<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Addresses in quotes that begin like this one.
fn addresses(html: &str, start: &str) -> Vec<String> {
    html.split('"').filter(|part| part.starts_with(start)).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_the_page_loads_is_kept_for_ever() {
    let router = page("");
    let html = text(answer(&router, "/", &[]).await).await;
    assert!(!html.contains("{{"), "{html}");
    let loaded = addresses(&html, "/assets/");
    assert!(loaded.len() > 5, "{html}");
    for address in &loaded {
        let file = answer(&router, address, &[]).await;
        assert_eq!(file.status(), StatusCode::OK, "{address}");
        assert_eq!(head(&file, "cache-control"), FOR_EVER);
        assert_eq!(head(&file, "x-content-type-options"), "nosniff");
    }
    // A gateway of another release knows these files by another hash.
    let foreign = loaded[0].replacen(loaded[0].split('/').nth(2).unwrap(), "0123456789abcdef", 1);
    let file = answer(&router, &foreign, &[]).await;
    assert_eq!((file.status(), head(&file, "cache-control")), (StatusCode::OK, "no-store"));
    for missing in ["/assets/x/page/none.js", "/assets/x/../Cargo.toml", "/assets/x/index.html"] {
        assert_eq!(
            answer(&router, missing, &[]).await.status(),
            StatusCode::NOT_FOUND,
            "{missing}"
        );
    }
}

#[tokio::test]
async fn what_stays_at_its_address_is_asked_for_by_tag() {
    let router = page("");
    for path in ["/", "/embed", "/chorus.js", "/chorus.d.ts"] {
        let first = answer(&router, path, &[]).await;
        assert_eq!((first.status(), head(&first, "cache-control")), (StatusCode::OK, ASK_AGAIN));
        let etag = head(&first, "etag").to_owned();
        for (known, status) in [
            (etag.clone(), StatusCode::NOT_MODIFIED),
            (format!("\"x\", W/{etag}"), StatusCode::NOT_MODIFIED),
            ("\"x\"".to_owned(), StatusCode::OK),
        ] {
            let again = answer(&router, path, &[("if-none-match", &known)]).await;
            assert_eq!(again.status(), status, "{path} {known}");
            assert_eq!(head(&again, "etag"), etag);
        }
    }
}

#[tokio::test]
async fn only_the_embedded_form_may_be_framed_and_only_by_the_origins_allowed() {
    let policy = async |config: &str, path: &str| {
        let response = answer(&page(config), path, &[]).await;
        head(&response, "content-security-policy").to_owned()
    };
    let allowing = "[cors]\nallowed_origins = ['https://a.example', 'https://b.example:8443']";
    for config in ["", allowing] {
        assert!(policy(config, "/").await.contains("frame-ancestors 'none';"));
    }
    assert!(policy("", "/embed").await.contains("frame-ancestors 'self';"));
    let frames = "frame-ancestors 'self' https://a.example https://b.example:8443;";
    assert!(policy(allowing, "/embed").await.contains(frames));
    let elsewhere = "[gateway]\ningest_url = 'https://ingest.example'";
    assert!(policy(elsewhere, "/").await.contains("connect-src 'self' https://ingest.example;"));
}

#[tokio::test]
async fn the_page_knows_who_may_be_believed() {
    let identity = async |config| text(answer(&page(config), "/", &[]).await).await;
    assert!(identity("").await.contains(r#"name="chorus-identity" content="open""#));
    let secret = "[auth]\nhs256_secret = 'secret'";
    assert!(identity(secret).await.contains(r#"name="chorus-identity" content="token""#));
}
