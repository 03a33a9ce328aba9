//! What becomes of a post.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use common::{
    comment_store::{Claim, CommentStore},
    ids::CommentId,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{rig::rig, stand_ins::Mood};

#[tokio::test(start_paused = true)]
async fn without_dispatchers_it_is_202_and_on_record_until_one_is_back() {
    let rig = rig();
    rig.set(Mood::Fails);
    let (status, comment) = rig.post("hi", "k").await;
    assert_eq!((status, rig.store.pending_len()), (StatusCode::ACCEPTED, 1));
    assert_eq!(rig.post("hi", "k").await, (StatusCode::ACCEPTED, comment.clone()));
    rig.set(Mood::Takes);
    rig.store.age(10); // the clock of ids is the system's, which can't be paused
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((rig.announced(), rig.store.pending_len()), (1, 0), "drained");
    let (status, again) = rig.post("hi", "k").await;
    assert_eq!((status, &again["text"]), (StatusCode::CREATED, &comment["text"]));
}

#[tokio::test(start_paused = true)]
async fn an_old_key_is_201_only_when_it_is_not_on_record_as_waiting() {
    let rig = rig();
    rig.set(Mood::Fails);
    rig.post("waits", "k1").await;
    rig.store.age(1000);
    assert_eq!(rig.post("waits", "k1").await.0, StatusCode::ACCEPTED);
    rig.set(Mood::Takes);
    rig.post("went out", "k2").await;
    rig.store.age(1000);
    assert_eq!(rig.post("went out", "k2").await.0, StatusCode::CREATED);
    assert_eq!(rig.announced(), 1, "not announced again: the log may have forgotten the id");
}

/// The first request died before it wrote anything but its claim, long ago.
#[tokio::test(start_paused = true)]
async fn a_row_that_was_missing_is_announced_at_any_age() {
    let rig = rig();
    rig.post("hi", "k").await;
    rig.store.forget_comments();
    rig.store.age(1000);
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
    assert_eq!(rig.announced(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_long_record_of_pending_comments_does_not_hold_up_the_end() {
    let rig = rig();
    rig.set(Mood::Fails);
    for n in 0..200 {
        rig.post("hi", &n.to_string()).await;
    }
    rig.store.age(20);
    tokio::time::sleep(Duration::from_secs(2)).await; // a look is under way
    let began = tokio::time::Instant::now();
    rig.stop.cancel();
    rig.drain.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_refused_and_takes_no_ones_place() {
    let rig = rig();
    let endless = futures_util::stream::pending::<Result<String, std::io::Error>>();
    let request = Request::post("/v1/videos/v/comments")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(endless))
        .unwrap();
    assert_eq!(rig.send(request).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_store_in_trouble_acknowledges_and_announces_nothing() {
    let rig = rig();
    rig.store.fail(true);
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rig.announced(), 0);
    rig.store.fail(false);
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED, "the same key is safe");
}

/// However slow the store: an answer comes after five seconds. What was under way goes on, and the
/// same key finds it.
#[tokio::test(start_paused = true)]
async fn a_store_too_slow_is_not_waited_for() {
    let rig = rig();
    for (slowness_s, expected) in [(4, StatusCode::CREATED), (9, StatusCode::SERVICE_UNAVAILABLE)] {
        rig.store.dawdle_for(Duration::from_secs(slowness_s));
        let began = Instant::now();
        let (status, _) = rig.post("hi", &slowness_s.to_string()).await;
        assert_eq!((status, began.elapsed().as_secs()), (expected, slowness_s.min(5)));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.announced(), 2, "it was not given up");
    rig.store.dawdle_for(Duration::ZERO);
    let (status, comment) = rig.post("hi", "9").await;
    let announced = rig.dispatchers.iter().flat_map(|dispatcher| dispatcher.events());
    let ids: Vec<_> = announced.map(|event| event.id.to_string()).collect();
    assert_eq!(status, StatusCode::CREATED);
    let is_it = |id: &&String| id.contains(comment["id"].as_str().unwrap());
    assert_eq!((ids.len(), ids.iter().filter(is_it).count()), (3, 2), "{ids:?}");
}

/// The first request died between its claim and its row: nobody waits for it.
#[tokio::test(start_paused = true)]
async fn who_finds_a_claim_without_a_row_writes_that_row() {
    let rig = rig();
    let (_, first) = rig.post("hi", "k").await;
    let id: CommentId = first["id"].as_str().unwrap().parse().unwrap();
    rig.store.forget_comments();
    let (status, again) = rig.post("hi", "k").await;
    assert_eq!((status, again), (StatusCode::CREATED, first));
    let stored = rig.store.get(&"v".parse().unwrap(), id).await.unwrap();
    assert_eq!(stored.unwrap().into_comment().unwrap().text.as_str(), "hi");
    let foreign = Claim { comment: CommentId::now(), digest: [0; 32] };
    let (author, key) = ("u".parse().unwrap(), "k".parse().unwrap());
    assert_eq!(rig.store.claim(&author, &key, foreign).await.unwrap().comment, id);
}

#[tokio::test]
async fn a_list_without_a_live_log_has_a_cursor_that_is_reset() {
    let rig = rig();
    let cursor = async || {
        let request = Request::get("/v1/videos/v/comments").body(Body::empty()).unwrap();
        let body = axum::body::to_bytes(rig.send(request).await.into_body(), usize::MAX).await;
        let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        body["cursor"].as_str().unwrap().to_owned()
    };
    assert_eq!(cursor().await, "1~dc1:7:3");
    rig.log.fail(true);
    assert_eq!(cursor().await, "1");
}
