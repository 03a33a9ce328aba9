//! Comments that were stored but never announced: viewers are told.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use common::{
    comment::{Author, Comment, Text},
    comment_store::{CommentStore, Pending},
    ids::CommentId,
};
use serde_json::json;
use store::embedded::EmbeddedStore;
use tempfile::tempdir;
use tokio::time::timeout;

use crate::{client::Stream, server::Server};

/// Hang guard.
const GUARD: Duration = Duration::from_secs(60);
/// What was said, and the cursors before and after it.
type Told = (serde_json::Value, [String; 2]);
/// Comments with which a room begins after a start: older ones are not shown.
const SHOWN: u64 = 200;

/// A comment as an ingest leaves it that died long ago, before anybody took it, and so many since
/// that the room begins after it.
async fn left_on_record(folder: &Path, video: &str) {
    let store = EmbeddedStore::open(&folder.join("data")).unwrap();
    let first = comment(video, 0);
    store.put(&first).await.unwrap();
    store.add_pending(&Pending { video: first.video, comment: first.id }).await.unwrap();
    for later in 1..=SHOWN {
        store.put(&comment(video, later)).await.unwrap();
    }
}

/// The n-th of an hour ago.
fn comment(video: &str, nth: u64) -> Comment {
    let long_ago = SystemTime::now() - Duration::from_secs(3600 - nth);
    let ms = long_ago.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let id = format!("{:08x}-{:04x}-7000-8000-000000000000", ms >> 16, ms & 0xffff);
    let id: CommentId = id.parse().unwrap();
    let author = Author { id: "u".parse().unwrap(), name: "U".into(), role: None, avatar: None };
    let (video, text) = (video.parse().unwrap(), Text::parse("an hour ago").unwrap());
    Comment { id, video, author, text, reply_to: None }
}

/// Reads until what follows `skipped` (or, with `last`, a comment of that text after it): what it
/// said, and the cursors before and after it.
async fn skipped(stream: &mut Stream, last: Option<&str>) -> Told {
    timeout(GUARD, read_skipped(stream, last)).await.expect("nothing was told")
}

async fn read_skipped(stream: &mut Stream, last: Option<&str>) -> Told {
    let (mut told, mut around, mut cursor) = (None, None, None);
    loop {
        let block = stream.event().await.expect("the stream ended");
        let before = cursor.clone();
        cursor = block.id.clone().or(cursor);
        match block.name.as_str() {
            "skipped" => {
                assert_eq!(block.id, None, "it has no position of its own");
                assert_eq!(told.replace(block.json()), None, "told twice");
            }
            "" if told.is_some() && around.is_none() => {
                around = Some([before.unwrap(), block.id.clone().expect("no position after it")]);
            }
            _ => {}
        }
        let is_last =
            last.is_none_or(|last| block.name == "comment" && block.json()["text"] == last);
        if let (Some(told), Some(around), true) = (&told, &around, is_last) {
            return (told.clone(), around.clone());
        }
    }
}

/// Who watches is told of a comment that was never announced, and so is who comes later: it has a
/// place in the video's order.
#[tokio::test]
async fn viewers_are_told_of_what_was_never_announced() {
    let folder = tempdir().unwrap();
    left_on_record(folder.path(), "v").await;
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut watching = client.stream("v", "").await;
    let (told, around) = skipped(&mut watching, None).await; // the drain looks once a second
    assert_eq!(told, json!({ "count": 1, "from": around[0], "to": around[1] }));
    assert_eq!(client.comment("v", "last").await.status, 201);
    let mut later = client.stream("v", "?recent=200").await;
    let mut back = client.stream("v", &format!("?after={}", around[0])).await;
    for stream in [&mut later, &mut back] {
        assert_eq!(skipped(stream, Some("last")).await, (told.clone(), around.clone()));
    }
    server.stop().await;
}
