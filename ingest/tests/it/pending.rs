//! What becomes of comments that are stored but were not announced.

use std::time::Duration;

use axum::http::StatusCode;
use common::{
    comment::Comment,
    comment_store::{CommentStore, Pending},
    event::{Event, EventId},
    ids::CommentId,
};
use tokio::time::{sleep, timeout};

use crate::{
    rig::{Rig, rig},
    stand_ins::Mood,
};

/// Longer than a drain waits for its next look.
const LOOK: Duration = Duration::from_secs(3);

fn id(comment: &serde_json::Value) -> CommentId {
    comment["id"].as_str().unwrap().parse().unwrap()
}

fn taken(rig: &Rig) -> Vec<EventId> {
    rig.dispatchers
        .iter()
        .flat_map(|dispatcher| dispatcher.events())
        .map(|event| event.id)
        .collect()
}

/// Puts comments on record as a node leaves them that dies right after; `age_s` seconds ago.
async fn on_record(rig: &Rig, count: usize, age_s: u64) -> Vec<CommentId> {
    rig.set(Mood::Fails);
    let (_, comment) = rig.post("hi", "template").await;
    rig.set(Mood::Takes);
    let video = "v".parse().unwrap();
    let template = rig.store.get(&video, id(&comment)).await.unwrap();
    let template = template.unwrap().into_comment().unwrap();
    rig.store.remove_pending(&Pending { video, comment: template.id }).await.unwrap();
    for _ in 0..count {
        let comment = Comment { id: CommentId::now(), ..template.clone() };
        let pending = Pending { video: comment.video.clone(), comment: comment.id };
        rig.store.put(&comment).await.unwrap();
        rig.store.add_pending(&pending).await.unwrap();
    }
    rig.store.age(age_s);
    let found = rig.store.pending(u64::MAX, count).await.unwrap();
    found.into_iter().map(|pending| pending.comment).collect()
}

/// A comment on record that is too old to be announced is not: viewers are told that it is skipped,
/// and a retry finds it settled.
#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_told_and_settled() {
    let rig = rig();
    rig.set(Mood::Fails);
    rig.post("hi", "k").await;
    rig.store.age(1000);
    rig.set(Mood::Takes);
    sleep(LOOK).await;
    let (status, comment) = rig.post("hi", "k").await;
    assert_eq!((status, rig.store.pending_len()), (StatusCode::CREATED, 0));
    assert_eq!(taken(&rig), [EventId::of_skipped(id(&comment))]);
    let told = rig.dispatchers.iter().flat_map(|dispatcher| dispatcher.events()).next();
    assert_eq!(told, Some(Event::of_skipped(id(&comment))));
}

/// A node died between storing and announcing: a late retry puts the comment on record, since
/// nobody knows whether viewers got it, and they are told that it is skipped.
#[tokio::test(start_paused = true)]
async fn a_late_retry_of_which_nobody_knows_goes_on_record() {
    let rig = rig();
    rig.post("hi", "k").await;
    rig.store.forget_settled();
    rig.store.age(1000);
    let (status, comment) = rig.post("hi", "k").await;
    assert_eq!((status, rig.store.pending_len()), (StatusCode::ACCEPTED, 1));
    sleep(LOOK).await;
    assert_eq!(taken(&rig)[1..], [EventId::of_skipped(id(&comment))]);
    assert_eq!(rig.post("hi", "k").await, (StatusCode::CREATED, comment));
}

/// A record whose comment was accepted meanwhile (a retry was quicker) is struck off without a
/// word.
#[tokio::test(start_paused = true)]
async fn what_is_settled_is_told_to_nobody() {
    let rig = rig();
    let (_, comment) = rig.post("hi", "k").await;
    let pending = Pending { video: "v".parse().unwrap(), comment: id(&comment) };
    rig.store.add_pending(&pending).await.unwrap();
    rig.store.age(1000);
    sleep(LOOK).await;
    assert_eq!((rig.announced(), rig.store.pending_len()), (1, 0));
}

/// A commenter that leaves does not leave a comment behind that is stored and nothing else.
#[tokio::test(start_paused = true)]
async fn who_leaves_leaves_no_half_done_comment() {
    let rig = rig();
    rig.set(Mood::Sticks);
    let left = timeout(Duration::from_millis(10), rig.post("hi", "k")).await;
    assert!(left.is_err(), "nobody answers yet");
    rig.set(Mood::Takes);
    sleep(LOOK).await;
    assert_eq!(rig.announced(), 1);
}

/// A long record is drained look by look, without a pause between full ones, in the order posted.
#[tokio::test(start_paused = true)]
async fn a_long_record_is_drained_in_one_go() {
    let rig = rig();
    let mut posted = on_record(&rig, 3000, 20).await;
    sleep(Duration::from_millis(1500)).await;
    assert_eq!((rig.announced(), rig.store.pending_len()), (3000, 0));
    posted.sort_unstable();
    assert_eq!(taken(&rig), posted.into_iter().map(EventId::from).collect::<Vec<_>>());
}

/// A comment that can't be read holds up no other, and viewers are told of it.
#[tokio::test(start_paused = true)]
async fn a_damaged_comment_holds_up_no_other() {
    let rig = rig();
    let ids = on_record(&rig, 3, 20).await;
    rig.store.damage(ids[0]);
    sleep(LOOK).await;
    assert_eq!((rig.announced(), rig.store.pending_len()), (3, 0));
    assert_eq!(taken(&rig).first(), Some(&EventId::of_skipped(ids[0])));
}

/// Nor does one that can't be read just now; it stays on record.
#[tokio::test(start_paused = true)]
async fn an_unread_comment_holds_up_no_other() {
    let rig = rig();
    let ids = on_record(&rig, 3, 20).await;
    rig.store.withhold(*ids.iter().min().unwrap());
    sleep(LOOK).await;
    assert_eq!((rig.announced(), rig.store.pending_len()), (2, 1));
}

/// While nobody takes anything, a look tries some and not all: fresh comments come first.
#[tokio::test(start_paused = true)]
async fn a_look_in_vain_ends_soon() {
    let rig = rig();
    on_record(&rig, 3000, 20).await;
    rig.set(Mood::Fails);
    let before = rig.offered();
    sleep(Duration::from_millis(1500)).await;
    let offered = rig.offered() - before;
    // Two looks, each of which tries 256 at once and as many more while it learns of the failures.
    assert!((1..=2 * 2 * 256).contains(&offered), "{offered}");
    assert_eq!(rig.store.pending_len(), 3000);
}
