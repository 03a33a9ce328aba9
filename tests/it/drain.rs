//! How streams end when a gateway is asked to or they are old, and how many there may be.

use std::net::SocketAddr;

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::tempdir;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Duration, sleep, timeout},
};

use crate::{
    client::{Client, GUARD, Stream},
    process::Process,
    server::Server,
};

const STREAM: &str = "/v1/videos/v/stream?recent=0";

/// An HTTP/2 connection, and the task that ends with it.
async fn http2_to(address: SocketAddr) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>) {
    let socket = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    let ended = async move { connection.await.unwrap() };
    (sender, common::task::spawn("test", ended))
}

fn http2_get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://localhost{path}")).body(Empty::new()).unwrap()
}

/// What a stream brought until its end: comments, then a time to come back after.
async fn until_end(mut stream: Stream) -> Vec<String> {
    let (mut texts, mut retry) = (Vec::new(), None);
    while let Some(block) = stream.event().await {
        if block.name == "comment" {
            texts.push(block.json()["text"].as_str().unwrap().to_owned());
        }
        retry = block.retry;
    }
    assert!(retry.is_some(), "told when to come back, after {texts:?}");
    texts
}

/// Sockets that were taken over and long polls, which are response bodies, while comments are
/// posted: each gets all of them up to its end, and the ends are spread over the window.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_streams_one_after_another_and_goes_on_meanwhile() {
    let folder = tempdir().unwrap();
    let mut server = Server::all_with(folder.path(), "[gateway]\ndrain_window_s = 2").await;
    let client = server.client();
    let mut viewers = Vec::new();
    for nth in 0..40 {
        let query = if nth % 4 == 0 { "?recent=0&poll=25" } else { "?recent=0" };
        let mut stream = client.stream("v", query).await;
        assert_eq!(stream.event().await.unwrap().name, "resume");
        viewers.push(common::task::spawn("test", until_end(stream)));
    }
    let draining = server.system.drain();
    let posting = async {
        sleep(Duration::from_millis(100)).await; // for the drain to have begun
        let turned_away = client.get(STREAM).await;
        assert_eq!(turned_away.status, StatusCode::OK);
        assert!(turned_away.body.starts_with(b"retry: "), "{turned_away:?}");
        let mut posted = Vec::new();
        for n in 0..30 {
            posted.push(format!("comment {n}"));
            assert_eq!(client.comment("v", &posted[n]).await.status, StatusCode::CREATED);
            sleep(Duration::from_millis(50)).await;
        }
        posted
    };
    let (_, posted) = timeout(GUARD, async { tokio::join!(draining, posting) }).await.unwrap();
    let mut ends = Vec::new();
    for had in join_all(viewers).await {
        let had = had.unwrap();
        assert_eq!(had, posted[..had.len()], "all there was until then, in order");
        ends.push(had.len());
    }
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 5, "spread: {ends:?}");
    server.stop().await;
}

/// Both kinds of viewers, while comments are posted: each comes back once where it stood, having had
/// and getting everything.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_stream_ends_and_goes_on_where_it_stood() {
    let folder = tempdir().unwrap();
    let server = Server::all_with(folder.path(), "gateway.stream_max_age_s = 1").await;
    let client = server.client();
    let mut streams = Vec::new();
    for kind in [Client::new, Client::http2] {
        streams.push((kind(server.public()).stream("v", "").await, Vec::new(), String::new()));
    }
    let mut posted = Vec::new();
    for n in 0..40 {
        posted.push(format!("comment {n}"));
        assert_eq!(client.comment("v", &posted[n]).await.status, StatusCode::CREATED);
        sleep(Duration::from_millis(50)).await;
    }
    for (stream, had, last_id) in &mut streams {
        while let Some(block) = stream.event().await {
            if block.name == "comment" {
                had.push(block.json()["text"].as_str().unwrap().to_owned());
            }
            *last_id = block.id.unwrap_or(std::mem::take(last_id));
        }
        assert!(had.len() < posted.len(), "it ended before the last comment");
        let mut back = client.stream("v", &format!("?after={last_id}")).await;
        had.extend(back.texts(posted.len() - had.len()).await);
        assert_eq!(*had, posted);
    }
    server.stop().await;
}

