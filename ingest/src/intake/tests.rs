//! Taking in and draining against a model: any interleaving over two nodes, crashes at any `await`,
//! outcomes that nobody knows, pauses of any length.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use common::{
    comment::{Author, Text},
    event::EventId,
    ids::CommentId,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use super::*;
use world::{DEDUP_S, Fate, Mutant, World, as_node, clock, video};

mod drain;
mod post;
mod world;

/// Requests and drains under way at once.
const TASKS_MAX: usize = 8;
/// Keys that requests choose from; one more stands for none.
const KEYS: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    /// A request comes.
    Post { node: usize, key: usize },
    /// A comment is left on record, as by a node that died right after that.
    Record { node: usize },
    /// A look at what is pending begins.
    Drain { node: usize },
    /// One of the operations that wait happens, or not.
    Release { nth: usize, fate: Fate },
    /// A request or drain dies where it is.
    Crash { nth: usize },
    /// Time passes for all, also for what is under way: its process was paused.
    Pass { seconds: u64 },
    /// What is late happens.
    Land,
}

fn nodes() -> impl Strategy<Value = usize> {
    0..2_usize
}

/// What happens to requests and drains that are under way.
fn events() -> impl Strategy<Value = Op> {
    let fate = prop_oneof![
        12 => Just(Fate::Done),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Unheard),
        1 => Just(Fate::Late),
    ];
    prop_oneof![
        20 => (0..16_usize, fate).prop_map(|(nth, fate)| Op::Release { nth, fate }),
        1 => (0..16_usize).prop_map(|nth| Op::Crash { nth }),
        2 => prop::sample::select(vec![1, 6, 60, 130, 1000]).prop_map(|seconds| Op::Pass { seconds }),
        1 => Just(Op::Land),
    ]
}

struct Task {
    node: usize,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    answer: Option<(usize, oneshot::Receiver<Taken>)>,
}

/// What was seen, to tell whether a test sees enough.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    accepted: usize,
    settled: usize,
    pending: usize,
    refused: usize,
    /// Comments that viewers got, and those that they were told of.
    shown: usize,
    skipped: usize,
}

/// Two nodes in a world, and what the model knows of them.
struct Run {
    world: World,
    nodes: [Arc<Intake<World>>; 2],
    tasks: Vec<Task>,
    made: u64,
    /// The comment of each key, once it was told.
    told: [Option<CommentId>; KEYS],
    /// Comments that were acknowledged.
    acknowledged: Vec<CommentId>,
    seen: Seen,
}

impl Run {
    fn new(mutant: Option<Mutant>) -> Self {
        let world = World::new(mutant);
        let dedup_s = if mutant == Some(Mutant::WindowIsTooLong) { 3 * DEDUP_S } else { DEDUP_S };
        let window = Window::new(dedup_s, clock);
        let node = || {
            let comments = Arc::new(world.clone());
            Arc::new(Intake { comments, announcer: world.clone(), window })
        };
        let nodes = [node(), node()];
        let (tasks, acknowledged) = (Vec::new(), Vec::new());
        Self {
            world,
            nodes,
            tasks,
            made: 0,
            told: [None; KEYS],
            acknowledged,
            seen: Seen::default(),
        }
    }

    /// A comment as the node would make it now.
    fn fresh(&mut self, node: usize, text: &str) -> Comment {
        self.made += 1;
        let random = [&[0; 2], &self.made.to_be_bytes()[..]].concat().try_into().unwrap();
        let uuid = uuid::Builder::from_unix_timestamp_millis(as_node(node, clock), &random);
        let id = CommentId::try_from(uuid.into_uuid()).unwrap();
        let author =
            Author { id: "u".parse().unwrap(), name: "U".into(), role: None, avatar: None };
        Comment { id, video: video(), author, text: Text::parse(text).unwrap(), reply_to: None }
    }

    fn post(&mut self, node: usize, key: usize) {
        let text = if key < KEYS { format!("k{key}") } else { format!("n{}", self.made) };
        let fresh = self.fresh(node, &text);
        let (intake, (reply, answer)) = (self.nodes[node].clone(), oneshot::channel());
        let named = (key < KEYS).then(|| text.parse().unwrap());
        let future = Box::pin(async move { intake.post(fresh, named, reply).await });
        self.tasks.push(Task { node, future, answer: Some((key, answer)) });
    }

    fn drain(&mut self, node: usize) {
        let intake = self.nodes[node].clone();
        let future = Box::pin(async move { drop(intake.drain_pending().await) });
        self.tasks.push(Task { node, future, answer: None });
    }

    fn record(&mut self, node: usize) {
        let comment = self.fresh(node, "on record");
        let mut state = self.world.state();
        state.pending.insert(comment.id);
        self.acknowledged.push(comment.id);
        state.rows.insert(comment.id, comment);
    }

    fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let is_full = self.tasks.len() == TASKS_MAX;
        match *op {
            Op::Post { node, key } if !is_full => self.post(node, key),
            Op::Drain { node } if !is_full => self.drain(node),
            Op::Post { .. } | Op::Drain { .. } => {}
            Op::Record { node } => self.record(node),
            Op::Release { nth, fate } => drop(self.world.release(nth, fate)),
            Op::Crash { nth } if !self.tasks.is_empty() => {
                drop(self.tasks.swap_remove(nth % self.tasks.len()));
            }
            Op::Crash { .. } => {}
            Op::Pass { seconds } => self.world.pass(seconds),
            Op::Land => self.world.land(),
        }
        self.go_on()
    }

    /// Lets everything run until it waits for the schedule again.
    fn go_on(&mut self) -> Result<(), TestCaseError> {
        let mut tasks = std::mem::take(&mut self.tasks);
        for mut task in tasks.drain(..) {
            let mut context = Context::from_waker(Waker::noop());
            let poll = as_node(task.node, || task.future.as_mut().poll(&mut context));
            let answer = task
                .answer
                .as_mut()
                .and_then(|(key, answer)| answer.try_recv().ok().map(|taken| (*key, taken)));
            if let Some((key, taken)) = answer {
                task.answer = None;
                self.check_answer(key, taken)?;
            }
            if poll.is_pending() {
                self.tasks.push(task);
            }
        }
        let broken = self.world.state().broken.clone();
        prop_assert!(broken.is_empty(), "{broken:?}");
        Ok(())
    }

    fn check_answer(&mut self, key: usize, taken: Taken) -> Result<(), TestCaseError> {
        let (id, announced) = match taken {
            Ok((comment, announced)) => (comment.id, announced),
            Err(problem) => {
                prop_assert_eq!(problem.code(), Code::Unavailable);
                self.seen.refused += 1;
                return Ok(());
            }
        };
        if let Some(told) = self.told.get_mut(key) {
            prop_assert_eq!(*told.get_or_insert(id), id, "two comments of one key");
        }
        let state = self.world.state();
        prop_assert!(state.rows.contains_key(&id), "acknowledged, but not stored");
        let (is_settled, is_pending) = (state.settled.contains(&id), state.pending.contains(&id));
        match announced {
            Announced::Accepted => prop_assert!(state.has_shown(id), "201, but not shown"),
            Announced::Settled => prop_assert!(is_settled && state.has_told(id), "201 untold"),
            Announced::Pending => prop_assert!(is_pending || is_settled, "202 without a record"),
        }
        drop(state);
        self.acknowledged.push(id);
        self.seen.accepted += usize::from(announced == Announced::Accepted);
        self.seen.settled += usize::from(announced == Announced::Settled);
        self.seen.pending += usize::from(announced == Announced::Pending);
        Ok(())
    }

    /// No more faults: everything under way ends, and what is on record is drained.
    fn heal(&mut self) -> Result<(), TestCaseError> {
        for node in [0, 1, 0] {
            while self.world.release(0, Fate::Done) {
                self.go_on()?;
            }
            prop_assert!(self.tasks.is_empty(), "something waits for nothing");
            self.world.pass(6);
            self.drain(node);
            self.go_on()?;
        }
        while self.world.release(0, Fate::Done) {
            self.go_on()?;
        }
        prop_assert!(self.world.state().pending.is_empty(), "never drained");
        Ok(())
    }

    /// What must hold once all is over.
    fn check_end(&mut self) -> Result<(), TestCaseError> {
        let state = self.world.state();
        for id in &self.acknowledged {
            prop_assert!(state.has_told(*id), "{id} was acknowledged, but nobody was told of it");
        }
        for id in state.rows.keys() {
            let shown = state.shown.iter().filter(|shown| **shown == (*id).into()).count();
            prop_assert!(shown <= 1, "{id} was shown {shown} times");
        }
        for key in 0..KEYS {
            let text = format!("k{key}");
            let rows = state.rows.values().filter(|row| row.text.as_str() == text).count();
            prop_assert!(rows <= 1, "{rows} rows of one key");
        }
        let rows: BTreeSet<EventId> = state.rows.keys().map(|id| (*id).into()).collect();
        let tellable: BTreeSet<_> = state.rows.keys().map(|id| EventId::of_skipped(*id)).collect();
        self.seen.shown = state.shown.iter().filter(|id| rows.contains(id)).count();
        self.seen.skipped = state.shown.iter().filter(|id| tellable.contains(id)).count();
        let all = self.seen.shown + self.seen.skipped;
        prop_assert_eq!(all, state.shown.len(), "viewers heard of what is not stored");
        Ok(())
    }
}

/// Runs random histories; tells what was seen in all of them.
fn check(
    cases: u32,
    ops: impl Strategy<Value = Vec<Op>>,
    mutant: Option<Mutant>,
    run: fn(&[Op], Option<Mutant>) -> Result<Seen, TestCaseError>,
) -> Result<Seen, String> {
    let seen = std::cell::Cell::new(Seen::default());
    // What a mutant fails on need not be made small.
    let max_shrink_iters = if mutant.is_some() { 0 } else { 10_000 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&ops, |ops| {
        let (all, now) = (seen.get(), run(&ops, mutant)?);
        seen.set(Seen {
            accepted: all.accepted + now.accepted,
            settled: all.settled + now.settled,
            pending: all.pending + now.pending,
            refused: all.refused + now.refused,
            shown: all.shown + now.shown,
            skipped: all.skipped + now.skipped,
        });
        Ok(())
    });
    outcome.map(|()| seen.get()).map_err(|failure| failure.to_string())
}
