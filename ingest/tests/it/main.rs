//! ingest among stand-ins for store, log and dispatchers that fail when told to.
#![expect(
    clippy::unwrap_used,
    reason = "clippy allows them in tests, but not in the functions that tests share"
)]

mod stand_ins;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use common::{
    comment_store::{Claim, CommentStore},
    config::{Config, Role, Sources, load},
    ids::CommentId,
};
use ingest::{Deps, Dispatchers, Ingest};
use serde_json::Value;
use stand_ins::{Dispatcher, Log, Store};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// An ingest and what it stands on.
struct Rig {
    ingest: Arc<Ingest>,
    store: Arc<Store>,
    log: Arc<Log>,
    dispatchers: [Arc<Dispatcher>; 2],
    drain: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

fn config() -> Config {
    load(Role::All, Sources::default()).config.unwrap()
}

fn rig() -> Rig {
    let (store, log) = (Arc::new(Store::default()), Arc::new(Log::default()));
    let dispatchers = [Arc::new(Dispatcher::default()), Arc::new(Dispatcher::default())];
    let named = ["a", "b"].into_iter().zip(dispatchers.clone());
    let named = named.map(|(name, dispatcher)| (name.to_owned(), dispatcher as _));
    let deps = Deps {
        comments: store.clone(),
        live_log: log.clone(),
        dispatchers: Dispatchers::fixed(named),
    };
    let stop = CancellationToken::new();
    let (ingest, drain) = Ingest::start(&config(), deps, stop.clone()).unwrap();
    Rig { ingest, store, log, dispatchers, drain, stop }
}

impl Rig {
    async fn send(&self, request: Request<Body>) -> Response {
        self.ingest.public().oneshot(request).await.unwrap()
    }

    async fn post(&self, text: &str, key: &str) -> (StatusCode, Value) {
        let request = Request::post("/v1/videos/v/comments")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-chorus-user", "u")
            .header("idempotency-key", key)
            .body(Body::from(serde_json::json!({ "text": text }).to_string()))
            .unwrap();
        let response = self.send(request).await;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn announced(&self) -> usize {
        self.dispatchers.iter().map(|dispatcher| dispatcher.taken()).sum()
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_dispatcher_is_asked_when_the_first_fails() {
    for failing in 0..2 {
        let rig = rig();
        rig.dispatchers[failing].fail(true);
        assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
        assert_eq!(rig.announced(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dispatcher_that_never_answers_costs_no_comment() {
    for stuck in 0..2 {
        let rig = rig();
        rig.dispatchers[stuck].stick(true);
        assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
    }
}

#[tokio::test(start_paused = true)]
async fn without_dispatchers_it_is_202_and_on_record_until_one_is_back() {
    let rig = rig();
    rig.dispatchers.iter().for_each(|dispatcher| dispatcher.fail(true));
    let (status, comment) = rig.post("hi", "k").await;
    assert_eq!((status, rig.store.pending_len()), (StatusCode::ACCEPTED, 1));
    assert_eq!(rig.post("hi", "k").await, (StatusCode::ACCEPTED, comment.clone()));
    rig.dispatchers.iter().for_each(|dispatcher| dispatcher.fail(false));
    rig.store.age(10); // the clock of ids is the system's, which can't be paused
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((rig.announced(), rig.store.pending_len()), (1, 0), "drained");
    let (status, again) = rig.post("hi", "k").await;
    assert_eq!((status, &again["text"]), (StatusCode::CREATED, &comment["text"]));
}

#[tokio::test(start_paused = true)]
async fn an_old_key_is_201_only_when_it_is_not_on_record_as_waiting() {
    let rig = rig();
    rig.dispatchers.iter().for_each(|dispatcher| dispatcher.fail(true));
    rig.post("waits", "k1").await;
    rig.store.age(1000);
    assert_eq!(rig.post("waits", "k1").await.0, StatusCode::ACCEPTED);
    rig.dispatchers.iter().for_each(|dispatcher| dispatcher.fail(false));
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
    rig.dispatchers.iter().for_each(|dispatcher| dispatcher.fail(true));
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
    assert_eq!(stored.unwrap().text.as_str(), "hi");
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
