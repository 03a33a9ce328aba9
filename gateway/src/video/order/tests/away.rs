//! What viewers see while the live log is away, and what they get once it is back.

use common::event::Event;

use super::*;
use crate::tier::Tier;

/// What a dispatcher sends of `entry(1, seq)` while it can't reach the log.
fn placeless(seq: u64) -> Entry {
    Entry::without_place(origin(), entry(1, seq).event, 5_000)
}

fn pushed_without_place(order: &mut Order, seqs: &[u64], now: Millis) {
    order.on_pushed(seqs.iter().map(|seq| placeless(*seq)).collect(), now);
    order.seal(now);
}

/// The entry at a place, of the event that `entry(1, seq)` has.
fn placed(seq: u64, at: Position) -> Entry {
    Entry { position: at, ..entry(1, seq) }
}

fn marked(at: Position, ordinal: u64) -> Start {
    let mark = Some(Mark { life: LIFE, ordinal });
    Start::After(Some(Cursor::single(origin(), at).marked(mark)))
}

/// The last cursor that a viewer has that read on from the start.
fn last_cursor(order: &Order) -> Start {
    let text = text(order.log(), order.log().start());
    let id = text.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap();
    Start::After(Some(id.parse().unwrap()))
}

/// What a viewer that comes back sees, after the verdict.
fn back(order: &Order, start: &Start) -> (Status, Vec<String>) {
    let opening = order.resume(start, 0).unwrap();
    assert_eq!(opening.older, None);
    (opening.resume.status, seen(order, opening.place))
}

#[test]
fn events_without_a_place_are_shown_once_and_get_it_later() {
    let mut order = opened(1);
    pushed_without_place(&mut order, &[2, 3], 0);
    pushed_without_place(&mut order, &[3, 2], 0);
    let shown = ["n1", "n2 without id", "1:1 +2", "n3 without id", "1:1 +3"];
    assert_eq!(all(&order), shown);
    order.on_pushed(vec![placed(3, position(1, 2)), placed(2, position(1, 3))], 9);
    pushed(&mut order, &[4], 9);
    assert_eq!(all(&order)[5..], ["1:2 +3", "1:3 +3", "n4"]);
}

/// However busy the room is: the bytes of what was shown have long left the log.
#[test]
fn what_left_the_log_is_known_all_the_same() {
    let mut order = opened(1);
    let data = "x".repeat(1024 * 1024);
    for seq in 2..8 {
        let mut large = placeless(seq);
        large.event.data = format!("{{\"{data}\":1}}").into();
        order.on_pushed(vec![large], 0);
        order.seal(0);
    }
    assert!(!order.log().has(&entry(1, 2).event.id));
    pushed(&mut order, &[2, 3], 9);
    let end = order.log().end();
    assert_eq!((end.position, end.ordinal), (position(1, 3), 7), "no event more");
}

/// A bare EventSource that comes back to this gateway has seen nothing twice, and misses nothing,
/// whenever it comes.
#[test]
fn at_the_same_gateway_a_cursor_tells_exactly_how_far_a_viewer_was() {
    let mut order = opened(1);
    pushed_without_place(&mut order, &[2], 0);
    let early = last_cursor(&order);
    assert_eq!(early, marked(position(1, 1), 2));
    pushed_without_place(&mut order, &[3], 0);
    let none: Vec<String> = vec![];
    assert_eq!(back(&order, &last_cursor(&order)), (Status::Continued, none));
    order.on_pushed(vec![placed(2, position(1, 2)), placed(9, position(1, 3))], 0);
    order.seal(0);
    let rest = ["n3 without id", "1:1 +3", "1:2 +3", "n9"].map(str::to_owned).to_vec();
    assert_eq!(back(&order, &early), (Status::Continued, rest));
    for nobodys in [marked(position(1, 1), 4), marked(position(1, 2), 1)] {
        assert_eq!(back(&order, &nobodys).0, Status::Reset);
    }
}

/// A cursor from before goes on with what was shown since, wherever it was given.
#[test]
fn a_cursor_from_before_continues() {
    let mut order = opened(2);
    pushed_without_place(&mut order, &[3], 0);
    let (status, seen) = back(&order, &cursor(1, 2));
    assert_eq!(
        (status, &*seen),
        (Status::Continued, &["n3 without id", "1:2 +3"].map(str::to_owned)[..])
    );
    pushed(&mut order, &[3, 4], 0);
    assert_eq!(back(&order, &cursor(1, 2)).1[2..], ["1:3 +3", "n4"]);
}

