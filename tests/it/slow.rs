//! A viewer that stops reading: it delays nobody, and is told what it missed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::http::StatusCode;
use futures_util::{StreamExt, stream};
use tempfile::tempdir;
use tokio::time::{Duration, sleep, timeout};

use crate::{
    client::{Client, GUARD, Stream},
    server::Server,
};

/// Comments of 4 KiB: three times what the byte log keeps, so that what the kernel takes in for the
/// viewer does not hide that it is slow; and no more, for it is taken for gone after ten seconds.
const COMMENTS: usize = 3000;
/// A quarter of what the byte log keeps.
const WAVE: usize = 250;
const LAST: &str = "the last one";

/// Posts in waves: the next begins when `quick` ones have had those before, however busy the machine.
async fn post_all(client: &Client, quick: &[Arc<AtomicUsize>]) {
    let families = "👨‍👩‍👧‍👦".repeat(160);
    for wave in 0..COMMENTS / WAVE {
        let posts = stream::iter(wave * WAVE..(wave + 1) * WAVE).map(|n| {
            let text = format!("{n} {families}");
            async move { client.comment("v", &text).await.status }
        });
        let statuses: Vec<_> = posts.buffer_unordered(64).collect().await;
        assert!(statuses.iter().all(|status| *status == StatusCode::CREATED));
        let posted = (wave + 1) * WAVE;
        let all_have_it = async {
            while quick.iter().any(|seen| seen.load(Relaxed) < posted) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(GUARD, all_have_it).await.expect("a quick one is slow");
    }
    assert_eq!(client.comment("v", LAST).await.status, StatusCode::CREATED);
}

/// What a viewer got until the last comment, a `skipped` or the stream's end.
#[derive(Default)]
struct Got {
    comments: usize,
    skipped: u64,
    last_id: String,
    ended: bool,
}

async fn read(stream: &mut Stream, seen: &AtomicUsize) -> Got {
    let mut got = Got::default();
    while let Some(block) = stream.event().await {
        let is_last = block.name == "comment" && block.json()["text"] == LAST;
        match block.name.as_str() {
            "comment" => {
                got.comments += 1;
                seen.store(got.comments, Relaxed);
            }
            "skipped" => got.skipped += block.json()["count"].as_u64().unwrap(),
            _ => {}
        }
        got.last_id = block.id.unwrap_or(got.last_id);
        if is_last || got.skipped > 0 {
            return got;
        }
    }
    got.ended = true;
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_viewer_is_told_how_many_it_missed() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    // Sockets that were taken over, and response bodies.
    let kinds = [Client::new, Client::http2];
    let open = async |new: &fn(_) -> Client| new(server.public()).stream("v", "").await;
    let (mut slow, mut quick, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for kind in &kinds {
        slow.push(open(kind).await);
        let (mut stream, its) = (open(kind).await, Arc::new(AtomicUsize::new(0)));
        seen.push(its.clone());
        quick.push(common::task::spawn("test", async move { read(&mut stream, &its).await }));
    }
    post_all(&client, &seen).await;
    for quick in quick {
        let quick = quick.await.unwrap();
        assert_eq!((quick.comments, quick.skipped), (COMMENTS + 1, 0), "others get everything");
    }
    for stream in &mut slow {
        let slow = read(stream, &AtomicUsize::new(0)).await;
        assert!(slow.skipped > 0, "it was slow at all");
        assert_eq!(slow.comments + usize::try_from(slow.skipped).unwrap(), COMMENTS + 1);
        // What has no place among them is told as it is now.
        let told = [stream.next().await, stream.next().await].map(|block| block.unwrap().name);
        assert_eq!(told, ["", "viewers"], "a position, then how many watch");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_viewer_can_be_let_go_and_comes_back_for_the_rest() {
    let folder = tempdir().unwrap();
    let server = Server::all_with(folder.path(), "gateway.slow_viewer = \"disconnect\"").await;
    let client = server.client();
    let mut slow = client.stream("v", "").await;
    post_all(&client, &[]).await;
    let unwatched = AtomicUsize::new(0);
    let first = read(&mut slow, &unwatched).await;
    assert!(first.ended && first.skipped == 0);
    let mut back = client.stream("v", &format!("?after={}", first.last_id)).await;
    let rest = read(&mut back, &unwatched).await;
    assert_eq!((first.comments + rest.comments, rest.skipped), (COMMENTS + 1, 0));
    server.stop().await;
}
