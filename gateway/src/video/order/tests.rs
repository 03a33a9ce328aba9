//! The decisions against a model: whatever is dropped, doubled, delayed or reordered on the way,
//! what goes out is the log's order, whole, each event once.

use std::collections::BTreeSet;

use common::position::Cursor;
use proptest::prelude::*;

use super::*;
use crate::{
    byte_log::{Place, Read},
    frame::{Resume, Status},
    test_support::{encoder, entry, origin, position},
};

fn page(epoch: u64, first: u64, entries: std::ops::RangeInclusive<u64>, head: u64) -> LogPage {
    let entries = entries.map(|seq| entry(epoch, seq)).collect();
    LogPage { head: position(epoch, head), first, entries }
}

fn opened(head: u64) -> Order {
    let mut order = Order::new(encoder(), page(1, 1, 1..=head, head));
    order.seal();
    order
}

fn pushed(order: &mut Order, seqs: &[u64], now: Millis) {
    order.on_pushed(seqs.iter().map(|seq| entry(1, *seq)).collect(), now);
    order.seal();
}

/// What a viewer at `place` sees, as `n<seq>` for a comment and `<epoch>:<seq>` for a bare id.
fn seen(order: &Order, place: Place) -> Vec<String> {
    text(order.log(), place).split_terminator("\n\n").map(describe).collect()
}

/// All bytes from `place` on.
fn text(log: &ByteLog, mut place: Place) -> String {
    let mut text = String::new();
    while let Read::Bytes(chunks, next) = log.read(place) {
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
    let id = field("id: 1~dc1:").map(str::to_owned);
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
    order.seal();
    assert_eq!(all(&order), names(1..=5));
    assert_eq!(order.wish(125), Wish::Read(From::After(position(1, 5))), "the log has a sixth");
}

#[test]
fn a_failed_read_is_tried_again_but_not_at_once() {
    let mut order = opened(2);
    pushed(&mut order, &[5], 100);
    order.on_read_failed(130);
    assert_eq!(order.wish(131), Wish::WaitUntil(130 + READ_RETRY_MS));
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
    order.seal();
    assert_eq!(all(&order), ["n1", "n2", "skipped", "1:7", "n8", "n9"]);
}

#[test]
fn a_new_epoch_moves_positions_at_once_and_late_entries_have_none() {
    let mut order = opened(2);
    order.on_pushed(vec![entry(2, 1)], 100);
    assert_eq!(order.wish(120), Wish::Read(From::After(position(1, 2))));
    order.on_page(LogPage { head: position(2, 1), first: 1, entries: vec![] }, 125);
    order.on_pushed(vec![entry(1, 2), entry(1, 3), entry(1, 3)], 126);
    order.seal();
    assert_eq!(all(&order), ["n1", "n2", "2:0", "n1", "n3 without id"]);
    let opening = order.resume(&cursor(1, 2), 20).unwrap();
    assert_eq!(opening.resume.status, Status::Continued, "the byte log spans epochs");
}

#[test]
fn what_is_held_at_a_new_epoch_is_shown_and_what_is_missing_is_told() {
    let mut order = opened(2);
    pushed(&mut order, &[5, 4], 100);
    order.on_page(LogPage { head: position(2, 0), first: 1, entries: vec![] }, 125);
    order.seal();
    let shown = ["n1", "n2", "n4 without id", "n5 without id", "skipped", "2:0"];
    assert_eq!(all(&order), shown, "the third was heard of, and is lost");
}

#[test]
fn what_is_held_of_a_trimmed_log_is_shown() {
    let mut order = opened(2);
    pushed(&mut order, &[5], 0);
    order.on_page(page(1, 8, 8..=9, 9), 30);
    order.seal();
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
    order.seal();
    assert_eq!(all(&order), ["n1", "2:0", "n2 without id", "2:1"]);
}

#[test]
fn verdicts() {
    let order = opened(5);
    let verdict = |start: Start, recent| {
        let opening = order.resume(&start, recent)?;
        let Resume { status, from, to, replayed } = opening.resume;
        assert_eq!(to, position(1, 5));
        assert_eq!(seen(&order, opening.place).len() as u64, replayed);
        Some((status, from.seq, replayed))
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
    let order = Order::new(encoder(), LogPage { head: position(7, 0), first: 1, entries: vec![] });
    let opening = order.resume(&Start::Newest, 20).unwrap();
    assert_eq!((opening.resume.from, opening.resume.replayed), (position(7, 0), 0));
    let again = order.resume(&cursor(7, 0), 20).unwrap();
    assert_eq!(again.resume.status, Status::Continued);
}

#[test]
fn a_cursor_before_the_byte_log_may_be_in_the_live_log() {
    let order = Order::new(encoder(), page(1, 1, 301..=556, 556));
    let opening = order.resume(&cursor(1, 12), 20).unwrap();
    assert_eq!((opening.older, opening.resume.status), (Some(position(1, 12)), Status::Reset));
}

/// One step of the journey of a log's entries to a gateway.
#[derive(Debug, Clone)]
enum Step {
    /// The log grows, and a push of its newest `len` entries arrives, unless it is lost.
    Append { len: u64, lost: bool },
    /// An old push arrives again, or late.
    Push { from: u64, len: u64 },
    /// Time passes; a wish to read is fulfilled (or fails).
    Time { ms: u64, fails: bool },
    /// The log is lost: a new epoch.
    Lost,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..5_u64, any::<bool>()).prop_map(|(len, lost)| Step::Append { len, lost }),
        3 => (1..60_u64, 1..8_u64).prop_map(|(from, len)| Step::Push { from, len }),
        3 => (1..40_u64, prop::bool::weighted(0.2)).prop_map(|(ms, fails)| Step::Time { ms, fails }),
        1 => Just(Step::Lost),
    ]
}

