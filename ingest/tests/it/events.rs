//! Producers' events go the way of comments: on record until they are shown, once per key.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    rig::{Rig, rig},
    stand_ins::Mood,
};

/// Longer than the pause between two looks at records.
const DRAINED: Duration = Duration::from_secs(3);

impl Rig {
    async fn produce(&self, body: Value, key: &str) -> (StatusCode, Value) {
        let request = Request::post("/v1/videos/v/events").header("idempotency-key", key);
        self.ask(request, body).await
    }

    /// Names and data of what dispatchers took.
    fn shown(&self) -> Vec<(String, String)> {
        let events = self.dispatchers.iter().flat_map(|dispatcher| dispatcher.events());
        let data = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        events.map(|event| (event.kind.as_str().to_owned(), data(&event.data))).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_dispatcher_takes_is_shown_later_and_once() {
    let rig = rig();
    rig.store.hurry();
    rig.set(Mood::Fails);
    let odds = json!({"type": "odds", "data": {"home": 1.5}});
    let (status, event) = rig.produce(odds.clone(), "k").await;
    assert_eq!((status, rig.store.pending_len()), (StatusCode::ACCEPTED, 1));
    assert_eq!(rig.produce(odds.clone(), "k").await, (StatusCode::ACCEPTED, event.clone()));
    rig.set(Mood::Takes);
    sleep(DRAINED).await;
    assert_eq!(rig.store.pending_len(), 0, "drained");
    assert_eq!(rig.shown(), [("odds".to_owned(), r#"{"home":1.5}"#.to_owned())]);
    let (status, again) = rig.produce(odds, "k").await;
    assert_eq!((status, &again), (StatusCode::CREATED, &event));
    assert_eq!(again["data"], json!({"home": 1.5}));
}

/// A key is a request's, whatever it asks for.
#[tokio::test(start_paused = true)]
async fn a_key_stands_for_one_request() {
    let rig = rig();
    assert_eq!(rig.post("1", "k").await.0, StatusCode::CREATED);
    let odds = json!({"type": "odds", "data": "1"});
    assert_eq!(rig.produce(odds.clone(), "k").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rig.produce(odds, "k2").await.0, StatusCode::CREATED);
    let others = json!({"type": "odds", "data": "2"});
    assert_eq!(rig.produce(others, "k2").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rig.post("1", "k2").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rig.shown().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_video_that_has_ended_has_no_events() {
    let rig = rig();
    let odds = json!({"type": "odds", "data": 1});
    let state = |state: &str| json!({"state": state});
    let video = || Request::put("/v1/videos/v");
    assert_eq!(rig.ask(video(), state("ended")).await.0, StatusCode::OK);
    assert_eq!(rig.produce(odds.clone(), "k").await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.ask(video(), state("live")).await.0, StatusCode::OK);
    assert_eq!(rig.produce(odds, "k").await.0, StatusCode::CREATED);
}
