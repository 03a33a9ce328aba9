//! Dispatchers that answer, but can't reach the live log.

use std::{collections::BTreeSet, time::Duration};

use axum::http::StatusCode;
use common::event::EventId;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::{
    rig::{Rig, rig},
    stand_ins::Mood,
};

/// Longer than ingest goes without asking all dispatchers.
const NEWS: Duration = Duration::from_millis(600);
/// Longer than a pending record has to wait for its drain.
const DRAINED: Duration = Duration::from_secs(8);

/// A rig without the drain of what is pending.
fn rig_without_drain() -> Rig {
    let rig = rig();
    rig.stop.cancel();
    rig
}

fn shown(rig: &Rig) -> Vec<EventId> {
    rig.dispatchers.iter().flat_map(|dispatcher| dispatcher.shown_anyway()).collect()
}

/// Posts at once; all must be answered with `status`, without a wait.
async fn post_all(rig: &Rig, name: &str, count: usize, status: StatusCode) {
    let began = Instant::now();
    let keys: Vec<_> = (0..count).map(|n| format!("{name}{n}")).collect();
    for answer in join_all(keys.iter().map(|key| rig.post("hi", key))).await {
        assert_eq!(answer.0, status);
    }
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
}

/// More of them than retries are affordable: viewers get each, once, and it costs one call more.
#[tokio::test(start_paused = true)]
async fn every_comment_is_shown_all_the_same_and_is_on_record() {
    const EACH: usize = 1_000;
    let rig = rig_without_drain();
    rig.set(Mood::AppendsNothing);
    for round in 0..6 {
        post_all(&rig, &format!("r{round}-"), EACH, StatusCode::ACCEPTED).await;
    }
    let shown = shown(&rig);
    assert_eq!(shown.len(), 6 * EACH);
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 6 * EACH);
    assert_eq!(rig.store.pending_len(), 6 * EACH);
    assert!(rig.offered() <= 6 * EACH + 3 * EACH, "{} offers", rig.offered());
}

/// Nobody has to tell that it is back.
#[tokio::test(start_paused = true)]
async fn a_log_that_is_back_is_noticed() {
    let rig = rig_without_drain();
    rig.set(Mood::AppendsNothing);
    post_all(&rig, "away", 1, StatusCode::ACCEPTED).await;
    rig.set(Mood::Takes);
    post_all(&rig, "back", 1, StatusCode::CREATED).await;
    assert_eq!(shown(&rig).len(), 1);
}

/// One of two may reach it: then nothing is shown out of order, not even at first.
#[tokio::test(start_paused = true)]
async fn nothing_is_shown_without_a_place_while_one_dispatcher_reaches_the_log() {
    for one in 0..2 {
        let rig = rig_without_drain();
        rig.dispatchers[one].set(Mood::AppendsNothing);
        post_all(&rig, "k", 50, StatusCode::CREATED).await;
        assert_eq!(shown(&rig), []);
    }
    // Back to all of them as soon as that may help again.
    let rig = rig_without_drain();
    rig.set(Mood::AppendsNothing);
    post_all(&rig, "away", 1, StatusCode::ACCEPTED).await;
    rig.dispatchers[0].set(Mood::Takes);
    sleep(NEWS).await;
    post_all(&rig, "back", 10, StatusCode::CREATED).await;
    assert_eq!(shown(&rig).len(), 1);
}

/// However many comments come, all dispatchers are asked again before long.
#[tokio::test(start_paused = true)]
async fn one_that_reaches_the_log_again_is_found() {
    for one in 0..2 {
        let rig = rig_without_drain();
        rig.set(Mood::AppendsNothing);
        post_all(&rig, "away", 10, StatusCode::ACCEPTED).await;
        rig.dispatchers[one].set(Mood::Takes);
        for n in 0..20 {
            rig.post("hi", &format!("k{n}")).await;
            sleep(Duration::from_millis(50)).await;
        }
        post_all(&rig, "back", 10, StatusCode::CREATED).await;
    }
}

/// The other one is dead: who answers shows what it can't append.
#[tokio::test(start_paused = true)]
async fn a_dead_dispatcher_is_no_reason_for_silence() {
    for one in 0..2 {
        let rig = rig_without_drain();
        rig.dispatchers[one].set(Mood::AppendsNothing);
        rig.dispatchers[1 - one].set(Mood::Fails);
        post_all(&rig, "k", 20, StatusCode::ACCEPTED).await;
        assert_eq!(shown(&rig).len(), 20);
    }
}

/// The drain tries until the log is back; viewers have seen what it tries.
#[tokio::test(start_paused = true)]
async fn the_drain_has_nothing_shown_without_a_place() {
    let rig = rig();
    rig.set(Mood::AppendsNothing);
    post_all(&rig, "k", 5, StatusCode::ACCEPTED).await;
    let offered = rig.offered();
    rig.store.age(10);
    sleep(DRAINED).await;
    assert!(rig.offered() > offered, "it does try");
    assert_eq!(shown(&rig).len(), 5);
    rig.set(Mood::Takes);
    sleep(DRAINED).await;
    assert_eq!((rig.announced(), rig.store.pending_len()), (5, 0));
}
