//! Hypotheses on what a gateway tells of its viewers, and what they are told.

use common::totals::Counter;

use super::*;
use crate::{
    crowd::Seat,
    test_support::{around, log::CountingLog, tallies::Numbers},
    video::{Message, order::Start},
};

struct Rig {
    numbers: Arc<Numbers>,
    registry: Arc<Registry>,
    views: Arc<TallyBook>,
    lease: Arc<Lease>,
    counting: Counting,
}

fn rig() -> Rig {
    let numbers = Arc::new(Numbers::default());
    let mut around = around(Arc::new(CountingLog::new(1, 3)));
    around.tallies = numbers.clone();
    let registry = Registry::new(Arc::new(around));
    let lease = Arc::new(Lease::new("http://here".into()));
    let views = Arc::new(TallyBook::of_told(8));
    let counting = Counting::new(numbers.clone(), registry.clone(), lease.clone(), views.clone());
    Rig { numbers, registry, views, lease, counting }
}

fn video(name: &str) -> VideoId {
    name.parse().unwrap()
}

impl Rig {
    async fn join(&self, name: &str) -> Seat {
        self.registry.join(&video(name), Start::Newest, 0, None).await.unwrap().unwrap().1
    }

    /// What was told of viewers by one round.
    async fn told(&mut self) -> Vec<(String, u64)> {
        self.counting.run_once().await.unwrap();
        let mut told: Vec<_> = self.numbers.watched();
        told.sort();
        told.into_iter().map(|(_, video, count)| (video.to_string(), count)).collect()
    }
}

/// What a newcomer would be told now.
async fn shown(seat: &Seat) -> String {
    // The actor has its turn.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let snapshot = seat.crowd().order().borrow().snapshot().unwrap_or_default();
    String::from_utf8(snapshot.to_vec()).unwrap()
}

fn of(name: &str, count: u64) -> (String, u64) {
    (name.to_owned(), count)
}

#[tokio::test(start_paused = true)]
async fn viewers_are_told_when_their_number_changes() {
    let mut rig = rig();
    let (first, other) = (rig.join("a").await, rig.join("b").await);
    assert_eq!(rig.told().await, [of("a", 1), of("b", 1)]);
    rig.told().await; // whatever runs for the first time may have forgotten it
    assert_eq!(rig.told().await, []);
    let second = rig.join("a").await;
    assert_eq!(rig.told().await, [of("a", 2)]);
    drop((first, second));
    assert_eq!(rig.told().await, [of("a", 0)]);
    assert_eq!(rig.told().await, []);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn a_video_that_is_served_no_longer_has_none() {
    let mut rig = rig();
    let seat = rig.join("a").await;
    rig.told().await;
    rig.told().await;
    drop(seat);
    for _ in 0..3 {
        rig.registry.tell_all(|_| true, || Message::Tick);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(!rig.registry.has(&video("a")));
    assert_eq!(rig.told().await, [of("a", 0)]);
    assert_eq!(rig.told().await, []);
}

#[tokio::test(start_paused = true)]
async fn all_is_told_again_to_another_server_and_as_another_incarnation() {
    let mut rig = rig();
    let _seats = (rig.join("a").await, rig.join("b").await);
    rig.views.add(&video("a"), &Counter::VIEWS, 1).unwrap();
    rig.told().await;
    rig.told().await;
    rig.numbers.reported();
    rig.numbers.restart();
    assert_eq!(rig.told().await, [], "that is noticed by this look");
    assert_eq!(rig.numbers.reported(), []);
    assert_eq!(rig.told().await, [of("a", 1), of("b", 1)]);
    assert_eq!(rig.numbers.reported().len(), 1);
    rig.lease.become_known_as(Incarnation("other".into()));
    rig.counting.run_once().await.unwrap();
    let told = rig.numbers.watched();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|(by, ..)| *by == Incarnation("other".into())));
}

/// Each number is told again once in so many rounds, for what is not told for minutes is forgotten.
#[tokio::test(start_paused = true)]
async fn every_number_is_told_now_and_then() {
    let mut rig = rig();
    let seats = [rig.join("a").await, rig.join("b").await, rig.join("c").await];
    rig.told().await;
    rig.told().await;
    let mut told = Vec::new();
    for _ in 0..ROUNDS {
        told.extend(rig.told().await);
    }
    told.sort();
    assert_eq!(told, [of("a", 1), of("b", 1), of("c", 1)]);
    drop(seats);
}