/// The counter-example that forbids the short cut: a viewer of another gateway that has not seen
/// the event, at a place between the event and its position here.
#[test]
fn another_gateways_viewer_gets_the_event_and_not_its_position_alone() {
    let mut order = opened(1);
    pushed_without_place(&mut order, &[3], 0);
    pushed(&mut order, &[2], 0);
    let verdict = |order: &Order| {
        let opening = order.resume(&cursor(1, 2), 0).unwrap();
        (opening.resume.status, opening.older)
    };
    assert_eq!(verdict(&order), (Status::Reset, None), "nobody can tell where it will stand");
    pushed(&mut order, &[3, 4], 0);
    let from_the_log = (Status::Reset, Some(position(1, 2)));
    assert_eq!(verdict(&order), from_the_log, "the live log has the event in its place");
    assert_eq!(order.place_after(position(1, 2)), None);
    assert_eq!(order.pages_until(), position(1, 3));
    let joint = order.place_after(position(1, 3)).unwrap();
    assert_eq!(seen(&order, joint), ["n4"]);
}

#[test]
fn a_hole_holds_nothing_up_while_the_log_is_away() {
    let mut order = opened(1);
    pushed(&mut order, &[3, 4], 0);
    assert_eq!(all(&order), ["n1"]);
    order.on_read_failed(30);
    pushed(&mut order, &[5], 40);
    order.seal(40);
    let shown: Vec<_> = all(&order).into_iter().filter(|block| block.starts_with('n')).collect();
    assert_eq!(shown, ["n1", "n3 without id", "n4 without id", "n5 without id"]);
    order.on_page(page(1, 1, 2..=5, 5), 900);
    order.seal(900);
    assert_eq!(all(&order)[7..], ["n2", "1:3 +5", "1:4 +5", "1:5 +5"]);
    pushed(&mut order, &[7], 1_000);
    assert_eq!(all(&order).len(), 11, "a hole waits again");
}

/// An outage longer than comments may be announced: they are history only, and those who have seen
/// one are not told that it is skipped.
#[test]
fn who_has_seen_a_comment_is_not_told_that_it_is_skipped() {
    let comments = [1, 2].map(|_| common::ids::CommentId::now());
    let mut order = opened(0);
    let seen = Event { id: comments[0].into(), ..entry(1, 1).event };
    order.on_pushed(vec![Entry { event: seen, ..placeless(1) }], 0);
    let told = |seq: u64| {
        let comment = comments[usize::try_from(seq).unwrap() - 1];
        Entry { event: Event::of_skipped(comment), ..entry(1, seq) }
    };
    order.on_pushed(vec![told(1), told(2)], 0);
    order.seal(0);
    assert_eq!(all(&order), ["n1 without id", "1:0 +1", "1:1 +1", "skipped", "1:2 +2"]);
}

/// One video after the other fills the gateway's room; what has none is not lost, but late.
#[test]
fn what_there_is_no_room_for_is_shown_in_its_place() {
    let empty = || LogPage { head: position(1, 0), first: 1, entries: vec![] };
    let room = Spares::new(2);
    let mut one = Order::new(encoder(), Placeless::new(LIFE, room.clone()), empty());
    let mut other = Order::new(encoder(), Placeless::new(LIFE, room), empty());
    pushed_without_place(&mut one, &[1, 2, 3], 0);
    pushed_without_place(&mut other, &[1], 0);
    assert_eq!((datas(&one).len(), datas(&other).len()), (2, 0));
    pushed(&mut one, &[1, 2, 3], 0);
    assert_eq!(all(&one)[4..], ["1:1 +2", "1:2 +2", "n3"]);
    pushed_without_place(&mut other, &[1], 0);
    assert_eq!(datas(&other).len(), 1, "there is room again");
}

/// The second life of a comment: it was shown with a position that its log lost, its acknowledgement
/// got lost too, and it is announced again.
#[test]
fn a_new_epoch_does_not_show_again_what_left_the_log() {
    let mut order = opened(1);
    order.on_page(LogPage { head: position(2, 0), first: 1, entries: vec![] }, 0);
    let large = Entry {
        event: Event { data: "x".repeat(5 * 1024 * 1024).into(), ..entry(1, 8).event },
        ..placed(8, position(2, 1))
    };
    for entry in [large, placed(9, position(2, 2))] {
        order.on_pushed(vec![entry], 0);
        order.seal(0);
    }
    assert!(!order.log().has(&entry(1, 1).event.id));
    order.on_pushed(vec![placed(1, position(2, 3))], 0);
    order.seal(0);
    assert_eq!(all(&order), ["n9", "2:3"]);
}

fn adrift() -> Order {
    Order::adrift(encoder(), Placeless::new(LIFE, spares()), 100_000)
}

/// Entries of epoch 1 that the log took at such times, in seconds.
fn page_of(seconds: &[u64], first: u64) -> LogPage {
    let at = |(seq, second): (u64, &u64)| {
        let mut entry = entry(1, seq);
        entry.stamp.at_ms = second * 1_000;
        entry
    };
    let entries: Vec<_> = (first..).zip(seconds).map(at).collect();
    LogPage { head: entries.last().unwrap().position, first: 1, entries }
}

