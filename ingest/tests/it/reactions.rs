//! What is counted is told, kept, and filled where it was lost.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::{
    rig::{Rig, rig},
    stand_ins::SLOW,
};

/// Longer than the pause between two times that numbers are told, and kept.
const TOLD: Duration = Duration::from_millis(600);
const KEPT: Duration = Duration::from_millis(1_100);

const ACCEPTED: StatusCode = StatusCode::ACCEPTED;
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

impl Rig {
    async fn react(&self, body: Value) -> StatusCode {
        self.ask(Request::post("/v1/videos/v/reactions"), body).await.0
    }

    async fn react_under(&self, key: &str, video: &str, body: Value) -> StatusCode {
        let request = Request::post(format!("/v1/videos/{video}/reactions"));
        self.ask(request.header("idempotency-key", key), body).await.0
    }

    /// Once to each of so many videos, `v0` and on.
    async fn react_to(&self, videos: usize) {
        // Made once: that takes longer than a request.
        let routes = self.ingest.public();
        for n in 0..videos {
            let request = Request::post(format!("/v1/videos/v{n}/reactions"))
                .header("x-chorus-user", "u")
                .header("content-type", "application/json");
            let request = request.body(Body::from(r#"{"kind":"like"}"#)).unwrap();
            assert_eq!(routes.clone().oneshot(request).await.unwrap().status(), ACCEPTED);
        }
    }

    async fn set_room(&self, path: &str, body: Value) {
        let (status, said) = self.ask(Request::put(format!("/v1/videos/v{path}")), body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }

    async fn stats(&self) -> Value {
        let (status, stats) = self.ask(Request::get("/v1/videos/v/stats"), Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{stats}");
        stats
    }
}

#[tokio::test(start_paused = true)]
async fn reactions_are_told_and_kept() {
    let rig = rig();
    assert_eq!(rig.react(json!({"kind": "like"})).await, ACCEPTED);
    assert_eq!(rig.react(json!({"kind": "wow", "count": 50})).await, ACCEPTED);
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("v"), "r/like 1 r/wow 50");
    sleep(KEPT).await;
    assert_eq!(rig.counters.totals("v"), "r/like 1 r/wow 50");
    assert_eq!(rig.react(json!({"kind": "like", "count": 2})).await, ACCEPTED);
    sleep(TOLD + KEPT).await;
    let all = "r/like 3 r/wow 50".to_owned();
    assert_eq!((rig.live.totals("v"), rig.counters.totals("v")), (all.clone(), all));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_reaction_is_refused() {
    let rig = rig();
    for bad in [json!({}), json!({"kind": "hate"}), json!({"kind": "like", "count": 51}), json!([])]
    {
        assert_eq!(rig.react(bad).await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let nothing = rig.react(Value::Null).await;
    assert_eq!(nothing, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("v"), "");
}

/// Its key is known then, so that a retry counts nothing.
#[tokio::test(start_paused = true)]
async fn what_was_admitted_is_counted_also_when_the_client_has_left() {
    let rig = rig();
    rig.limiter.slow_down();
    let like = || rig.react_under("k", "v", json!({"kind": "like"}));
    assert!(timeout(SLOW / 2, like()).await.is_err(), "the client leaves");
    sleep(SLOW + TOLD).await;
    assert_eq!(rig.live.totals("v"), "r/like 1");
    assert_eq!(like().await, ACCEPTED);
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("v"), "r/like 1");
}

/// Either way: what one limiter lets in the other one is asked about, or told of.
#[tokio::test(start_paused = true)]
async fn a_key_counts_once_at_a_node_while_the_limiter_comes_and_goes() {
    let rig = rig();
    for (key, away_first) in [("k", true), ("l", false)] {
        for is_away in [away_first, !away_first] {
            rig.limiter.go_away(is_away);
            assert_eq!(rig.react_under(key, "v", json!({"kind": "like"})).await, ACCEPTED);
            // It is asked again after half a second.
            sleep(TOLD).await;
        }
    }
    assert_eq!(rig.live.totals("v"), "r/like 2");
}

#[tokio::test(start_paused = true)]
async fn another_reaction_under_a_key_is_refused() {
    let rig = rig();
    let like = || json!({"kind": "like", "count": 2});
    assert_eq!(rig.react_under("k", "v", like()).await, ACCEPTED);
    for (video, other) in [
        ("v", json!({"kind": "wow", "count": 2})),
        ("v", json!({"kind": "like"})),
        ("other", like()),
    ] {
        let refused = rig.react_under("k", video, other).await;
        assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(rig.react_under("k", "v", like()).await, ACCEPTED);
    sleep(TOLD).await;
    assert_eq!((rig.live.totals("v"), rig.live.totals("other")), ("r/like 2".into(), "".into()));
}

/// So that a retry counts it.
#[tokio::test(start_paused = true)]
async fn what_has_no_room_leaves_its_key_unknown() {
    /// Videos that are counted at once.
    const VIDEOS: usize = 65_536;
    let rig = rig();
    rig.counters.go_away(true);
    rig.react_to(VIDEOS).await;
    let like = || rig.react_under("k", "one-more", json!({"kind": "like"}));
    assert_eq!(like().await, StatusCode::SERVICE_UNAVAILABLE);
    rig.counters.go_away(false);
    sleep(TOLD + KEPT + TOLD).await;
    assert_eq!(like().await, ACCEPTED);
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("one-more"), "r/like 1");
}

/// As with comments.
#[tokio::test(start_paused = true)]
async fn who_may_not_comment_may_not_react() {
    let like = || json!({"kind": "like"});
    let banned = rig();
    banned.set_room("/bans/u", json!({})).await;
    assert_eq!(banned.react(like()).await, FORBIDDEN);
    let quiet = rig();
    quiet.set_room("/settings", json!({"who_can_comment": "nobody"})).await;
    assert_eq!(quiet.react(like()).await, FORBIDDEN);
    quiet.set_room("/settings", json!({"slow_mode_s": 60, "blocked_words": ["like"]})).await;
    for _ in 0..3 {
        assert_eq!(quiet.react(like()).await, ACCEPTED, "slow mode is of comments");
    }
    let over = rig();
    over.set_room("", json!({"state": "ended"})).await;
    assert_eq!(over.react(like()).await, FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn while_either_is_away_reactions_are_taken_and_nothing_is_lost() {
    let rig = rig();
    rig.live.go_away(true);
    rig.counters.go_away(true);
    assert_eq!(rig.react(json!({"kind": "like"})).await, ACCEPTED);
    sleep(5 * KEPT).await;
    rig.counters.go_away(false);
    sleep(KEPT).await;
    assert_eq!((rig.counters.totals("v"), rig.live.totals("v")), ("r/like 1".into(), "".into()));
    rig.live.go_away(false);
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("v"), "r/like 1");
}

/// Each has a task of its own.
#[tokio::test(start_paused = true)]
async fn who_waits_for_what_others_want_goes_on_telling_and_keeping() {
    let rig = rig();
    rig.live.give_nothing();
    sleep(6 * KEPT).await;
    rig.react(json!({"kind": "like"})).await;
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("v"), "r/like 1");
    sleep(KEPT).await;
    assert_eq!(rig.counters.totals("v"), "r/like 1");
}

/// Of those that are kept at once.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_kept_keeps_only_its_own_out() {
    const AT_ONCE: usize = 4_096;
    let rig = rig();
    rig.counters.refuse("v7");
    rig.react_to(AT_ONCE + 1).await;
    sleep(KEPT).await;
    assert!(rig.counters.videos() > 0, "not even the others");
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_is_filled_with_what_all_have_kept() {
    let rig = rig();
    rig.counters.put("v", "another", "r/like 5 views 2");
    rig.react(json!({"kind": "like"})).await;
    sleep(TOLD + KEPT).await;
    rig.live.forget();
    rig.live.want("v");
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("v"), "r/like 6 views 2");
}

/// The store is asked again when it is back: gateways want what they don't have.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_filled_is_filled_when_it_is_wanted_again() {
    let rig = rig();
    rig.counters.put("v", "another", "r/like 5");
    rig.counters.go_away(true);
    rig.live.want("v");
    sleep(TOLD).await;
    rig.counters.go_away(false);
    rig.live.want("v");
    sleep(TOLD).await;
    assert_eq!(rig.live.totals("v"), "r/like 5");
}

#[tokio::test(start_paused = true)]
async fn stats_are_those_of_the_live_numbers_or_what_was_kept() {
    let rig = rig();
    rig.counters.put("v", "another", "comments 2 deletions 1 r/love 4 views 9");
    rig.react(json!({"kind": "like"})).await;
    let none = json!({"applause": 0, "laugh": 0, "like": 1, "love": 4, "wow": 0});
    let expected = json!({"comments": 1, "viewers": 3, "views": 9, "reactions": none});
    assert_eq!(rig.stats().await, expected, "it was not filled");
    rig.live.want("v");
    sleep(TOLD).await;
    rig.counters.go_away(true);
    assert_eq!(rig.stats().await, expected, "it is");
    rig.react(json!({"kind": "like"})).await;
    assert_eq!(rig.stats().await["reactions"]["like"], 2, "at once, where it was sent");
    rig.counters.go_away(false);
    rig.live.go_away(true);
    let away = rig.stats().await;
    assert_eq!((&away["viewers"], &away["views"]), (&Value::Null, &json!(9)));
    assert_eq!(away["reactions"]["like"], 2);
    rig.counters.go_away(true);
    let (status, _) = rig.ask(Request::get("/v1/videos/v/stats"), Value::Null).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn comments_are_counted_once_and_deleted_ones_are_not() {
    let rig = rig();
    rig.post("one", "k1").await;
    rig.post("one", "k1").await;
    let (_, gone) = rig.post("two", "k2").await;
    let comments = async || rig.stats().await["comments"].as_u64().unwrap();
    rig.live.want("v");
    sleep(TOLD).await;
    assert_eq!(comments().await, 2);
    let path = format!("/v1/videos/v/comments/{}", gone["id"].as_str().unwrap());
    for _ in 0..2 {
        let deleted = rig.ask(Request::delete(&path), Value::Null).await.0;
        assert_eq!(deleted, StatusCode::NO_CONTENT);
    }
    assert_eq!(comments().await, 1);
}

/// They have no store; ingest nodes keep what they hand over, and hand back what they can't.
#[tokio::test(start_paused = true)]
async fn what_gateways_count_is_kept() {
    let rig = rig();
    rig.live.put("v", "a-gateway", "views 7");
    sleep(6 * KEPT).await;
    assert_eq!(rig.counters.totals("v"), "views 7");
    rig.live.put("v", "a-gateway", "views 9");
    rig.counters.go_away(true);
    sleep(6 * KEPT).await;
    rig.counters.go_away(false);
    sleep(6 * KEPT).await;
    assert_eq!(rig.counters.totals("v"), "views 9");
}

/// What came while it ended, or a moment before, is kept as well, and told: nobody would notice that
/// the store has more.
#[tokio::test(start_paused = true)]
async fn an_end_keeps_and_tells_what_was_counted_last() {
    let rig = rig();
    rig.react(json!({"kind": "wow"})).await;
    rig.stop.cancel();
    sleep(KEPT).await;
    let first = "r/wow 1".to_owned();
    assert_eq!((rig.counters.totals("v"), rig.live.totals("v")), (first.clone(), first));
    rig.react(json!({"kind": "like"})).await;
    rig.live.put("v", "a-gateway", "views 7");
    rig.ingest.keep_counted().await.unwrap();
    let all = "r/like 1 r/wow 1 views 7".to_owned();
    assert_eq!((rig.counters.totals("v"), rig.live.totals("v")), (all.clone(), all));
    rig.counters.go_away(true);
    rig.react(json!({"kind": "like"})).await;
    assert!(rig.ingest.keep_counted().await.is_err());
}