/// The live log that the steps drive, and the order that follows it.
struct World {
    order: Order,
    now: Millis,
    epoch: u64,
    head: u64,
    /// Heads of the epochs that are over: their entries may still arrive, late.
    over: Vec<(u64, u64)>,
    /// The data of everything that has been pushed.
    pushed: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let empty = LogPage { head: position(1, 0), first: 1, entries: vec![] };
        let order = Order::new(encoder(), empty);
        Self { order, now: 0, epoch: 1, head: 0, over: vec![], pushed: BTreeSet::new() }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Append { len, lost } => {
                let first = self.head + 1;
                self.head += len;
                if !lost {
                    self.push(self.epoch, first, len, self.head);
                }
            }
            Step::Push { from, len } => {
                let (epoch, head) = match self.over.last() {
                    Some(over) if from % 2 == 0 => *over,
                    _ => (self.epoch, self.head),
                };
                self.push(epoch, from, len, head);
            }
            Step::Time { ms, fails } => {
                self.now += ms;
                self.fulfil(fails);
            }
            Step::Lost => {
                self.over.push((self.epoch, self.head));
                (self.epoch, self.head) = (self.epoch + 1, 0);
            }
        }
        self.order.seal();
    }

    fn push(&mut self, epoch: u64, from: u64, len: u64, head: u64) {
        let seqs = from..=head.min(from + len - 1);
        let entries: Vec<_> = seqs.map(|seq| entry(epoch, seq)).collect();
        self.pushed.extend(entries.iter().map(data));
        self.order.on_pushed(entries, self.now);
    }

    fn fulfil(&mut self, fails: bool) {
        let Wish::Read(From::After(after)) = self.order.wish(self.now) else { return };
        if fails {
            self.order.on_read_failed(self.now);
            return;
        }
        let mut page = page(self.epoch, 1, after.seq + 1..=self.head.min(after.seq + 3), self.head);
        if after.epoch.0 != self.epoch {
            page.entries.clear();
        }
        self.order.on_page(page, self.now);
    }

    /// The looks at the log's head and the reads that follow, until there is no more to do.
    fn settle(&mut self) {
        self.order.on_head(position(self.epoch, self.head), self.now);
        while self.order.wish(self.now) != Wish::Wait {
            self.now += READ_RETRY_MS;
            self.fulfil(false);
        }
        self.order.seal();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_epoch_goes_out_whole_and_in_order(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps.iter().filter(|step| !matches!(step, Step::Lost)) {
            world.run(step);
            prop_assert_eq!(all(&world.order), names(1..=world.order.head.seq));
        }
        world.settle();
        prop_assert_eq!(all(&world.order), names(1..=world.head));
    }

    #[test]
    fn over_epochs_nothing_is_doubled_and_the_last_one_is_whole(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.settle();
        let shown = all(&world.order);
        let begin = format!("{:x}:0", world.epoch);
        let last = match shown.iter().position(|block| *block == begin) {
            Some(at) => &shown[at + 1..],
            None => &shown[..],
        };
        let mut positioned = last.to_vec();
        positioned.retain(|block| !block.contains("without"));
        prop_assert_eq!(positioned, names(1..=world.head));
        let shown = datas(&world.order);
        let distinct: BTreeSet<_> = shown.iter().cloned().collect();
        prop_assert_eq!(shown.len(), distinct.len(), "nothing is doubled");
        // What arrived is shown, but for what a `skipped` told of.
        let hidden = world.pushed.difference(&distinct).count() as u64;
        prop_assert!(hidden <= told_skipped(&world.order), "{hidden} of those pushed are hidden");
    }

    #[test]
    fn a_viewer_that_comes_back_misses_and_doubles_nothing(
        steps in prop::collection::vec(step(), 1..40),
        cut in 0..40_usize,
    ) {
        let mut world = World::new();
        let steps: Vec<_> = steps.iter().filter(|step| !matches!(step, Step::Lost)).collect();
        let cut = cut.min(steps.len());
        for step in &steps[..cut] {
            world.run(step);
        }
        let left_at = world.order.head;
        for step in &steps[cut..] {
            world.run(step);
        }
        world.settle();
        let opening = world.order.resume(&cursor(left_at.epoch.0, left_at.seq), 0).unwrap();
        prop_assert_eq!(opening.resume.status, Status::Continued);
        prop_assert_eq!(seen(&world.order, opening.place), names(left_at.seq + 1..=world.head));
    }
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
            log.append(entry.event.id, entry.position, |out| encoder.entry(out, &entry));
        }
        order.seal();
        let distinct: BTreeSet<_> = datas(&order).into_iter().collect();
        (all(&order), datas(&order).len() - distinct.len())
    };
    assert_eq!(shown(&[1, 2, 3]), (names(1..=3), 0));
    assert_ne!(shown(&[1, 3]).0, names(1..=3), "dropped");
    assert_eq!(shown(&[1, 2, 2, 3]).1, 1, "doubled");
    assert_ne!(shown(&[1, 3, 2]).0, names(1..=3), "swapped");
}
