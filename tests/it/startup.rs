//! Starting: what it serves beside the API, and one clear line when it can't.

use std::{
    fs::{self, File},
    net::TcpListener,
    time::Duration,
};

use axum::http::StatusCode;
use tempfile::tempdir;
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, GUARD},
    process::{self, Process, stderr},
    server::Server,
};

const ANY_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];

async fn fails_with(args: &[&str], words: &[&str]) {
    let folder = tempdir().unwrap();
    let output = process::run(folder.path(), args).await;
    assert!(!output.status.success(), "{args:?}");
    let said = stderr(&output);
    assert_eq!(said.trim().lines().count(), 1, "one line: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} in {said}");
    }
}

#[tokio::test]
async fn health_and_metrics_on_the_internal_socket() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    for client in [server.internal(), server.client()] {
        assert_eq!(client.get("/livez").await.status, StatusCode::OK);
        assert_eq!(client.get("/metrics").await.status, StatusCode::OK);
        let ready = client.get("/readyz").await;
        assert_eq!(ready.status, StatusCode::OK);
        assert_eq!(ready.json()["dependencies"]["store"], "up");
    }
    server.stop().await;
}

/// Where nobody has to show who they are, the terminal says so.
#[tokio::test]
async fn development_mode_says_so_loudly() {
    let with_secret = [&ANY_PORTS[..], &["--auth.hs256_secret", "hush"]].concat();
    for (flags, last) in [(&ANY_PORTS[..], "DEVELOPMENT MODE"), (&with_secret, "Bearer")] {
        let folder = tempdir().unwrap();
        let out = folder.path().join("out");
        let mut command = process::command(folder.path(), &[&["all"][..], flags].concat());
        let _all = command.stdout(File::create(&out).unwrap()).spawn().unwrap();
        let said = async {
            loop {
                let said = fs::read_to_string(&out).unwrap();
                if said.contains(last) {
                    return said;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let said = timeout(GUARD, said).await.expect("it says nothing");
        assert_eq!(said.contains("DEVELOPMENT MODE"), last == "DEVELOPMENT MODE", "{said}");
    }
}

#[tokio::test]
async fn internal_calls_need_the_secret() {
    let folder = tempdir().unwrap();
    let server = Server::all_with(folder.path(), "[internal]\nsecret = \"inner\"").await;
    for path in [common::peer::DISPATCH_PATH, common::peer::DELIVER_PATH] {
        let call = async |secret: &'static str| {
            let headers = [("x-chorus-internal-secret", secret)];
            server.internal().send(axum::http::Method::POST, path, &headers, "junk").await.status
        };
        assert_eq!(call("wrong").await, StatusCode::UNAUTHORIZED);
        assert_eq!(call("inner").await, StatusCode::BAD_REQUEST, "junk, but let in");
        let public = server.client().send(axum::http::Method::POST, path, &[], "junk").await;
        assert_eq!(public.status, StatusCode::NOT_FOUND, "never on the public socket");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_page_is_served_with_a_strict_policy() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let page = server.client().get("/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    for file in ["/embed", "/chorus.js", "/chorus.d.ts"] {
        assert_eq!(server.client().get(file).await.status, StatusCode::OK);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails_with(&["--listen", &address], &[&address, "in use", "listen"]).await;
}

#[tokio::test]
async fn a_second_process_on_the_same_data() {
    let folder = tempdir().unwrap();
    let first = Process::start(folder.path(), &ANY_PORTS).await;
    let second = process::run(folder.path(), &ANY_PORTS).await;
    assert!(!second.status.success());
    let said = stderr(&second);
    assert_eq!(said.trim().lines().count(), 1, "one line: {said}");
    assert!(said.contains("in use") && said.contains("store.path"), "{said}");
    first.kill().await;
}

#[tokio::test]
async fn a_certificate_that_is_not_there() {
    let args = [&ANY_PORTS[..], &["--tls.cert", "no.pem", "--tls.key", "no.key"]].concat();
    fails_with(&args, &["can't read no.pem", "`tls.cert`"]).await;
}

#[tokio::test]
async fn keys_that_are_not_there() {
    let args = [&ANY_PORTS[..], &["--auth.jwks", "no.json"]].concat();
    fails_with(&args, &["can't read no.json", "`auth.jwks`"]).await;
}

fn dispatcher_on(url: &str) -> Vec<&str> {
    let live = ["dispatcher", "--live.kind", "redis", "--live.url", url];
    [&live[..], &["--internal.secret", "s"], &ANY_PORTS[2..]].concat()
}

/// Redis may be away just now: it is waited for, and the log says so.
#[tokio::test]
async fn an_unreachable_redis() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = process::command(folder.path(), &dispatcher_on("redis://:hush@127.0.0.1:1/"));
    command.stderr(std::fs::File::create(&log).unwrap());
    let dispatcher = Process::start_command(command).await;
    let ready = Client::new(dispatcher.internal).get("/readyz").await;
    let why = ready.json()["dependencies"]["live"].as_str().unwrap().to_owned();
    assert!(why.starts_with("down: ") && why.contains("127.0.0.1:1"), "{why}");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("127.0.0.1:1") && log.contains("set live.url"), "{log}");
    assert!(![&log, &why].iter().any(|text| text.contains("hush")), "{log}{why}");
    dispatcher.kill().await;
}

#[tokio::test]
async fn an_unreachable_cassandra() {
    let args =
        [&["--store.kind", "scylla", "--store.nodes", "127.0.0.1:1"][..], &ANY_PORTS].concat();
    fails_with(&args, &["127.0.0.1:1", "store.nodes"]).await;
}

#[tokio::test]
async fn roles_apart_need_a_secret_and_redis() {
    let folder = tempdir().unwrap();
    let output = process::run(folder.path(), &["gateway"]).await;
    assert_eq!(output.status.code(), Some(64));
    let said = stderr(&output);
    assert!(said.contains("internal.secret") && said.contains("live.kind"), "{said}");
}

#[tokio::test]
async fn a_token_can_be_made() {
    let folder = tempdir().unwrap();
    let output =
        process::run(folder.path(), &["token", "--sub", "u1", "--auth.hs256_secret", "s"]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    let token = String::from_utf8(output.stdout).unwrap();
    assert_eq!(token.trim().split('.').count(), 3);
}

#[tokio::test]
async fn post_and_tail_in_a_terminal() {
    let folder = tempdir().unwrap();
    let server = Process::start(folder.path(), &ANY_PORTS).await;
    let url = format!("http://{}", server.public.unwrap());
    let posted =
        process::run(folder.path(), &["post", "v", "from a terminal", "--url", &url]).await;
    assert!(posted.status.success(), "{}", stderr(&posted));
    let refused = process::run(folder.path(), &["post", "v", " ", "--url", &url]).await;
    assert!(!refused.status.success() && stderr(&refused).contains("422"));
    let tail = process::command(folder.path(), &["tail", "v", "--url", &url]);
    assert!(process::first_line(tail).await.ends_with(": from a terminal"));
    server.kill().await;
}
