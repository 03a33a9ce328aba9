//! Two nodes at work in one world, and the model that their answers are held against.

use std::{
    collections::BTreeSet,
    pin::Pin,
    task::{Context, Waker},
};

use common::{
    comment::{Author, Comment, Text},
    event::{EventId, Kind},
    ids::CommentId,
    problem::Code,
};
use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::value::RawValue;

use super::{
    super::*,
    EVENT_KEY, KEYS, Op, Seen,
    world::{DEDUP_S, Fate, Mutant, Row, World, as_node, clock, video},
};

/// Requests and drains under way at once.
const TASKS_MAX: usize = 8;

struct Task {
    node: usize,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    answer: Option<(usize, oneshot::Receiver<Taken>)>,
}

/// Two nodes in a world, and what the model knows of them.
pub(super) struct Run {
    world: World,
    nodes: [Arc<Intake<World>>; 2],
    tasks: Vec<Task>,
    made: u64,
    /// The comment of each key, once it was told.
    pub(super) told: [Option<CommentId>; KEYS],
    /// Comments that were acknowledged.
    acknowledged: Vec<CommentId>,
    pub(super) seen: Seen,
}

impl Run {
    pub(super) fn new(mutant: Option<Mutant>) -> Self {
        let world = World::new(mutant);
        let dedup_s = if mutant == Some(Mutant::WindowIsTooLong) { 3 * DEDUP_S } else { DEDUP_S };
        let window = Window::new(dedup_s, clock);
        let node = || {
            let comments = Arc::new(world.clone());
            let refusals = Arc::new(Refusals::new());
            let rooms = Arc::new(world.clone());
            Arc::new(Intake { comments, rooms, announcer: world.clone(), window, refusals })
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

    /// An id as the node would make it now.
    fn id(&mut self, node: usize) -> CommentId {
        self.made += 1;
        let random = [&[0; 2], &self.made.to_be_bytes()[..]].concat().try_into().unwrap();
        let uuid = uuid::Builder::from_unix_timestamp_millis(as_node(node, clock), &random);
        CommentId::try_from(uuid.into_uuid()).unwrap()
    }

    fn comment(&mut self, node: usize, text: &str) -> Posted {
        let (id, text) = (self.id(node), Text::parse(text).unwrap());
        let author =
            Author { id: "u".parse().unwrap(), name: "U".into(), role: None, avatar: None };
        Posted::Comment(Comment { id, video: video(), author, text, reply_to: None })
    }

    fn event(&mut self, node: usize) -> Posted {
        let (id, by) = (self.id(node).into(), "u".parse().unwrap());
        let kind = Kind::of_producer("odds").unwrap();
        let data = RawValue::from_string("1".into()).unwrap();
        Posted::Event(Produced { id, video: video(), by, kind, data })
    }

    pub(super) fn post(&mut self, node: usize, key: usize) {
        let text = if key < KEYS { format!("k{key}") } else { format!("n{}", self.made) };
        let fresh = if key == EVENT_KEY { self.event(node) } else { self.comment(node, &text) };
        let (intake, (reply, answer)) = (self.nodes[node].clone(), oneshot::channel());
        let named = (key < KEYS).then(|| text.parse().unwrap());
        let future = Box::pin(async move {
            intake.post(fresh, named, async { Ok(()) }, reply).await;
        });
        self.tasks.push(Task { node, future, answer: Some((key, answer)) });
    }

    fn drain(&mut self, node: usize) {
        let intake = self.nodes[node].clone();
        let future = Box::pin(async move { drop(intake.drain_pending().await) });
        self.tasks.push(Task { node, future, answer: None });
    }

    fn record(&mut self, node: usize) {
        let is_event = self.made.is_multiple_of(4);
        let posted = if is_event { self.event(node) } else { self.comment(node, "on record") };
        self.acknowledged.push(posted.id());
        self.world.state().pending.insert(posted.id());
        self.world.state().rows.insert(posted.id(), posted.into());
    }

    pub(super) fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
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
    pub(super) fn go_on(&mut self) -> Result<(), TestCaseError> {
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
            Ok((posted, announced)) => (posted.id(), announced),
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
            Announced::Deleted => prop_assert!(false, "nobody deletes"),
        }
        drop(state);
        self.acknowledged.push(id);
        self.seen.accepted += usize::from(announced == Announced::Accepted);
        self.seen.settled += usize::from(announced == Announced::Settled);
        self.seen.pending += usize::from(announced == Announced::Pending);
        Ok(())
    }

    /// No more faults: everything under way ends, and what is on record is drained.
    pub(super) fn heal(&mut self) -> Result<(), TestCaseError> {
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
    pub(super) fn check_end(&mut self) -> Result<(), TestCaseError> {
        let state = self.world.state();
        for id in &self.acknowledged {
            prop_assert!(state.has_told(*id), "{id} was acknowledged, but nobody was told of it");
        }
        for id in state.rows.keys() {
            let shown = state.shown.iter().filter(|shown| **shown == (*id).into()).count();
            prop_assert!(shown <= 1, "{id} was shown {shown} times");
        }
        for key in 0..KEYS {
            let is_of_key = |row: &&Row| match row {
                Row::Comment(comment) => comment.text.as_str() == format!("k{key}"),
                // Those on record had no key.
                Row::Note(note) => {
                    key == EVENT_KEY && state.claims.values().any(|c| c.comment == note.id.into())
                }
            };
            let rows = state.rows.values().filter(is_of_key).count();
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
