//! Dispatchers that die, freeze or have no room, and what that costs commenters.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::{
    rig::{self, Rig},
    stand_ins::Mood,
};

/// Longer than a dispatcher that answers takes, shorter than anybody waits for one that doesn't.
const SLOW: Duration = Duration::from_millis(100);
/// Longer than a dispatcher stays suspect.
const SUSPICION: Duration = Duration::from_secs(6);

/// A rig without the drain of what is pending, which makes attempts of its own.
fn rig() -> Rig {
    let rig = rig::rig();
    rig.stop.cancel();
    rig
}

/// Posts once; tells the status and how long it took.
async fn timed(rig: &Rig, key: &str) -> (StatusCode, Duration) {
    let began = Instant::now();
    let (status, _) = rig.post("hi", key).await;
    (status, began.elapsed())
}

/// Posts `count` comments one after the other, all of which must be taken; how many were slow.
async fn slow_of(rig: &Rig, name: &str, count: usize) -> usize {
    let mut slow = 0;
    for n in 0..count {
        let (status, took) = timed(rig, &format!("{name}{n}")).await;
        assert_eq!(status, StatusCode::CREATED);
        slow += usize::from(took > SLOW);
    }
    slow
}

/// The dispatcher that the rig's video prefers, and the other one.
async fn choices() -> (Rig, usize, usize) {
    let rig = rig();
    assert_eq!(rig.post("hi", "who").await.0, StatusCode::CREATED);
    let first = usize::from(rig.dispatchers[1].taken() > 0);
    (rig, first, 1 - first)
}

/// Whatever one of two dispatchers does, every comment is taken by the other.
#[tokio::test(start_paused = true)]
async fn one_of_two_in_trouble_costs_no_comment() {
    for trouble in [Mood::Fails, Mood::Sticks, Mood::IsFull, Mood::AppendsNothing] {
        for one in 0..2 {
            let rig = rig();
            rig.dispatchers[one].set(trouble);
            assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED, "{trouble:?}");
            assert_eq!(rig.announced(), 1);
        }
    }
}

/// A frozen dispatcher costs one comment per period of suspicion, and is used again once it
/// answers.
#[tokio::test(start_paused = true)]
async fn a_frozen_dispatcher_costs_one_comment_per_period() {
    let (rig, first, _) = choices().await;
    rig.dispatchers[first].set(Mood::Sticks);
    for period in 0..3 {
        assert_eq!(slow_of(&rig, &format!("p{period}-"), 20).await, 1, "period {period}");
        sleep(SUSPICION).await;
    }
    rig.dispatchers[first].set(Mood::Takes);
    assert_eq!(slow_of(&rig, "again", 20).await, 0);
    assert_eq!(rig.dispatchers[first].taken(), 1 + 20, "all of its videos are its own again");
}

/// Negative control: where nobody else can take them, every comment is seen to be slow.
#[tokio::test(start_paused = true)]
async fn comments_that_wait_for_the_frozen_are_seen_to_be_slow() {
    let rig = rig();
    rig.set(Mood::Sticks);
    for n in 0..3 {
        let (status, took) = timed(&rig, &n.to_string()).await;
        assert!(status == StatusCode::ACCEPTED && took > SLOW, "{status} after {took:?}");
    }
}

/// A dispatcher that is cut off from the live log, or is not reached at all, is passed by as well.
#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_passed_by() {
    for trouble in [Mood::AppendsNothing, Mood::Fails] {
        let (rig, first, _) = choices().await;
        rig.dispatchers[first].set(trouble);
        assert_eq!(slow_of(&rig, "k", 20).await, 0);
        assert_eq!(rig.dispatchers[first].offered(), 1 + 1, "{trouble:?}");
    }
}

/// While one comment tries the frozen dispatcher again, all others pass it by.
#[tokio::test(start_paused = true)]
async fn of_comments_at_once_one_tries_a_suspect() {
    let (rig, first, _) = choices().await;
    rig.dispatchers[first].set(Mood::Sticks);
    assert_eq!(slow_of(&rig, "first", 1).await, 1);
    sleep(SUSPICION).await;
    let keys: Vec<_> = (0..50).map(|n| format!("k{n}")).collect();
    let posts = join_all(keys.iter().map(|key| timed(&rig, key))).await;
    assert_eq!(posts.iter().filter(|(_, took)| *took > SLOW).count(), 1);
    assert_eq!(rig.dispatchers[first].offered(), 1 + 1 + 1);
}

