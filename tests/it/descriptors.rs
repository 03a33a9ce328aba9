//! A process that runs out of file descriptors.

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use tempfile::tempdir;
use tokio::{
    net::TcpStream,
    time::{Duration, sleep, timeout},
};

use crate::{
    client::GUARD,
    process::{self, Process},
};

const LIMIT: u32 = 400;
const ALL: [&str; 5] = ["all", "--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];

/// A quarter of so few is kept back: for posts, and for the store's files.
#[tokio::test]
async fn who_finds_too_few_left_is_told_to_come_back_and_all_else_goes_on() {
    let folder = tempdir().unwrap();
    let server = Process::start_command(process::limited(LIMIT, folder.path(), &ALL)).await;
    let client = server.client();
    let mut streams = Vec::new();
    let turned_away = loop {
        let mut stream = client.stream("v", "?recent=0").await;
        assert_eq!(stream.status, StatusCode::OK);
        let first = stream.event().await.unwrap();
        if first.name != "resume" {
            break first;
        }
        streams.push(stream);
    };
    assert!(turned_away.retry.is_some(), "{turned_away:?}");
    assert!((200..=300).contains(&streams.len()), "{} streams", streams.len());
    // Whoever is turned away holds no descriptor for long, however many come. One may come in all the
    // same, when the process has just closed something.
    for _ in 0..LIMIT {
        let mut stream = client.stream("v", "?recent=0").await;
        assert_eq!(stream.status, StatusCode::OK);
        if stream.event().await.unwrap().name == "resume" {
            streams.push(stream);
        }
    }
    assert!(streams.len() <= 300, "{} streams", streams.len());
    let posts = join_all((0..20).map(|n| {
        let client = client.clone();
        async move { client.comment("v", &format!("{n}")).await.status }
    }));
    assert!(posts.await.iter().all(|status| *status == StatusCode::CREATED));
    assert_eq!(streams[0].texts(20).await.len(), 20);
    drop(streams);
    let comes_in = async {
        while client.stream("v", "").await.event().await.unwrap().name != "resume" {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(GUARD, comes_in).await.unwrap();
    server.kill().await;
}

/// The internal socket takes all there are: then accepting fails until some are given back.
#[tokio::test]
async fn a_process_without_any_waits_for_some() {
    const LOOK: Duration = Duration::from_secs(1);
    let folder = tempdir().unwrap();
    let server = Process::start_command(process::limited(LIMIT, folder.path(), &ALL)).await;
    let connect = async |_| TcpStream::connect(server.internal).await.unwrap();
    let silent = join_all((0..LIMIT + 50).map(connect)).await;
    sleep(LOOK).await; // for the server to accept what it can
    let before = server.ticks();
    sleep(LOOK).await;
    let used = server.ticks() - before;
    assert!(used < 30, "{used} of 100 ticks: it tries all the time");
    drop(silent);
    let client = server.client();
    let answers = async {
        // Refused while a high descriptor is the first that is given back.
        while client.try_send(Method::GET, "/livez", &[], "").await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(GUARD, answers).await.unwrap();
    server.kill().await;
}
