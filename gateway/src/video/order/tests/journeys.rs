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
        prop_assert_eq!(all(&world.order), names(1..=world.head));
        Ok(())
    };
    assert!(TestRunner::new(config).run(&journeys, never_heals).is_err());
}
