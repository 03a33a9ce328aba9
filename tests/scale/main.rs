//! As many viewers as a process can have. A test binary of its own, because the clients take as many
//! file descriptors as the server; by itself it needs `ulimit -n 20000`, which `deploy/dev/test` sets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy allows them in tests, but not in the functions that tests share"
)]

use std::net::SocketAddr;

use axum::http::StatusCode;
use futures_util::{StreamExt, future::join_all, stream};
use tempfile::tempdir;
use tokio::time::{Duration, sleep, timeout};

use client::{Client, GUARD, Stream};
use process::Process;

#[expect(dead_code, reason = "tests/it uses more of it")]
#[path = "../support/client.rs"]
mod client;
#[expect(dead_code, reason = "tests/it uses more of it")]
#[path = "../support/process.rs"]
mod process;

/// Viewers over HTTP/1.1, a socket each.
const SOCKETS: usize = 18_000;
/// Viewers over HTTP/2, as many to a connection as it may have.
const MULTIPLEXED: usize = 2_000;
const PER_CONNECTION: usize = 250;
/// Requests under way at a time.
const IN_FLIGHT: usize = 64;

/// Seats everybody; viewer `n` watches `video(n)`.
async fn seat(address: SocketAddr, video: impl Fn(usize) -> String) -> Vec<Stream> {
    let one = Client::new(address);
    let two: Vec<_> = (0..MULTIPLEXED / PER_CONNECTION).map(|_| Client::http2(address)).collect();
    let client = |n: usize| n.checked_sub(SOCKETS).map_or(&one, |n| &two[n / PER_CONNECTION]);
    let open = |n: usize| {
        let (client, video) = (client(n).clone(), video(n));
        async move {
            let mut stream = client.stream(&video, "?recent=0").await;
            assert_eq!(stream.event().await.expect("no first block").name, "resume", "viewer {n}");
            stream
        }
    };
    stream::iter(0..SOCKETS + MULTIPLEXED).map(open).buffered(IN_FLIGHT).collect().await
}

/// Everybody sees `texts`, in this order; viewer `n` those of `video(n)`.
async fn all_see(viewers: Vec<Stream>, texts: impl Fn(usize) -> Vec<String>) {
    let reading = viewers.into_iter().enumerate().map(|(n, mut viewer)| {
        let wanted = texts(n);
        common::task::spawn("test", async move {
            assert_eq!(viewer.texts(wanted.len()).await, wanted, "viewer {n}");
        })
    });
    for read in join_all(reading.collect::<Vec<_>>()).await {
        read.unwrap();
    }
}

/// Waits until the server has noticed: it needs their descriptors for others.
async fn all_have_left(internal: &Client) {
    let left = async {
        loop {
            let metrics = internal.get("/metrics").await.body;
            if String::from_utf8_lossy(&metrics).contains("\nchorus_gateway_viewers 0\n") {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(GUARD, left).await.expect("some are still there");
}

async fn post(client: &Client, posts: impl Iterator<Item = (String, String)>) {
    let post = |(video, text): (String, String)| async move {
        assert_eq!(client.comment(&video, &text).await.status, StatusCode::CREATED);
    };
    stream::iter(posts).map(post).buffered(IN_FLIGHT).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs 20,000 file descriptors: run deploy/dev/test"]
async fn twenty_thousand_viewers_of_one_video_and_of_five_thousand() {
    const VIDEOS: usize = 5_000;
    let folder = tempdir().unwrap();
    let any = ["all", "--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
    let server = Process::start(folder.path(), &any).await;
    let (address, client) = (server.public.unwrap(), server.client());

    let viewers = seat(address, |_| "one".to_owned()).await;
    let texts: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    for text in &texts {
        post(&client, std::iter::once(("one".to_owned(), text.clone()))).await;
    }
    all_see(viewers, |_| texts.clone()).await;

    all_have_left(&Client::new(server.internal)).await;
    let video = |n: usize| format!("video-{}", n % VIDEOS);
    let viewers = seat(address, video).await;
    post(&client, (0..VIDEOS).map(|n| (video(n), format!("to {n}")))).await;
    all_see(viewers, |n| vec![format!("to {}", n % VIDEOS)]).await;
    server.kill().await;
}
