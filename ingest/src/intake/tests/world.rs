//! What nodes share, and the schedule that says when each operation on it happens, and whether it
//! does.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use common::{
    comment::Comment,
    comment_store::{Claim, Deletion, StoreError},
    event::{Event, EventId, Kind},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
    room_store::Note,
};
use tokio::sync::oneshot;

use crate::posted::Posted;

/// For how long the live log knows an id at least; it forgets it right after.
pub(super) const DEDUP_S: u64 = 120;
/// How far the second node's clock is ahead.
const SKEW_MS: u64 = 2_000;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(0) };
    static NODE: Cell<u64> = const { Cell::new(0) };
}

/// The clock that the live log goes by.
pub(super) fn now_ms() -> u64 {
    NOW_MS.get()
}

/// The clock of the node that runs: what [`Window`](crate::window::Window) is given.
pub(super) fn clock() -> u64 {
    NOW_MS.get() + NODE.get() * SKEW_MS
}

/// Lets a node run until it waits again.
pub(super) fn as_node<T>(node: usize, run: impl FnOnce() -> T) -> T {
    NODE.set(node as u64);
    run()
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It happens, and the caller is told.
    Done,
    /// It does not happen, and the caller is told that nobody knows.
    Lost,
    /// It happens, and the caller is told that nobody knows.
    Unheard,
    /// The caller is told that nobody knows, and then it happens.
    Late,
}

/// What is wrong with a world: the properties have to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    ClaimsAreForgotten,
    RecordsAreForgotten,
    LogForgetsEarly,
    TakenIsNotLogged,
    RecordsGoWhenRead,
    WindowIsTooLong,
}

/// What is stored: a comment, or a note in the journal of producers' events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Row {
    Comment(Comment),
    Note(Note),
}

impl From<Posted> for Row {
    fn from(posted: Posted) -> Self {
        match posted {
            Posted::Comment(comment) => Self::Comment(comment),
            Posted::Event(event) => Self::Note(event.note()),
        }
    }
}

/// What the world has in it.
#[derive(Default)]
pub(super) struct State {
    pub(super) rows: BTreeMap<CommentId, Row>,
    pub(super) deletions: BTreeMap<CommentId, Deletion>,
    pub(super) claims: BTreeMap<(UserId, IdempotencyKey), Claim>,
    pub(super) pending: BTreeSet<CommentId>,
    pub(super) settled: BTreeSet<CommentId>,
    /// When the log came to know an id.
    known: BTreeMap<EventId, u64>,
    /// What viewers got, in order.
    pub(super) shown: Vec<EventId>,
    /// Broken rules of the stores, found where they are broken.
    pub(super) broken: Vec<String>,
    waiting: Vec<oneshot::Sender<Fate>>,
    late: Vec<Effect>,
}

type Effect = Box<dyn FnOnce(&mut State, Option<Mutant>) + Send>;

/// The one world; nodes have clones of it.
#[derive(Clone)]
pub(super) struct World {
    state: Arc<Mutex<State>>,
    pub(super) mutant: Option<Mutant>,
}

impl World {
    pub(super) fn new(mutant: Option<Mutant>) -> Self {
        NOW_MS.set(1_700_000_000_000);
        Self { state: Arc::default(), mutant }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets one of the operations that wait happen, or not; tells whether one waited.
    pub(super) fn release(&self, nth: usize, fate: Fate) -> bool {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.is_closed());
        if state.waiting.is_empty() {
            return false;
        }
        let nth = nth % state.waiting.len();
        let _ = state.waiting.remove(nth).send(fate);
        true
    }

    /// Time passes; what was late by then has happened.
    pub(super) fn pass(&self, seconds: u64) {
        self.land();
        NOW_MS.set(NOW_MS.get() + 1000 * seconds);
    }

    /// What is late happens.
    pub(super) fn land(&self) {
        let late = std::mem::take(&mut self.state().late);
        late.into_iter().for_each(|effect| effect(&mut self.state(), self.mutant));
    }

    /// Waits for the schedule.
    pub(super) async fn turn(&self) -> Fate {
        let (release, released) = oneshot::channel();
        self.state().waiting.push(release);
        released.await.unwrap_or(Fate::Lost)
    }

    /// Has the effect happen as `fate` says. `None`: the outcome is unknown.
    pub(super) fn act<T>(
        &self,
        fate: Fate,
        effect: impl FnOnce(&mut State, Option<Mutant>) -> T + Send + 'static,
    ) -> Option<T> {
        let mut state = self.state();
        match fate {
            Fate::Done => Some(effect(&mut state, self.mutant)),
            Fate::Lost => None,
            Fate::Unheard => {
                effect(&mut state, self.mutant);
                None
            }
            Fate::Late => {
                state.late.push(Box::new(|state, mutant| drop(effect(state, mutant))));
                None
            }
        }
    }

    pub(super) async fn stored<T>(
        &self,
        effect: impl FnOnce(&mut State, Option<Mutant>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let fate = self.turn().await;
        let outcome = self.act(fate, effect);
        outcome.ok_or_else(|| StoreError::Unavailable("the schedule says so".into()))
    }
}

impl State {
    /// Stores it, in one form for ever.
    pub(super) fn put(&mut self, id: CommentId, row: Row) {
        let earlier = self.rows.insert(id, row.clone());
        if earlier.is_some_and(|earlier| earlier != row) {
            self.broken.push(format!("{id} is stored in two forms"));
        }
    }

    /// Whether viewers got the comment.
    pub(super) fn has_shown(&self, comment: CommentId) -> bool {
        self.shown.contains(&comment.into())
    }

    /// Whether viewers got it, or were told that they don't.
    pub(super) fn has_told(&self, comment: CommentId) -> bool {
        self.has_shown(comment) || self.shown.contains(&EventId::of_skipped(comment))
    }

    pub(super) fn append(&mut self, event: &Event, mutant: Option<Mutant>) {
        if mutant == Some(Mutant::TakenIsNotLogged) && event.kind != Kind::SKIPPED {
            return;
        }
        let now_ms = NOW_MS.get();
        let early = mutant == Some(Mutant::LogForgetsEarly);
        let dedup_ms = 1000 * if early { DEDUP_S / 4 } else { DEDUP_S };
        let known = self.known.get(&event.id).is_some_and(|since| now_ms - since <= dedup_ms);
        if !known {
            self.known.insert(event.id, now_ms);
            self.shown.push(event.id);
        }
    }
}

pub(super) fn video() -> VideoId {
    "v".parse().unwrap()
}
