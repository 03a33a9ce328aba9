//! The roles with a proxy before the far ingest's store, and what a commenter and a viewer do there.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::time::{sleep, timeout};

use super::ANSWER_MAX;
use crate::{
    client::{Answer, Client, GUARD, Stream},
    process::{self, Process},
    proxy::tcp::TcpProxy,
    roles::{self, needed, refs},
};

pub(super) struct System {
    _folder: TempDir,
    /// The far ingest's way to the store.
    pub(super) link: TcpProxy,
    pub(super) far: Process,
    near: Process,
    gateway: Process,
    _dispatcher: Process,
}

impl System {
    pub(super) async fn start() -> Self {
        let folder = tempdir().unwrap();
        let flags = roles::flags(&roles::unique_name(), &needed("CHORUS_TEST_REDIS"));
        roles::migrate(folder.path(), &flags).await;
        let start = async |role: &str, more: &[&str]| {
            let args = [&[role][..], &refs(&flags), more].concat();
            let mut command = process::command(folder.path(), &args);
            let log = folder.path().join(format!("{role}.log"));
            let log = std::fs::OpenOptions::new().create(true).append(true).open(log);
            command.stderr(log.unwrap());
            Process::start_command(command).await
        };
        let link = TcpProxy::start(vec![Some(cassandra())]);
        let proxied = link.address().to_string();
        let dispatcher = start("dispatcher", &[]).await;
        let url = format!("http://{}", dispatcher.internal);
        let any = ["--listen", "127.0.0.1:0"];
        let ingest = [&any[..], &["--ingest.dispatchers", &url]].concat();
        let near = start("ingest", &ingest).await;
        let far = start("ingest", &[&ingest[..], &["--store.nodes", &proxied]].concat()).await;
        let advertise = ["--gateway.advertise", "http://127.0.0.1:0"];
        let gateway = start("gateway", &[&any[..], &advertise].concat()).await;
        Self { _folder: folder, link, far, near, gateway, _dispatcher: dispatcher }
    }

    /// A viewer, once its stream is live.
    pub(super) async fn watch(&self, video: &str) -> Stream {
        let mut stream = self.gateway.client().stream(video, "?recent=0").await;
        stream.next().await.expect("no first block");
        stream
    }

    /// Posts at the near node, which a viewer sees.
    pub(super) async fn shows(&self, video: &str, stream: &mut Stream, text: &str) {
        let answer = post(&self.near.client(), video, text, None).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        assert_eq!(stream.texts(1).await, [text]);
    }

    /// Texts and ids of a video's history, newest first.
    pub(super) async fn history(&self, video: &str) -> Vec<(String, String)> {
        let page = listed(&self.near.client(), video).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let page = page.json();
        let word = |comment: &Value, name: &str| comment[name].as_str().unwrap().to_owned();
        let comments = page["comments"].as_array().unwrap().iter();
        comments.map(|comment| (word(comment, "text"), word(comment, "id"))).collect()
    }

    /// Waits until the far node's `/readyz` says this of the store; it is ready all the while.
    pub(super) async fn store_is(&self, state: &str) {
        let internal = Client::new(self.far.internal);
        let told = async {
            loop {
                let answer = internal.get("/readyz").await;
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
                let told = answer.json();
                if told["dependencies"]["store"].as_str().unwrap().starts_with(state) {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(GUARD, told).await.expect("/readyz says otherwise");
    }

    /// Waits until the far node has no post under way.
    pub(super) async fn is_idle(&self) {
        let idle = async {
            loop {
                let metrics = Client::new(self.far.internal).get("/metrics").await.body;
                let metrics = str::from_utf8(&metrics).unwrap();
                if metrics.contains("chorus_tasks{task=\"ingest.post\"} 0\n") {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(GUARD, idle).await.expect("posts pile up");
    }

    /// Repeats a post at the far node until it is taken; its id.
    pub(super) async fn insist(&self, video: &str, text: &str, key: Option<&str>) -> String {
        let taken = async {
            loop {
                let answer = post(&self.far.client(), video, text, key).await;
                match answer.status {
                    StatusCode::CREATED => break answer.json()["id"].as_str().unwrap().to_owned(),
                    _ => expect_refused(&answer),
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(GUARD, taken).await.expect("posting does not recover")
    }
}

fn cassandra() -> std::net::SocketAddr {
    needed("CHORUS_TEST_CQL").replace("localhost", "127.0.0.1").parse().unwrap()
}

pub(super) async fn post(client: &Client, video: &str, text: &str, key: Option<&str>) -> Answer {
    let bearer = roles::bearer("u1", Duration::from_secs(60));
    let mut headers =
        vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let (path, body) = (format!("/v1/videos/{video}/comments"), json!({ "text": text }));
    let began = Instant::now();
    let answer = client.try_send(Method::POST, &path, &headers, body.to_string()).await.unwrap();
    assert!(began.elapsed() < ANSWER_MAX, "{:?}: {answer:?}", began.elapsed());
    answer
}

pub(super) async fn listed(client: &Client, video: &str) -> Answer {
    let began = Instant::now();
    let answer = client.get(&format!("/v1/videos/{video}/comments?limit=200")).await;
    assert!(began.elapsed() < ANSWER_MAX, "{:?}: {answer:?}", began.elapsed());
    answer
}

pub(super) fn expect_refused(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{answer:?}");
}
