//! Processes that start while Redis is away, as after a crash in the middle of an outage: each does
//! what it can without, and the rest when Redis is there.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tempfile::{TempDir, tempdir};
use tokio::time::sleep;

use crate::{
    client::{Answer, Client, GUARD, Stream},
    process::{self, Process},
    redis_server::RedisServer,
    roles::{self, refs},
};

/// By then the dispatcher, which looks once a second, knows of the gateway.
const KNOWN: Duration = Duration::from_secs(2);

struct System {
    folder: TempDir,
    flags: Vec<String>,
}

impl System {
    async fn process(&self, role: &str, more: &[&str]) -> Process {
        let args = [&[role][..], &refs(&self.flags), more].concat();
        Process::start(self.folder.path(), &args).await
    }

    async fn gateway(&self) -> Process {
        let any = ["--listen", "127.0.0.1:0", "--gateway.advertise", "http://127.0.0.1:0"];
        self.process("gateway", &any).await
    }

    async fn ingest(&self, dispatchers: &[&Process]) -> Process {
        let urls = dispatchers.iter().map(|d| format!("http://{}", d.internal));
        let urls = urls.collect::<Vec<_>>().join(",");
        let args = ["--listen", "127.0.0.1:0", "--ingest.dispatchers", &urls];
        self.process("ingest", &args).await
    }
}

async fn watch(gateway: &Process, video: &str) -> Stream {
    let mut stream = gateway.client().stream(video, "?recent=0").await;
    let verdict = stream.next().await.expect("no first block");
    assert_eq!(verdict.json()["status"], "new");
    stream
}

async fn post(ingest: &Process, video: &str, text: &str) -> Answer {
    let bearer = roles::bearer("u1", Duration::from_secs(60));
    ingest.client().comment_with(video, text, &[("authorization", &bearer)]).await
}

/// The process is ready all the while, and says how it stands with Redis.
async fn live_is(process: &Process, state: &str) {
    let (client, began) = (Client::new(process.internal), Instant::now());
    loop {
        let answer = client.get("/readyz").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let live = answer.json()["dependencies"]["live"].as_str().unwrap().to_owned();
        if live.starts_with(state) {
            return;
        }
        assert!(began.elapsed() < GUARD, "{live}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// The next comment's text, and whether it has a position; positions that stand alone are passed
/// over.
async fn next(stream: &mut Stream) -> (String, bool) {
    loop {
        let block = stream.event().await.expect("the stream ended");
        if block.name == "comment" {
            return (block.json()["text"].as_str().unwrap().to_owned(), block.id.is_some());
        }
        assert!(block.data.is_empty(), "{block:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn who_starts_without_redis_does_what_can_be_done() {
    let mut redis = RedisServer::start(&[]).await;
    let flags = roles::flags_embedded(&redis.url());
    let system = System { folder: tempdir().unwrap(), flags };
    let (old_dispatcher, old) = (system.process("dispatcher", &[]).await, system.gateway().await);
    let mut old_viewer = watch(&old, "v").await;
    sleep(KNOWN).await;

    redis.kill();
    let new_dispatcher = system.process("dispatcher", &[]).await;
    let ingest = system.ingest(&[&old_dispatcher, &new_dispatcher]).await;
    let new = system.gateway().await;
    for process in [&new_dispatcher, &ingest, &new] {
        live_is(process, "down: ").await;
    }
    let mut new_viewer = watch(&new, "v").await;
    // Whichever dispatcher is asked first: the new one leaves it to the old.
    for text in ["one", "two"] {
        let answer = post(&ingest, "v", text).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        assert_eq!(next(&mut old_viewer).await, (text.to_owned(), false));
    }
    // A video that nobody watched before.
    let mut joined = watch(&old, "w").await;
    assert_eq!(post(&ingest, "w", "four").await.status, StatusCode::ACCEPTED);
    assert_eq!(next(&mut joined).await, ("four".to_owned(), false));

    redis.start_again().await;
    for process in [&new_dispatcher, &ingest, &new] {
        live_is(process, "up").await;
    }
    // The old dispatcher knew nothing of the new gateway. Tried one by one, either may be first.
    let mut placed = [next(&mut new_viewer).await, next(&mut new_viewer).await];
    placed.sort_unstable();
    assert_eq!(placed, ["one", "two"].map(|text| (text.to_owned(), true)));
    for (video, viewers) in
        [("v", vec![&mut old_viewer, &mut new_viewer]), ("w", vec![&mut joined])]
    {
        assert_eq!(post(&ingest, video, "last").await.status, StatusCode::CREATED);
        for viewer in viewers {
            assert_eq!(next(viewer).await, ("last".to_owned(), true), "and nothing twice");
        }
    }
}

/// Waiting does not help there, and the log says so, once.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_refusal_that_comes_later_is_told() {
    let mut redis = RedisServer::start(&["--requirepass", "other"]).await;
    redis.kill();
    let (folder, flags) = (tempdir().unwrap(), roles::flags_embedded(&redis.url()));
    let log = folder.path().join("log");
    let args = [&["dispatcher"][..], &refs(&flags)].concat();
    let mut command = process::command(folder.path(), &args);
    command.stderr(std::fs::File::create(&log).unwrap());
    let dispatcher = Process::start_command(command).await;
    redis.start_again().await;
    let away = "down: the live log is unavailable: ";
    let refused = format!("{away}Redis at {}: not connected, \"NOAUTH\"", redis.url());
    live_is(&dispatcher, &refused).await;
    sleep(KNOWN).await;
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("redis refuses us").count(), 1, "{log}");
    dispatcher.kill().await;
}
