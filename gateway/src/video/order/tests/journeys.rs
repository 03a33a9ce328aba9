//! Random journeys of a log's entries to a gateway: lost, late, doubled, out of order, over epochs.

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;

/// One step of the journey of a log's entries to a gateway.
#[derive(Debug, Clone)]
enum Step {
    /// The log grows, and a push of its newest `len` entries arrives, unless it is lost.
    Append { len: u64, lost: bool },
    /// An old push arrives again, or late.
    Push { from: u64, len: u64 },
    /// Time passes; a wish to read is fulfilled (or fails).
    Time { ms: u64, fails: bool },
    /// A dispatcher that can't reach the log sends what others will append next, or have appended.
    Placeless { from_end: u64, len: u64 },
    /// The log is lost: a new epoch.
    Lost,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..5_u64, any::<bool>()).prop_map(|(len, lost)| Step::Append { len, lost }),
        3 => (1..60_u64, 1..8_u64).prop_map(|(from, len)| Step::Push { from, len }),
        3 => (1..40_u64, prop::bool::weighted(0.2)).prop_map(|(ms, fails)| Step::Time { ms, fails }),
        2 => (0..6_u64, 1..4_u64).prop_map(|(from_end, len)| Step::Placeless { from_end, len }),
        1 => Just(Step::Lost),
    ]
}

/// The live log that the steps drive, and the order that follows it.
struct World {
    order: Order,
    now: Millis,
    epoch: u64,
    head: u64,
    /// The last one that a dispatcher sent without a place.
    ahead: u64,
    /// Heads of the epochs that are over: their entries may still arrive, late.
    over: Vec<(u64, u64)>,
    /// The data of everything that has been pushed.
    pushed: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let empty = LogPage { head: position(1, 0), first: 1, entries: vec![] };
        let order = order(empty);
        Self { order, now: 0, epoch: 1, head: 0, ahead: 0, over: vec![], pushed: BTreeSet::new() }
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
            Step::Placeless { from_end, len } => {
                let first = (self.head + 3).saturating_sub(from_end).max(1);
                let entries = (first..first + len).map(|seq| entry(self.epoch, seq));
                let placeless =
                    entries.map(|entry| Entry::without_place(origin(), entry.event, 0)).collect();
                self.order.on_pushed(placeless, self.now);
                self.ahead = self.ahead.max(first + len - 1);
            }
            Step::Lost => {
                self.over.push((self.epoch, self.head));
                (self.epoch, self.head, self.ahead) = (self.epoch + 1, 0, 0);
            }
        }
        self.order.seal(0);
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

    /// What has no place yet is appended; then the looks at the log's head and the reads that follow,
    /// until there is no more to do.
    fn settle(&mut self) {
        self.head = self.head.max(self.ahead);
        self.order.on_head(position(self.epoch, self.head), self.now);
        while self.order.wish(self.now) != Wish::Wait {
            self.now += READ_RETRY_MAX_MS;
            self.fulfil(false);
        }
        self.order.seal(0);
    }
}

/// Positions in the order in which viewers got them, with an event or without.
fn positions(blocks: &[String]) -> Vec<u64> {
    let seq = |block: &String| {
        let position = block.split(' ').next().unwrap();
        let hex = position.split_once(':').map(|(_, seq)| u64::from_str_radix(seq, 16).unwrap());
        let n = position.strip_prefix('n').and_then(|n| n.parse().ok());
        if block.ends_with("without id") { None } else { n.or(hex) }
    };
    let mut positions: Vec<_> = blocks.iter().filter_map(seq).collect();
    positions.dedup();
    positions
}

/// Comments in the order in which they are shown.
fn comments(blocks: &[String]) -> Vec<u64> {
    let n = |block: &String| block.strip_prefix('n')?.split(' ').next()?.parse().ok();
    blocks.iter().filter_map(n).collect()
}

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

/// Whether the log was away at any time.
fn has_trouble(steps: &[Step]) -> bool {
    let is_trouble =
        |step: &Step| matches!(step, Step::Time { fails: true, .. } | Step::Placeless { .. });
    steps.iter().any(is_trouble)
}

