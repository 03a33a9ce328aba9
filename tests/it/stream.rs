//! The stream section of the contract.

use axum::http::StatusCode;
use futures_util::future::join_all;
use tempfile::tempdir;
use tokio::time::{Duration, Instant, sleep};

use crate::{
    client::{Block, Client, Stream},
    server::Server,
};

async fn post_all(client: &Client, video: &str, texts: impl IntoIterator<Item = u32>) {
    for text in texts {
        let status = client.comment(video, &text.to_string()).await.status;
        assert_eq!(status, StatusCode::CREATED);
    }
}

async fn resume(stream: &mut Stream) -> (Block, String) {
    let block = stream.next().await.expect("no first block");
    assert_eq!(block.name, "resume");
    let status = block.json()["status"].as_str().unwrap().to_owned();
    (block, status)
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn the_first_block_and_the_headers() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let mut stream = server.client().stream("v", "").await;
    assert_eq!(stream.status, StatusCode::OK);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(stream.headers[name], value);
    }
    let (block, status) = resume(&mut stream).await;
    assert!(block.has_comment_line && block.retry.unwrap().parse::<u32>().unwrap() > 0);
    let data: serde_json::Value = serde_json::from_str(&block.data).unwrap();
    assert_eq!((status.as_str(), &data["replayed"]), ("new", &0.into()));
    assert_eq!(block.id.as_deref(), data["from"].as_str());
    assert_eq!(data["from"], data["to"], "an empty room has a position too");
    server.stop().await;
}

#[tokio::test]
async fn recent_then_live_in_one_order() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    post_all(&client, "v", 0..30).await;
    let mut default = client.stream("v", "").await;
    let mut none = client.stream("v", "?recent=0").await;
    let mut many = client.stream("v", "?recent=200").await;
    post_all(&client, "v", 30..40).await;
    assert_eq!(default.texts(30).await, numbers(10..40));
    assert_eq!(none.texts(10).await, numbers(30..40));
    assert_eq!(many.texts(40).await, numbers(0..40));
    server.stop().await;
}

#[tokio::test]
async fn coming_back_continues_exactly_where_it_was() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut stream = client.stream("v", "").await;
    post_all(&client, "v", 0..3).await;
    let (first, _) = resume(&mut stream).await;
    let mut cursors = vec![first.id.unwrap()];
    for _ in 0..3 {
        cursors.push(stream.event().await.unwrap().id.unwrap());
    }
    drop(stream);
    post_all(&client, "v", 3..5).await;
    for (seen, cursor) in (0..).zip(&cursors) {
        let query = [format!("?after={cursor}"), format!("?lastEventId={cursor}")];
        let header = [("last-event-id", cursor.as_str())];
        for mut back in [
            client.stream("v", &query[0]).await,
            client.stream("v", &query[1]).await,
            client.stream_with("v", "?after=nonsense", &header).await,
        ] {
            let (block, status) = resume(&mut back).await;
            assert_eq!((status.as_str(), block.id.as_ref()), ("continued", Some(cursor)));
            assert_eq!(block.json()["replayed"], 5 - seen);
            assert_eq!(back.texts(5 - seen as usize).await, numbers(seen..5));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_position_is_reset_and_said_so() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    post_all(&client, "v", 0..3).await;
    let mut other = client.stream("w", "").await;
    let foreign = resume(&mut other).await.0.id.unwrap();
    let ahead = {
        let mut stream = client.stream("v", "").await;
        let (block, _) = resume(&mut stream).await;
        let cursor = block.id.unwrap();
        format!("{}:ffff", cursor.rsplit_once(':').unwrap().0)
    };
    for cursor in ["nonsense", "1", "1~dc1:1:1", &foreign, &ahead, &"x".repeat(5000)] {
        let mut stream = client.stream("v", &format!("?after={cursor}&recent=2")).await;
        let (block, status) = resume(&mut stream).await;
        assert_eq!(status, "reset", "{cursor}");
        assert!(block.json()["wait_ms"].is_u64());
        assert_eq!(stream.texts(2).await, numbers(1..3));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_cursor_older_than_the_byte_log_is_served_from_the_live_log() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let listed = client.get("/v1/videos/v/comments").await.json();
    let cursor = listed["cursor"].as_str().unwrap();
    // Nobody watches while these come: the byte log begins with the newest 256 of them.
    post_all(&client, "v", 0..700).await;
    let mut stream = client.stream("v", &format!("?after={cursor}")).await;
    let (block, status) = resume(&mut stream).await;
    assert_eq!((status.as_str(), &block.json()["replayed"]), ("continued", &700.into()));
    post_all(&client, "v", 700..703).await;
    assert_eq!(stream.texts(703).await, numbers(0..703));
    server.stop().await;
}

#[tokio::test]
async fn any_text_arrives_as_one_event() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut stream = client.stream("v", "").await;
    let hostile = [
        "a\nb",
        "\ndata: x\n\nevent: end\n\nx",
        "id: 7\nretry: 1",
        "<script>alert(1)</script>",
        "\u{2028}\u{2029}\u{202e}rtl",
        "😀👨‍👩‍👧‍👦",
        "\\n\\\"",
    ];
    for text in hostile {
        assert_eq!(client.comment("v", text).await.status, StatusCode::CREATED, "{text:?}");
    }
    let expected: Vec<_> = hostile.iter().map(|text| text.trim().to_owned()).collect();
    assert_eq!(stream.texts(hostile.len()).await, expected);
    server.stop().await;
}

#[tokio::test]
async fn long_polling_ends_with_the_first_events_or_in_time() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    post_all(&client, "v", 0..2).await;
    let mut poll = client.stream("v", "?poll=25").await;
    resume(&mut poll).await;
    assert_eq!(poll.texts(2).await, numbers(0..2));
    let last = poll.event().await.expect("a retry");
    assert!(last.retry.is_some());
    assert_eq!(poll.next().await, None);
    let mut empty = client.stream("v", "?poll=1&recent=0").await;
    resume(&mut empty).await;
    assert!(empty.event().await.unwrap().retry.is_some());
    assert_eq!(empty.next().await, None);
    server.stop().await;
}