/// Comments that wait behind a frozen call are let go with it, and none of them was sent there.
#[tokio::test(start_paused = true)]
async fn a_frozen_call_holds_nobody_behind_it() {
    let (rig, first, _) = choices().await;
    rig.dispatchers[first].set(Mood::Sticks);
    let began = Instant::now();
    let late = async |key: &str, after: u64| {
        sleep(Duration::from_millis(after)).await;
        assert_eq!(timed(&rig, key).await.0, StatusCode::CREATED);
        began.elapsed()
    };
    let ended = tokio::join!(late("a", 0), late("b", 1), late("c", 300), late("d", 590));
    for ended in [ended.0, ended.1, ended.2, ended.3] {
        assert!(ended < Duration::from_millis(600) + SLOW, "{ended:?}");
    }
    assert_eq!(rig.dispatchers[first].offered(), 1 + 1, "the others were never sent to it");
}

/// A dispatcher without room is left alone for a moment, not asked by every comment.
#[tokio::test(start_paused = true)]
async fn who_has_no_room_is_left_alone_for_a_moment() {
    let (rig, first, other) = choices().await;
    rig.dispatchers[first].set(Mood::IsFull);
    assert_eq!(slow_of(&rig, "full", 20).await, 0);
    assert_eq!((rig.dispatchers[first].offered(), rig.dispatchers[other].taken()), (1 + 1, 20));
    sleep(Duration::from_secs(1)).await;
    rig.dispatchers[first].set(Mood::Takes);
    assert_eq!(slow_of(&rig, "room", 5).await, 0);
    assert_eq!(rig.dispatchers[first].taken(), 1 + 5);
}

/// What two dispatchers without room are offered: a fifth more than was posted, once the savings
/// are spent; and most of those who can't afford a retry are answered at once.
#[tokio::test(start_paused = true)]
async fn dispatchers_without_room_are_not_hit_again_and_again() {
    const ROUNDS: usize = 3;
    const AT_ONCE: usize = 2000;
    const SAVED: usize = 1024;
    let rig = rig();
    rig.set(Mood::IsFull);
    let (began, mut quick) = (Instant::now(), 0);
    for round in 0..ROUNDS {
        let keys: Vec<_> = (0..AT_ONCE).map(|n| format!("{round}-{n}")).collect();
        for (status, took) in join_all(keys.iter().map(|key| timed(&rig, key))).await {
            assert_eq!(status, StatusCode::ACCEPTED);
            quick += usize::from(took < SLOW);
        }
    }
    let (posts, seconds) = (ROUNDS * AT_ONCE, 1 + began.elapsed().as_secs() as usize);
    let offered = rig.offered();
    let affordable = SAVED + posts / 5 + 10 * seconds;
    assert!(offered <= posts + affordable, "{offered} offers, {affordable} retries affordable");
    assert!(quick >= posts - affordable, "{quick} of {posts} were quick");
    // One after the other, for which no time passes while none is affordable: what they pay counts.
    for n in 0..100 {
        assert_eq!(rig.post("hi", &format!("later{n}")).await.0, StatusCode::ACCEPTED);
    }
    assert!(rig.offered() - offered >= 100 + 100 / 5 - 1, "{}", rig.offered() - offered);
}

/// A full call that is lost with its dispatcher is affordable elsewhere, twice.
#[tokio::test(start_paused = true)]
async fn what_is_lost_with_a_dispatcher_is_affordable_elsewhere() {
    for _ in 0..2 {
        let (rig, first, other) = choices().await;
        rig.dispatchers[first].set(Mood::Fails);
        let keys: Vec<_> = (0..512).map(|n| format!("k{n}")).collect();
        for (status, took) in join_all(keys.iter().map(|key| timed(&rig, key))).await {
            assert!(status == StatusCode::CREATED && took < SLOW, "{status} after {took:?}");
        }
        assert_eq!(rig.dispatchers[other].taken(), 512);
    }
}
