//! The decisions against a model: whatever is dropped, doubled, delayed or reordered on the way,
//! what goes out is the log's order, whole, each event once.

use std::collections::BTreeSet;

use common::position::Cursor;

use super::*;
use crate::{
    byte_log::{Place, READ_LEN_MAX, Read},
    frame::{Resume, Status},
    test_support::{LIFE, encoder, entry, order, origin, position, spares},
};

mod away;
mod journeys;

fn page(epoch: u64, first: u64, entries: std::ops::RangeInclusive<u64>, head: u64) -> LogPage {
    let entries = entries.map(|seq| entry(epoch, seq)).collect();
    LogPage { head: position(epoch, head), first, entries }
}

fn opened(head: u64) -> Order {
    let mut order = order(page(1, 1, 1..=head, head));
    order.seal(0);
    order
}

fn pushed(order: &mut Order, seqs: &[u64], now: Millis) {
    order.on_pushed(seqs.iter().map(|seq| entry(1, *seq)).collect(), now);
    order.seal(0);
}

/// What a viewer at `place` sees, as `n<seq>` for a comment and `<epoch>:<seq>` for a bare id.
fn seen(order: &Order, place: Place) -> Vec<String> {
    text(order.log(), place).split_terminator("\n\n").map(describe).collect()
}

/// All bytes from `place` on.
fn text(log: &ByteLog, mut place: Place) -> String {
    let mut text = String::new();
    while let Read::Bytes(chunks, next) = log.read(place, READ_LEN_MAX) {
        if chunks.is_empty() {
            break;
        }
        text.extend(chunks.iter().map(|bytes| str::from_utf8(bytes).unwrap()));
        place = next;
    }
    text
}

fn describe(block: &str) -> String {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    // A cursor with a mark is written as its position and `+<ordinal>`.
    let id = field("id: 1~dc1:").map(|id| id.replace(&format!("~:{LIFE:x}:"), " +"));
    match (field("event: "), id) {
        (Some("comment"), id) => {
            let n = field("data: {\"n\":").unwrap().split(',').next().unwrap();
            let with_id = if id.is_some() { "" } else { " without id" };
            format!("n{n}{with_id}")
        }
        (Some(name), _) => name.to_owned(),
        (None, Some(id)) => id,
        (None, None) => "heartbeat".into(),
    }
}

fn all(order: &Order) -> Vec<String> {
    seen(order, order.log().start())
}

fn names(seqs: std::ops::RangeInclusive<u64>) -> Vec<String> {
    seqs.map(|seq| format!("n{seq}")).collect()
}

fn cursor(epoch: u64, seq: u64) -> Start {
    Start::After(Some(Cursor::single(origin(), position(epoch, seq))))
}

#[test]
fn in_order_is_passed_at_once_and_repeats_are_not() {
    let mut order = opened(2);
    pushed(&mut order, &[3, 4], 0);
    pushed(&mut order, &[2, 3, 4, 5], 0);
    assert_eq!(all(&order), names(1..=5));
    assert_eq!(order.wish(0), Wish::Wait);
}

#[test]
fn a_hole_waits_for_a_late_batch() {
    let mut order = opened(2);
    pushed(&mut order, &[4, 5], 100);
    assert_eq!(all(&order), names(1..=2), "nothing later goes out");
    assert_eq!(order.wish(100), Wish::WaitUntil(120));
    pushed(&mut order, &[3], 110);
    assert_eq!(all(&order), names(1..=5));
    assert_eq!(order.wish(110), Wish::Wait);
}

#[test]
fn a_hole_that_stays_is_read() {
    let mut order = opened(2);
    pushed(&mut order, &[5], 100);
    assert_eq!(order.wish(120), Wish::Read(From::After(position(1, 2))));
    order.on_page(page(1, 1, 3..=4, 6), 125);
    order.seal(0);
    assert_eq!(all(&order), names(1..=5));
    assert_eq!(order.wish(125), Wish::Read(From::After(position(1, 5))), "the log has a sixth");
}

#[test]
fn a_failed_read_is_tried_again_but_not_at_once() {
    let mut order = opened(2);
    pushed(&mut order, &[5], 100);
    let mut now = 130;
    for wait in [READ_RETRY_MS, 2 * READ_RETRY_MS, READ_RETRY_MAX_MS, READ_RETRY_MAX_MS] {
        order.on_read_failed(now);
        assert_eq!(order.wish(now + 1), Wish::WaitUntil(now + wait));
        now += wait;
        assert_eq!(order.wish(now), Wish::Read(From::After(position(1, 2))));
    }
}

#[test]
fn who_tells_of_more_than_the_log_has_makes_nobody_spin() {
    let mut order = opened(2);
    order.on_head(position(1, 9), 100);
    order.on_page(LogPage { head: position(1, 2), first: 1, entries: vec![] }, 130);
    assert_eq!(order.wish(130), Wish::WaitUntil(130 + READ_RETRY_MS));
}

#[test]
fn a_log_trimmed_past_the_hole_is_told() {
    let mut order = opened(2);
    order.on_head(position(1, 9), 0);
    order.on_page(page(1, 8, 8..=9, 9), 30);
    order.seal(0);
    assert_eq!(all(&order), ["n1", "n2", "skipped", "1:7", "n8", "n9"]);
}

#[test]
fn a_new_epoch_moves_positions_at_once_and_late_entries_have_none() {
    let mut order = opened(2);
    order.on_pushed(vec![entry(2, 1)], 100);
    assert_eq!(order.wish(120), Wish::Read(From::After(position(1, 2))));
    order.on_page(LogPage { head: position(2, 1), first: 1, entries: vec![] }, 125);
    order.on_pushed(vec![entry(1, 2), entry(1, 3), entry(1, 3)], 126);
    order.seal(0);
    assert_eq!(all(&order), ["n1", "n2", "2:0 +2", "n1", "n3 without id", "2:1 +4"]);
    let opening = order.resume(&cursor(1, 2), 20).unwrap();
    assert_eq!(opening.resume.status, Status::Continued, "the byte log spans epochs");
}