#[test]
fn a_video_that_begins_without_the_log_finds_its_place_later() {
    let mut order = adrift();
    assert_eq!(order.wish(0), Wish::Find(256));
    let opening = order.resume(&Start::Newest, 20).unwrap();
    assert_eq!(
        (opening.resume.status, opening.resume.from),
        (Status::New, order.spot(opening.place))
    );
    assert_eq!(order.resume(&cursor(1, 2), 20), None, "who knows; ask again after a read");
    pushed_without_place(&mut order, &[3], 0);
    let drifting = last_cursor(&order);
    order.on_read_failed(10);
    assert_eq!(order.wish(11), Wish::WaitUntil(10 + 2 * READ_RETRY_MS));
    order.on_page(page_of(&[90, 94, 100, 101], 1), 900);
    order.seal(900);
    assert_eq!(all(&order), ["n3 without id", "0:0 +1", "1:2 +1", "1:3 +1", "n4"]);
    assert_eq!(order.wish(900), Wish::Wait);
    assert_eq!(
        back(&order, &drifting),
        (Status::Continued, vec!["1:2 +1".into(), "1:3 +1".into(), "n4".into()])
    );
}

/// Nothing that the log took since is left out, however much that is.
#[test]
fn it_looks_back_as_far_as_it_must() {
    let mut order = adrift();
    let recent = |count: usize| page_of(&vec![101; count], 10_000 - count as u64);
    order.on_page(recent(256), 0);
    assert_eq!(order.wish(READ_RETRY_MAX_MS), Wish::Find(2_048));
    order.on_page(page_of(&[[80].as_slice(), &[101; 2_047]].concat(), 7_952), 0);
    order.seal(0);
    assert_eq!(datas(&order).len(), 2_047);
    let mut busiest = adrift();
    for look in [256, 2_048, 16_384] {
        busiest.on_page(recent(300), 0);
        assert_eq!(busiest.wish(READ_RETRY_MAX_MS), Wish::Find(8 * look));
    }
    busiest.on_page(recent(300), 0);
    busiest.seal(0);
    assert_eq!(all(&busiest)[0], "skipped", "what can't be given is told");
}

/// Sampled streams are bounded while the log is away, too.
#[test]
fn a_tier_is_shown_as_many_as_it_asks_for() {
    let mut order = opened(0);
    pushed_without_place(&mut order, &[1, 2, 3, 4], 0);
    let spot = |place| order.spot(place);
    let read = order.log().sample(order.log().start(), Tier::of(1), order.encoder(), spot);
    let Read::Bytes(parts, _) = read else { panic!("fell off") };
    let text: String = parts.iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect();
    let blocks: Vec<_> = text.split_terminator("\n\n").map(describe).collect();
    assert_eq!(blocks, ["n1 without id", "1:0 +1"], "the others are told of later");
}

/// A log that was lost is given again what it took last. Whoever has seen that has seen it; whoever
/// comes from elsewhere, with a place in the new epoch, may not have.
#[test]
fn what_is_announced_again_is_not_shown_again() {
    let mut order = opened(2);
    order.on_page(LogPage { head: position(2, 0), first: 1, entries: vec![] }, 0);
    pushed_at(&mut order, &[(8, 1)]);
    let in_between = last_cursor(&order);
    pushed_at(&mut order, &[(2, 2), (1, 3), (9, 4)]);
    let all = all(&order);
    assert_eq!(all, ["n1", "n2", "2:0 +2", "n8", "2:2 +3", "2:3 +3", "n9"]);
    assert_eq!(back(&order, &in_between), (Status::Continued, all[4..].to_vec()));
    assert_eq!(back(&order, &cursor(1, 2)), (Status::Continued, all[2..].to_vec()));
    let foreign = order.resume(&cursor(2, 1), 0).unwrap();
    assert_eq!((foreign.resume.status, foreign.older), (Status::Reset, Some(position(2, 1))));
    assert_eq!(order.pages_until(), position(2, 3));
}

/// Pushes events of epoch 1 that have places in epoch 2 now.
fn pushed_at(order: &mut Order, events_and_seqs: &[(u64, u64)]) {
    let entries = events_and_seqs.iter().map(|(event, seq)| placed(*event, position(2, *seq)));
    order.on_pushed(entries.collect(), 0);
    order.seal(0);
}

/// A log that is new and has trimmed already what it had first: nobody here has seen that.
#[test]
fn what_a_new_log_has_trimmed_is_told() {
    let mut order = opened(2);
    order.on_page(page(2, 5, 5..=6, 6), 0);
    order.seal(0);
    assert_eq!(told_skipped(&order), 4);
    let mut order = adrift();
    let mut late = page_of(&[101, 102], 41);
    late.first = 41;
    order.on_page(late, 0);
    order.seal(0);
    assert_eq!(told_skipped(&order), 40);
}

/// A cursor of a gateway that did not know where the log is says nothing to others.
#[test]
fn a_cursor_without_a_position_is_for_the_gateway_that_gave_it() {
    let order = adrift();
    let spot = order.spot(order.log().end());
    assert_eq!(spot.mark, Some(Mark { life: LIFE, ordinal: 0 }));
    assert_eq!(back(&order, &marked(Position::NONE, 0)).0, Status::Continued);
    assert_eq!(back(&order, &cursor(0, 0)).0, Status::Reset);
}
