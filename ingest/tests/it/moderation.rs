//! What moderators do is stored first, told then, and told later when nobody can be told.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use common::{event::Kind, ids::CommentId};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    rig::{Rig, rig},
    stand_ins::Mood,
};

/// Longer than the pause between two looks at records.
const DRAINED: Duration = Duration::from_secs(3);

const OK: StatusCode = StatusCode::OK;

impl Rig {
    async fn put(&self, path: &str, body: Value) -> StatusCode {
        self.ask(Request::put(format!("/v1/videos/v{path}")), body).await.0
    }

    async fn delete(&self, path: &str) -> StatusCode {
        self.ask(Request::delete(format!("/v1/videos/v{path}")), Value::Null).await.0
    }

    /// Names of the events that dispatchers took.
    fn told(&self) -> Vec<String> {
        let events = self.dispatchers.iter().flat_map(|dispatcher| dispatcher.events());
        events.map(|event| event.kind.as_str().to_owned()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_be_told_is_told_later() {
    let rig = rig();
    rig.store.hurry();
    rig.set(Mood::Fails);
    assert_eq!(rig.put("/settings", json!({"slow_mode_s": 5})).await, OK);
    assert_eq!(rig.put("/bans/troll", json!({"hide_comments": true})).await, OK);
    assert_eq!((rig.told(), rig.store.pending_len()), (vec![], 2));
    rig.set(Mood::Takes);
    sleep(DRAINED).await;
    assert_eq!((rig.told().len(), rig.store.pending_len()), (3, 0));
    for kind in ["settings", "chorus-ban", "hide"] {
        assert!(rig.told().contains(&kind.to_owned()), "{kind}: {:?}", rig.told());
    }
    sleep(DRAINED).await;
    assert_eq!(rig.told().len(), 3, "once");
}

/// One of an act's events that has no place yet does not keep the others from being shown.
#[tokio::test(start_paused = true)]
async fn all_that_an_act_tells_is_shown_without_a_place() {
    let rig = rig();
    rig.set(Mood::AppendsNothing);
    assert_eq!(rig.put("/bans/troll", json!({"hide_comments": true})).await, OK);
    let shown = rig.dispatchers.iter().flat_map(|dispatcher| dispatcher.shown_anyway());
    assert_eq!(shown.count(), 2, "the ban, and that their comments are hidden");
}

/// Who reads an export can tell a store that is away from a video without comments.
#[tokio::test]
async fn nothing_is_exported_from_a_store_that_is_away() {
    let rig = rig();
    rig.store.fail(true);
    let get = Request::get("/v1/videos/v/comments?format=ndjson");
    assert_eq!(rig.ask(get, Value::Null).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

/// History hides it at once; gateways are seen to later.
#[tokio::test(start_paused = true)]
async fn a_deletion_that_gateways_have_not_taken_is_not_done() {
    for mood in [Mood::Fails, Mood::AppendsNothing] {
        let rig = rig();
        rig.store.hurry();
        let (_, comment) = rig.post("gone soon", "key").await;
        let path = format!("/comments/{}", comment["id"].as_str().unwrap());
        rig.set(mood);
        assert_eq!(rig.delete(&path).await, StatusCode::ACCEPTED, "{mood:?}");
        let get = Request::get(format!("/v1/videos/v{path}"));
        assert_eq!(rig.ask(get, Value::Null).await.0, StatusCode::NOT_FOUND);
        assert_eq!(rig.store.pending_len(), 1);
        rig.set(Mood::Takes);
        sleep(DRAINED).await;
        assert_eq!((rig.told(), rig.store.pending_len()), (strings(&["comment", "delete"]), 0));
        assert_eq!(rig.delete(&path).await, StatusCode::NO_CONTENT, "again, and at once");
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Whoever repeats the request gets the same comment, which stays deleted.
#[tokio::test(start_paused = true)]
async fn a_repeated_request_does_not_bring_a_comment_back() {
    let rig = rig();
    let (_, comment) = rig.post("gone soon", "key").await;
    let path = format!("/comments/{}", comment["id"].as_str().unwrap());
    assert_eq!(rig.delete(&path).await, StatusCode::NO_CONTENT);
    let told = rig.told().len();
    let (status, again) = rig.post("gone soon", "key").await;
    assert_eq!((status, &again), (StatusCode::CREATED, &comment));
    assert_eq!(rig.told().len(), told, "nobody is told of it again");
    let get = Request::get(format!("/v1/videos/v{path}"));
    assert_eq!(rig.ask(get, Value::Null).await.0, StatusCode::NOT_FOUND);
    let (status, _) = rig.post("another", "key").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// A comment that waits to be announced is deleted meanwhile: nobody ever hears of it.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_before_it_was_announced_is_not_announced() {
    let rig = rig();
    rig.store.hurry();
    rig.set(Mood::Fails);
    let (status, comment) = rig.post("gone soon", "key").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let path = format!("/comments/{}", comment["id"].as_str().unwrap());
    assert_eq!(rig.delete(&path).await, StatusCode::ACCEPTED);
    rig.set(Mood::Takes);
    sleep(DRAINED).await;
    assert_eq!((rig.told(), rig.store.pending_len()), (strings(&["delete"]), 0));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_comment_is_unpinned() {
    let rig = rig();
    let (_, comment) = rig.post("pinned", "key").await;
    let id: CommentId = comment["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(rig.put("/pin", json!({"comment": id})).await, OK);
    assert_eq!(rig.delete(&format!("/comments/{id}")).await, StatusCode::NO_CONTENT);
    assert_eq!(rig.told(), strings(&["comment", "pin", "pin", "delete"]));
}

/// Rooms that gateways don't know are filled with what holds now.
#[tokio::test]
async fn rooms_that_are_wanted_are_filled() {
    let rig = rig();
    for (path, body) in [
        ("/settings", json!({"unique_s": 7, "blocked_words": ["secret"]})),
        ("/bans/short", json!({"ttl_s": 1})),
        ("/bans/lifted", json!({})),
        ("/bans/lasting", json!({"hide_comments": true})),
        ("", json!({"state": "live", "title": "Final"})),
    ] {
        assert_eq!(rig.put(path, body).await, OK, "{path}");
    }
    assert_eq!(rig.delete("/bans/lifted").await, StatusCode::NO_CONTENT);
    assert_eq!(rig.delete("/pin").await, StatusCode::NO_CONTENT);
    sleep(Duration::from_millis(1_100)).await; // the ban's time
    rig.live_rooms.want("v");
    rig.live_rooms.want("quiet");
    sleep(Duration::from_secs(1)).await;
    let mut filled = rig.live_rooms.filled();
    filled.sort_by(|(one, _), (other, _)| one.cmp(other));
    let [(quiet, nothing), (video, events)] = &filled[..] else { panic!("{filled:?}") };
    assert_eq!((quiet.as_str(), nothing.len(), video.as_str()), ("quiet", 0, "v"));
    let data = |kind: &Kind| {
        let event = events.iter().find(|event| event.kind == *kind).unwrap();
        serde_json::from_slice::<Value>(&event.data).unwrap()
    };
    assert_eq!(events.len(), 4);
    assert_eq!(data(&Kind::BAN), json!({"user": "lasting"}));
    assert_eq!(data(&Kind::PIN), json!({"comment": null}));
    assert_eq!(data(&Kind::VIDEO), json!({"state": "live"}));
    let settings = json!({"slow_mode_s": 0, "who_can_comment": "everyone", "unique_s": 7});
    assert_eq!(data(&Kind::SETTINGS), settings);
}