/// A connection for many: what else it carries is finished, and nothing new is taken.
#[tokio::test(flavor = "multi_thread")]
async fn the_connection_of_an_old_stream_ends_with_what_it_carries() {
    let folder = tempdir().unwrap();
    let server = Server::all_with(folder.path(), "gateway.stream_max_age_s = 1").await;
    let client = server.client();
    let (mut sender, connection) = http2_to(server.public()).await;
    let stream = sender.send_request(http2_get(STREAM)).await.unwrap().into_body();
    let poll = "/v1/videos/w/stream?recent=0&poll=25";
    let mut poll = sender.send_request(http2_get(poll)).await.unwrap().into_body();
    poll.frame().await.unwrap().unwrap(); // it has begun
    let wakes = async {
        loop {
            client.comment("v", "wakes the old one").await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        ended = timeout(GUARD, stream.collect()) => ended.unwrap().map(|_| ()).unwrap(),
        () = wakes => {}
    }
    assert_eq!(client.comment("w", "for the poll").await.status, StatusCode::CREATED);
    let polled = timeout(GUARD, poll.collect()).await.unwrap().unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&polled).contains("for the poll"));
    timeout(GUARD, connection).await.expect("it is kept").unwrap();
    server.stop().await;
}

/// Behind a proxy that is trusted, what counts is the address of its client.
#[tokio::test(flavor = "multi_thread")]
async fn who_finds_all_places_of_its_address_taken_is_told_to_come_back() {
    let folder = tempdir().unwrap();
    let limit = "trusted_proxies = [\"127.0.0.0/8\"]\ngateway.max_connections_per_address = 1";
    let server = Server::all_with(folder.path(), limit).await;
    let client = server.client();
    let from = async |address| {
        let mut stream = client.stream_with("v", "", &[("x-forwarded-for", address)]).await;
        assert_eq!(stream.status, StatusCode::OK);
        let is_in = stream.event().await.is_some_and(|block| block.name == "resume");
        (is_in, stream)
    };
    let (one, other) = (from("10.0.0.1").await, from("10.0.0.2").await);
    assert!(one.0 && other.0);
    let again = from("6.6.6.6, 10.0.0.1").await;
    assert!(!again.0, "what a client writes itself is not believed");
    drop((one, again));
    let comes_in = async {
        while !from("10.0.0.1").await.0 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(GUARD, comes_in).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_all_places_taken_is_told_to_come_back() {
    let folder = tempdir().unwrap();
    let server = Server::all_with(folder.path(), "[gateway]\nmax_connections = 2").await;
    let client = server.client();
    let mut streams = [client.stream("v", "").await, client.stream("v", "").await];
    for stream in &mut streams {
        assert_eq!(stream.event().await.unwrap().name, "resume");
    }
    let turned_away = client.get(STREAM).await;
    assert_eq!(turned_away.status, StatusCode::OK, "any other ends an EventSource for good");
    assert!(turned_away.body.starts_with(b"retry: "), "{turned_away:?}");
    assert_eq!(turned_away.header("connection"), "close");
    let (mut sender, connection) = http2_to(server.public()).await;
    let (head, body) = sender.send_request(http2_get(STREAM)).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert!(head.status == StatusCode::OK && body.starts_with(b"retry: "), "{body:?}");
    timeout(GUARD, connection).await.expect("it is kept").unwrap();
    drop(streams);
    let comes_in = async {
        loop {
            let mut stream = client.stream("v", "").await;
            if stream.event().await.is_some_and(|block| block.name == "resume") {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(GUARD, comes_in).await.unwrap();
    server.stop().await;
}

/// SIGTERM is for supervisors, which wait; Ctrl-C, or a second signal, is for somebody who doesn't.
#[tokio::test]
async fn sigterm_drains_and_other_signals_end_at_once() {
    for signals in [&["TERM", "TERM"][..], &["INT"]] {
        let folder = tempdir().unwrap();
        let any = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
        let window = ["--gateway.drain_window_s", "3600"]; // no stream's turn comes in this test
        let args = [&["all"][..], &any, &window].concat();
        let process = Process::start(folder.path(), &args).await;
        let client = process.client();
        let mut stream = client.stream("v", "").await;
        assert_eq!(stream.event().await.unwrap().name, "resume");
        let (last, drain) = signals.split_last().unwrap();
        for signal in drain {
            process.signal(signal).await;
            let drains = async {
                while client.get("/readyz").await.status != StatusCode::SERVICE_UNAVAILABLE {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            timeout(GUARD, drains).await.unwrap();
            assert_eq!(client.comment("v", "still there").await.status, StatusCode::CREATED);
            assert_eq!(stream.texts(1).await, ["still there"]);
        }
        process.signal(last).await;
        process.ended().await;
    }
}