fn in_one_epoch() -> impl Strategy<Value = Vec<Step>> {
    let step = step().prop_filter("one epoch", |step| !matches!(step, Step::Lost));
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_epoch_goes_out_whole_and_in_order(steps in in_one_epoch()) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
            let shown = all(&world.order);
            let head = world.order.head.seq;
            if has_trouble(&steps) {
                let up_to_head: Vec<_> = (1..=head).collect();
                let mut passed = positions(&shown);
                passed.retain(|seq| *seq > 0); // only the mark moved
                prop_assert_eq!(passed, up_to_head);
            } else {
                prop_assert_eq!(shown, names(1..=head));
            }
        }
        world.settle();
        let whole: Vec<_> = (1..=world.head).collect();
        prop_assert_eq!(sorted(comments(&all(&world.order))), whole, "each once");
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
        let last = match shown.iter().position(|block| block.starts_with(&begin)) {
            Some(at) => &shown[at..],
            None => &shown[..],
        };
        let mut passed = positions(last);
        passed.retain(|seq| *seq > 0);
        prop_assert_eq!(passed, (1..=world.head).collect::<Vec<_>>());
        let shown = datas(&world.order);
        let distinct: BTreeSet<_> = shown.iter().cloned().collect();
        prop_assert_eq!(shown.len(), distinct.len(), "nothing is doubled");
        // What arrived is shown, but for what a `skipped` told of.
        let hidden = world.pushed.difference(&distinct).count() as u64;
        prop_assert!(hidden <= told_skipped(&world.order), "{hidden} of those pushed are hidden");
    }

    /// Whenever its connection breaks: a viewer that comes back to this gateway.
    #[test]
    fn a_viewer_that_comes_back_misses_and_doubles_nothing(
        steps in in_one_epoch(),
        cut in 0..40_usize,
    ) {
        let mut world = World::new();
        let cut = cut.min(steps.len());
        for step in &steps[..cut] {
            world.run(step);
        }
        let before = all(&world.order);
        let end = world.order.spot(world.order.log().end());
        let left_at = Cursor::single(origin(), end.position).marked(end.mark);
        for step in &steps[cut..] {
            world.run(step);
        }
        world.settle();
        let opening = world.order.resume(&Start::After(Some(left_at)), 0).unwrap();
        prop_assert_eq!(opening.resume.status, Status::Continued);
        let whole = [before, seen(&world.order, opening.place)].concat();
        prop_assert_eq!(whole, all(&world.order));
    }

    /// A viewer that has seen, at another gateway, the log up to some place and nothing else: all
    /// that follows it gets here, or from the live log up to where this gateway goes on.
    #[test]
    fn a_viewer_of_another_gateway_misses_nothing(steps in in_one_epoch(), at in 0..60_u64) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        let at = at.min(world.order.head.seq);
        let Some(opening) = world.order.resume(&cursor(1, at), 0) else { return Ok(()) };
        let (replayed, place) = match (opening.older, opening.resume.status) {
            (Some(_), _) => {
                let joint = world.order.pages_until();
                let place = world.order.place_after(joint);
                prop_assert!(place.is_some(), "pages lead to no place");
                ((at + 1..=joint.seq).collect(), place.unwrap())
            }
            (None, Status::Continued) => (vec![], opening.place),
            _ => return Ok(()), // told that it is lost
        };
        world.settle();
        let mut got: Vec<u64> = replayed;
        got.extend(comments(&seen(&world.order, place)));
        got.retain(|seq| *seq > at);
        let distinct: BTreeSet<_> = got.into_iter().collect();
        prop_assert_eq!(distinct, (at + 1..=world.head).collect::<BTreeSet<_>>());
    }
}

/// The first property says something: it doesn't hold of a gateway that never reads the live log.
#[test]
fn a_gateway_that_heals_no_hole_is_noticed() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let journeys = prop::collection::vec(step(), 1..60);
    let never_heals = |steps: Vec<Step>| {
        let mut world = World::new();
        for step in steps.iter().filter(|step| !matches!(step, Step::Lost | Step::Time { .. })) {
            world.run(step);
        }
        prop_assert_eq!(positions(&all(&world.order)), (1..=world.head).collect::<Vec<_>>());
        Ok(())
    };
    assert!(TestRunner::new(config).run(&journeys, never_heals).is_err());
}

/// So does the last one: not of a gateway that takes every place in its byte log for good.
#[test]
fn a_gateway_that_takes_a_position_for_its_event_is_noticed() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let journeys = (in_one_epoch(), 0..60_u64);
    let takes_any_place = |(steps, at): (Vec<Step>, u64)| {
        let mut world = World::new();
        steps.iter().for_each(|step| world.run(step));
        let place = world.order.log().place_after(position(1, at.min(world.order.head.seq)));
        let at = at.min(world.order.head.seq);
        world.settle();
        let got = comments(&seen(&world.order, place.unwrap()));
        let distinct: BTreeSet<_> = got.into_iter().filter(|seq| *seq > at).collect();
        prop_assert_eq!(distinct, (at + 1..=world.head).collect::<BTreeSet<_>>());
        Ok(())
    };
    assert!(TestRunner::new(config).run(&journeys, takes_any_place).is_err());
}
