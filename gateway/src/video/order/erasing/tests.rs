//! Whatever the order in which a comment and its deletion come, its content is gone once the deletion
//! is here.

use common::{event::Kind, ids::CommentId, live_log::LogPage, position::Position};

use super::*;
use crate::{
    byte_log::{ByteLog, READ_LEN_MAX, Read},
    test_support::{entry, order, position},
};

const SECRET: &str = "what nobody should have said";

/// A comment at a place, and its deletion at another.
fn said_and_deleted(said_at: Position, deleted_at: Position) -> (Entry, Entry) {
    let id = CommentId::now();
    let data = format!("{{\"text\":\"{SECRET}\"}}").into();
    let event = Event { id: id.into(), kind: Kind::COMMENT, data };
    let said = Entry { position: said_at, event, ..entry(1, 1) };
    let deleted = Entry { position: deleted_at, event: Event::of_deletion(id), ..entry(1, 1) };
    (said, deleted)
}

/// An order that has had comments 1 and 2.
fn opened() -> Order {
    let entries = vec![entry(1, 1), entry(1, 2)];
    order(LogPage { head: position(1, 2), first: 1, entries })
}

fn pushed(order: &mut Order, entries: &[&Entry]) {
    order.on_pushed(entries.iter().map(|entry| (*entry).clone()).collect(), 0);
    order.seal(0);
}

fn shown(log: &ByteLog) -> String {
    let Read::Bytes(chunks, end) = log.read(log.start(), READ_LEN_MAX) else { panic!("fell off") };
    assert_eq!(end, log.end());
    chunks.iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect()
}

#[test]
fn what_was_shown_keeps_its_place_and_loses_its_content() {
    let mut order = opened();
    let (said, deleted) = said_and_deleted(position(1, 3), position(1, 5));
    pushed(&mut order, &[&said, &entry(1, 4)]);
    let (before, end) = (shown(order.log()), order.log().end());
    assert!(before.contains(SECRET));
    order.erase(said.event.id, 0);
    assert!(order.seal(0), "news, though nothing is to be read that was not");
    let after = shown(order.log());
    assert_eq!((after.len(), order.log().end()), (before.len(), end));
    let lines: Vec<_> = after.split("id: 1~dc1:1:3\n").nth(1).unwrap().lines().take(2).collect();
    assert_eq!((lines[0].trim(), lines[1]), (":", ""), "a comment line, and the block's end");
    let others = |text: &str| text.matches("event: comment\n").count();
    assert_eq!((others(&before), others(&after)), (4, 3));
    assert_eq!(order.erasures().count(), 1);
    pushed(&mut order, &[&deleted, &said]);
    assert!(shown(order.log()).ends_with(&format!(
        "id: 1~dc1:1:5\nevent: delete\ndata: {}\n\n",
        str::from_utf8(&deleted.event.data).unwrap()
    )));
    assert_eq!(order.erasures().count(), 1, "once");
}

/// In the pass that shows it, too, which nobody can have read yet.
#[test]
fn what_is_being_gathered_loses_its_content() {
    let mut order = opened();
    let (said, deleted) = said_and_deleted(position(1, 3), position(1, 4));
    order.on_pushed(vec![said], 0);
    order.on_pushed(vec![deleted], 0);
    order.seal(0);
    assert!(!shown(order.log()).contains(SECRET));
}

#[test]
fn a_deletion_behind_a_hole_takes_effect_at_once() {
    let mut order = opened();
    let (said, deleted) = said_and_deleted(position(1, 3), position(1, 6));
    pushed(&mut order, &[&said]);
    pushed(&mut order, &[&deleted]);
    let text = shown(order.log());
    assert!(!text.contains(SECRET) && !text.contains("event: delete"));
}

#[test]
fn what_waits_behind_a_hole_or_comes_late_shows_nothing() {
    for is_held in [true, false] {
        let mut order = opened();
        let (said, deleted) = said_and_deleted(position(1, 4), position(1, 5));
        if is_held {
            pushed(&mut order, &[&said]);
        }
        pushed(&mut order, &[&deleted]);
        if !is_held {
            pushed(&mut order, &[&said]);
        }
        let entries = vec![entry(1, 3)];
        order.on_page(LogPage { head: position(1, 3), first: 1, entries }, 0);
        order.seal(0);
        let text = shown(order.log());
        assert!(!text.contains(SECRET) && text.contains("event: delete"), "{is_held}: {text}");
        assert!(text.contains("id: 1~dc1:1:4\n\n"), "{is_held}: {text}");
        assert_eq!(order.log().end().position, position(1, 5));
    }
}

#[test]
fn what_has_no_place_is_taken_away_as_well() {
    let mut order = opened();
    let (said, deleted) = said_and_deleted(Position::NONE, Position::NONE);
    pushed(&mut order, &[&said]);
    assert!(shown(order.log()).contains(SECRET));
    pushed(&mut order, &[&deleted]);
    let text = shown(order.log());
    assert!(!text.contains(SECRET) && text.contains("event: delete"));
    let (late, deleted) = said_and_deleted(Position::NONE, Position::NONE);
    pushed(&mut order, &[&deleted, &late]);
    assert!(!shown(order.log()).contains(SECRET));
    pushed(&mut order, &[&Entry { position: position(1, 3), ..late }]);
    let text = shown(order.log());
    assert!(!text.contains(SECRET) && text.contains("id: 1~dc1:1:3~:7:6\n\n"), "{text}");
}

#[test]
fn what_is_read_of_an_epoch_that_is_over_is_not_shown() {
    let mut order = opened();
    let (said, deleted) = said_and_deleted(position(1, 4), position(2, 1));
    let entries = vec![deleted];
    order.on_page(LogPage { head: position(2, 1), first: 1, entries }, 0);
    pushed(&mut order, &[&said]);
    assert!(!shown(order.log()).contains(SECRET));
}

#[test]
fn known_ones_are_bounded_in_number_and_age() {
    let mut order = opened();
    let ids: Vec<EventId> = (0..=KNOWN_MAX).map(|_| CommentId::now().into()).collect();
    for id in &ids {
        order.erase(*id, 5);
    }
    let known = |order: &Order| ids.iter().filter(|id| order.erasures().has(id)).count();
    assert_eq!((known(&order), order.erasures().has(&ids[0])), (KNOWN_MAX, false));
    assert!(order.erasures().has_any(&ids) && !order.erasures().has_any(&ids[..1]));
    order.heartbeat(5 + KNOWN_MS - 1);
    assert_eq!(known(&order), KNOWN_MAX);
    order.heartbeat(5 + KNOWN_MS);
    assert_eq!(known(&order), 0);
}

#[test]
fn writers_learn_whether_what_they_read_was_hit() {
    let mut erasures = Erasures::default();
    assert!(!erasures.hit(&(0..u64::MAX), 0));
    for nth in 0..3 {
        erasures.note(100 * nth..100 * nth + 10);
    }
    assert!(erasures.hit(&(205..300), 2) && erasures.hit(&(0..1), 0));
    assert!(!erasures.hit(&(10..100), 0) && !erasures.hit(&(210..300), 0));
    assert!(!erasures.hit(&(0..300), 3), "known already");
    assert!(!erasures.hit(&(0..200), 2), "the last one is elsewhere");
    for _ in 0..RANGES_MAX {
        erasures.note(1_000..1_001);
    }
    assert!(erasures.hit(&(10..11), 2), "where that one was is forgotten");
    assert!(!erasures.hit(&(10..11), 3));
}
