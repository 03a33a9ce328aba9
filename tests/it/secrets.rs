//! Tokens, tickets, cookies and secrets stand in no line that the binary prints, at its most
//! talkative, whatever is done with them: in HTTP/1.1 and HTTP/2, good and malformed.

use std::{fs, path::Path};

use axum::http::StatusCode;
use serde_json::json;
use tempfile::tempdir;

use crate::{
    client::Client,
    process::{self, stderr},
    redis_server::RedisServer,
    tokens::Issuer,
};
use offer::Doors;
use talker::Talker;

mod offer;
mod talker;

/// Secrets of the configuration; no other text has them by chance.
const HS256: &str = "hs256-hush-5f1e9c";
const INTERNAL: &str = "internal-hush-77ab20";
const PREVIOUS: &str = "previous-hush-c03d11";
const STORE: &str = "store-hush-9e41aa";
const REDIS: &str = "redis-hush-24b7f0";
/// What a set of keys should not have, but may.
const PRIVATE: &str = "cHJpdmF0ZS1odXNo";

/// Flags of every process.
const SECRETS: [&str; 8] = [
    "--auth.hs256_secret",
    HS256,
    "--internal.secret",
    INTERNAL,
    "--internal.secret_previous",
    PREVIOUS,
    "--store.password",
    STORE,
];

const ANY_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];

/// Which of the secrets are shown.
fn shown<'s>(said: &str, secrets: &'s [String]) -> Vec<&'s str> {
    secrets.iter().map(String::as_str).filter(|secret| said.contains(secret)).collect()
}

/// Each with its signature, which is enough to guess the rest.
fn with_signatures(secrets: Vec<String>) -> Vec<String> {
    let signature = |secret: &String| secret.rsplit_once('.').map(|(_, part)| part.to_owned());
    let signatures: Vec<_> = secrets.iter().filter_map(signature).collect();
    secrets.into_iter().chain(signatures).filter(|secret| secret.len() > 8).collect()
}

/// A file of keys, one of which tells more than it should.
fn keys_file(folder: &Path, issuer: &Issuer) -> String {
    let mut document: serde_json::Value = serde_json::from_str(&issuer.document()).unwrap();
    document["keys"][0]["d"] = PRIVATE.into();
    let shared = json!({"kty": "oct", "kid": "two", "alg": "HS256", "k": PRIVATE});
    document["keys"].as_array_mut().unwrap().push(shared);
    let file = folder.join("keys.json");
    fs::write(&file, document.to_string()).unwrap();
    file.display().to_string()
}

/// Shows everything; what was shown.
async fn show_all(doors: Doors, internal: &[std::net::SocketAddr], issuer: &Issuer) -> Vec<String> {
    let mut secrets = offer::tokens(issuer);
    let good = format!("Bearer {}", secrets[0]);
    let mut stream = Client::http2(doors.gateway).stream("v", "?recent=0").await;
    let ingest = Client::new(doors.ingest);
    let posted = ingest.comment_with("v", "seen", &[("authorization", &good)]).await;
    assert_eq!(posted.status, StatusCode::CREATED, "{posted:?}");
    assert_eq!(stream.texts(1).await, ["seen"]);
    offer::show_tokens(doors, &secrets).await;
    secrets.extend(offer::show_passes(doors, &secrets[0]).await);
    for door in internal {
        secrets.push(offer::show_internal(*door).await);
    }
    secrets.extend([HS256, INTERNAL, PREVIOUS, STORE, REDIS, PRIVATE].map(str::to_owned));
    with_signatures(secrets)
}

/// Nothing is shown, by a process that says a lot; and any of it would be noticed.
fn assert_silent(said: &str, secrets: &[String]) {
    assert!(said.contains(r#""level":"TRACE""#) && said.contains("loading headers"), "{said}");
    assert_eq!(shown(said, secrets), [""; 0]);
    for secret in secrets {
        let line = format!(r#"{{"level":"TRACE","message":"GET {secret}"}}"#);
        assert!(shown(&line, secrets).contains(&secret.as_str()), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_tells_no_secret() {
    let (folder, issuer) = (tempdir().unwrap(), Issuer::new());
    let jwks = keys_file(folder.path(), &issuer);
    let args = [&["all"][..], &ANY_PORTS, &SECRETS, &["--auth.jwks", &jwks]].concat();
    let mut all = Talker::start(&args);
    let (public, internal) = (all.address("public").await, all.address("internal").await);
    let doors = Doors { ingest: public, gateway: public };
    let secrets = show_all(doors, &[internal], &issuer).await;
    assert_silent(&all.last_words().await, &secrets);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn roles_apart_tell_no_secret() {
    let (folder, issuer) = (tempdir().unwrap(), Issuer::new());
    let jwks = keys_file(folder.path(), &issuer);
    let redis = RedisServer::start(&["--requirepass", REDIS]).await;
    let url = format!("redis://:{REDIS}@127.0.0.1:{}", redis.port());
    let live = ["--live.kind", "redis", "--live.url", &url, "--auth.jwks", &jwks];
    let start = |role: &str, more: &[&str]| {
        Talker::start(&[&[role][..], &ANY_PORTS[2..], &live, &SECRETS, more].concat())
    };
    let mut dispatcher = start("dispatcher", &[]);
    let dispatchers = format!("http://{}", dispatcher.address("internal").await);
    let any = &ANY_PORTS[..2];
    let mut ingest = start("ingest", &[any, &["--ingest.dispatchers", &dispatchers]].concat());
    let advertise = ["--gateway.advertise", "http://127.0.0.1:0"];
    let mut gateway = start("gateway", &[any, &advertise].concat());
    let doors =
        Doors { ingest: ingest.address("public").await, gateway: gateway.address("public").await };
    let internal = [dispatcher.address("internal").await, gateway.address("internal").await];
    let secrets = show_all(doors, &internal, &issuer).await;
    for role in [dispatcher, ingest, gateway] {
        assert_silent(&role.last_words().await, &secrets);
    }
}

/// What can't be read, or is no set of keys, is told of without what stands in it.
#[tokio::test]
async fn bad_keys_are_not_repeated() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let jwks = file.display().to_string();
    for text in [
        PRIVATE.to_owned(),
        format!(r#"{{"keys":"{PRIVATE}"}}"#),
        format!(r#"{{"{PRIVATE}":[]}}"#),
        format!(r#"{{"keys":[{{"kty":"{PRIVATE}"}}]}}"#),
    ] {
        fs::write(&file, &text).unwrap();
        let args = [&["all"][..], &ANY_PORTS, &["--auth.jwks", &jwks]].concat();
        let output = process::run(folder.path(), &args).await;
        let said = stderr(&output);
        assert!(!output.status.success() && said.contains(&jwks), "{said}");
        assert!(!said.contains(PRIVATE), "{said}");
    }
}