#[tokio::test(start_paused = true)]
async fn what_changed_is_shown() {
    let mut rig = rig();
    rig.numbers.set(&video("a"), "r/like 3", 7);
    let seat = rig.join("a").await;
    let [likes, seven] = [
        "event: reactions\ndata: {\"totals\":{\"like\":3}}\n\n",
        "event: viewers\ndata: {\"count\":7}\n\n",
    ];
    assert_eq!(shown(&seat).await, [likes, seven].concat(), "from the beginning");
    rig.numbers.set(&video("a"), "r/like 4", 7);
    rig.numbers.set(&video("z"), "r/like 4", 7);
    rig.counting.run_once().await.unwrap();
    let more = "event: reactions\ndata: {\"totals\":{\"like\":4}}\n\n";
    assert_eq!(shown(&seat).await, [more, seven].concat());
}

#[tokio::test(start_paused = true)]
async fn what_could_change_unseen_is_read() {
    let mut rig = rig();
    let seat = rig.join("a").await;
    rig.counting.run_once().await.unwrap();
    rig.numbers.set_unnoticed(&video("a"), "", 9);
    rig.numbers.restart();
    rig.counting.run_once().await.unwrap();
    assert_eq!(shown(&seat).await, "event: viewers\ndata: {\"count\":9}\n\n");
    rig.numbers.set_unnoticed(&video("a"), "", 5);
    for _ in 0..ROUNDS {
        rig.counting.run_once().await.unwrap();
    }
    assert_eq!(shown(&seat).await, "event: viewers\ndata: {\"count\":5}\n\n");
}

#[tokio::test(start_paused = true)]
async fn while_redis_is_away_numbers_stay_and_are_told_later() {
    let mut rig = rig();
    rig.numbers.set(&video("a"), "r/like 3", 1);
    let seat = rig.join("a").await;
    rig.views.add(&video("a"), &Counter::VIEWS, 1).unwrap();
    let before = shown(&seat).await;
    assert!(before.contains("reactions") && before.contains("viewers"), "{before}");
    rig.numbers.go_away(true);
    for _ in 0..3 {
        assert!(rig.counting.run_once().await.is_err());
    }
    assert_eq!(shown(&seat).await, before);
    rig.numbers.go_away(false);
    assert_eq!(rig.told().await, [of("a", 1)]);
    let reported = rig.numbers.reported();
    assert_eq!(reported.iter().map(|r| r.totals.to_string()).collect::<Vec<_>>(), ["views 1"]);
    rig.told().await; // once more: whoever answers for the first time may have forgotten it
    rig.numbers.reported();
    rig.told().await;
    assert_eq!(rig.numbers.reported(), []);
}

#[tokio::test(start_paused = true)]
async fn what_a_video_had_no_room_for_is_told_with_the_next_look() {
    let mut rig = rig();
    let seat = rig.join("a").await;
    rig.counting.run_once().await.unwrap();
    // Its actor has no turn before this test waits.
    for _ in 0..2_000 {
        rig.registry.tell_all(|_| true, || Message::Reborn);
    }
    rig.numbers.set(&video("a"), "", 9);
    rig.counting.run_once().await.unwrap();
    assert_eq!(shown(&seat).await, "event: viewers\ndata: {\"count\":1}\n\n");
    rig.counting.run_once().await.unwrap();
    assert_eq!(shown(&seat).await, "event: viewers\ndata: {\"count\":9}\n\n");
}

/// As with one of several servers away.
#[tokio::test(start_paused = true)]
async fn what_fails_for_some_keeps_nothing_else_back() {
    let mut rig = rig();
    let seat = rig.join("a").await;
    rig.counting.run_once().await.unwrap();
    rig.numbers.set(&video("a"), "", 9);
    rig.numbers.refuse_viewers(true);
    drop(rig.join("b").await);
    assert!(rig.counting.run_once().await.is_err());
    assert_eq!(shown(&seat).await, "event: viewers\ndata: {\"count\":9}\n\n");
}