#[test]
fn what_is_held_at_a_new_epoch_is_shown_and_what_is_missing_is_told() {
    let mut order = opened(2);
    pushed(&mut order, &[5, 4], 100);
    order.on_page(LogPage { head: position(2, 0), first: 1, entries: vec![] }, 125);
    order.seal(0);
    assert_eq!(all(&order)[..2], ["n1", "n2"]);
    assert_eq!(all(&order)[2..4], ["skipped", "2:0 +2"], "the third was heard of, and is lost");
    let late = ["n4 without id", "2:0 +3", "n5 without id", "2:0 +4"];
    assert_eq!(all(&order)[4..], late);
}

#[test]
fn what_is_held_of_a_trimmed_log_is_shown() {
    let mut order = opened(2);
    pushed(&mut order, &[5], 0);
    order.on_page(page(1, 8, 8..=9, 9), 30);
    order.seal(0);
    let shown = ["n1", "n2", "skipped", "1:4", "n5", "skipped", "1:7", "n8", "n9"];
    assert_eq!(all(&order), shown);
}

#[test]
fn what_was_shown_without_id_only_gets_its_position_later() {
    let mut order = opened(1);
    order.on_page(LogPage { head: position(2, 0), first: 1, entries: vec![] }, 0);
    let late = entry(1, 2);
    order.on_pushed(vec![late.clone()], 1);
    let mut sequenced = entry(2, 1);
    sequenced.event.id = late.event.id;
    order.on_pushed(vec![sequenced], 2);
    order.seal(0);
    assert_eq!(all(&order), ["n1", "2:0 +1", "n2 without id", "2:0 +2", "2:1 +2"]);
}

#[test]
fn verdicts() {
    let order = opened(5);
    let verdict = |start: Start, recent| {
        let opening = order.resume(&start, recent)?;
        let Resume { status, from, to, replayed } = opening.resume;
        assert_eq!(to, position(1, 5).into());
        assert_eq!(seen(&order, opening.place).len() as u64, replayed);
        Some((status, from.position.seq, replayed))
    };
    assert_eq!(verdict(Start::Newest, 2), Some((Status::New, 3, 2)));
    assert_eq!(verdict(Start::Newest, 0), Some((Status::New, 5, 0)));
    assert_eq!(verdict(Start::Newest, 200), Some((Status::New, 0, 5)));
    assert_eq!(verdict(cursor(1, 3), 20), Some((Status::Continued, 3, 2)));
    assert_eq!(verdict(cursor(1, 5), 20), Some((Status::Continued, 5, 0)));
    assert_eq!(verdict(cursor(0, 3), 2), Some((Status::Reset, 3, 2)), "another epoch");
    assert_eq!(verdict(Start::After(None), 2), Some((Status::Reset, 3, 2)), "no cursor of ours");
    assert_eq!(verdict(Start::After(Some(Cursor::default())), 0), Some((Status::Reset, 5, 0)));
    assert_eq!(verdict(cursor(1, 6), 20), None, "this gateway may be behind");
    assert_eq!(order.resume_settled(&cursor(1, 6), 20).resume.status, Status::Reset);
}

#[test]
fn a_viewer_of_an_empty_room_has_a_position() {
    let order = order(LogPage { head: position(7, 0), first: 1, entries: vec![] });
    let opening = order.resume(&Start::Newest, 20).unwrap();
    assert_eq!((opening.resume.from, opening.resume.replayed), (position(7, 0).into(), 0));
    let again = order.resume(&cursor(7, 0), 20).unwrap();
    assert_eq!(again.resume.status, Status::Continued);
}

#[test]
fn a_cursor_before_the_byte_log_may_be_in_the_live_log() {
    let order = order(page(1, 1, 301..=556, 556));
    let opening = order.resume(&cursor(1, 12), 20).unwrap();
    assert_eq!((opening.older, opening.resume.status), (Some(position(1, 12)), Status::Reset));
}

fn data(entry: &Entry) -> String {
    String::from_utf8(entry.event.data.to_vec()).unwrap()
}

/// The data of every comment shown, with or without id.
fn datas(order: &Order) -> Vec<String> {
    let text = text(order.log(), order.log().start());
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| data.starts_with("{\"n\"")).map(str::to_owned).collect()
}

/// The sum over all `skipped` events.
fn told_skipped(order: &Order) -> u64 {
    let text = text(order.log(), order.log().start());
    let counts = text.lines().filter_map(|line| line.strip_prefix("data: {\"count\":"));
    counts.map(|rest| rest.split(',').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Negative control: an order that drops, doubles or swaps is not taken for a good one.
#[test]
fn the_checks_see_mutants() {
    let shown = |seqs: &[u64]| {
        let mut order = opened(0);
        for seq in seqs {
            let Order { encoder, log, .. } = &mut order;
            let entry = entry(1, *seq);
            log.append((entry.event.id, 0), entry.position, |out| encoder.entry(out, &entry, None));
        }
        order.seal(0);
        let distinct: BTreeSet<_> = datas(&order).into_iter().collect();
        (all(&order), datas(&order).len() - distinct.len())
    };
    assert_eq!(shown(&[1, 2, 3]), (names(1..=3), 0));
    assert_ne!(shown(&[1, 3]).0, names(1..=3), "dropped");
    assert_eq!(shown(&[1, 2, 2, 3]).1, 1, "doubled");
    assert_ne!(shown(&[1, 3, 2]).0, names(1..=3), "swapped");
}