/// Newcomers are told more than the replay there: that doesn't hide that there was one.
#[tokio::test]
async fn long_polling_ends_with_what_was_missed_in_a_room_that_is_watched() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    post_all(&client, "v", 0..1).await;
    let mut poll = client.stream("v", "?poll=25").await;
    resume(&mut poll).await;
    let first = poll.event().await.expect("the first comment");
    let mut watching = client.stream("v", "?recent=0").await;
    while watching.next().await.expect("a count of viewers").name != "viewers" {}
    post_all(&client, "v", 1..2).await;
    let mut poll = client.stream("v", &format!("?poll=60&after={}", first.id.unwrap())).await;
    resume(&mut poll).await;
    assert_eq!(poll.texts(1).await, numbers(1..2));
    // No heartbeat comes before the end.
    let mut last = poll.next().await.expect("an end");
    while last.name == "viewers" {
        last = poll.next().await.expect("an end");
    }
    assert!(last.retry.is_some(), "{last:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_tells_its_viewers_to_come_back() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let mut stream = server.client().stream("v", "").await;
    resume(&mut stream).await;
    let stopped = common::task::spawn("test", server.stop());
    let last = stream.event().await.expect("a last block");
    assert!(last.retry.is_some() && last.name.is_empty());
    assert_eq!(stream.next().await, None);
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_restarted_room_has_what_it_had() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    post_all(&server.client(), "v", 0..5).await;
    let listed = server.client().get("/v1/videos/v/comments").await.json();
    server.stop().await;
    let server = Server::all(folder.path()).await;
    let mut stream = server.client().stream("v", "?recent=3").await;
    assert_eq!(resume(&mut stream).await.1, "new");
    assert_eq!(stream.texts(3).await, numbers(2..5));
    let cursor = listed["cursor"].as_str().unwrap();
    let mut back = server.client().stream("v", &format!("?after={cursor}")).await;
    assert_eq!(resume(&mut back).await.1, "reset", "the old log is gone, and that is said");
    server.stop().await;
}

/// Sees a sampled stream until the last comment: the texts shown, and how many it was told of.
pub(crate) async fn sampled(mut stream: Stream) -> (Vec<String>, u64) {
    let (mut texts, mut skipped, mut position) = (Vec::new(), 0, String::new());
    loop {
        let block = stream.event().await.unwrap();
        match block.name.as_str() {
            "comment" => texts.push(block.json()["text"].as_str().unwrap().to_owned()),
            "skipped" => {
                let data = block.json();
                assert_eq!(data["from"].as_str(), Some(position.as_str()), "{data}");
                data["to"].as_str().unwrap().clone_into(&mut position);
                skipped += data["count"].as_u64().unwrap();
            }
            _ => {}
        }
        position = block.id.unwrap_or(position);
        if texts.last().is_some_and(|text| text == "last") {
            return (texts, skipped);
        }
    }
}

/// Live or replayed, over a socket of its own or as a response body: the same comments.
#[tokio::test(flavor = "multi_thread")]
async fn a_sampled_stream_shows_some_and_tells_of_the_others() {
    const POSTS: usize = 60;
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    client.comment("v", "before").await;
    let cursor = client.get("/v1/videos/v/comments").await.json()["cursor"].clone();
    let after = format!("?rate=9&after={}", cursor.as_str().unwrap());
    let (one, two) = (client.clone(), Client::http2(server.public()));
    let streams = [one.stream("v", &after).await, two.stream("v", &after).await];
    let texts: Vec<_> = (0..POSTS).map(|n| n.to_string()).collect();
    let began = Instant::now();
    let posts = join_all(texts.iter().map(|text| client.comment("v", text))).await;
    assert!(posts.iter().all(|answer| answer.status == StatusCode::CREATED));
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 2; // begun ones
    sleep(Duration::from_millis(1_100)).await; // for another second to begin
    client.comment("v", "last").await;
    let mut seen = join_all(streams.map(sampled)).await;
    seen.push(sampled(client.stream("v", &after).await).await);
    let (texts, skipped) = &seen[0];
    assert!((5..=5 * seconds + 1).contains(&texts.len()), "in {seconds} s: {texts:?}");
    assert_eq!(texts.len() + usize::try_from(*skipped).unwrap(), POSTS + 1);
    assert!(seen.iter().all(|other| *other == seen[0]), "{seen:#?}");
    server.stop().await;
}
