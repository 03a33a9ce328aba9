//! A store, a live log and a clock whose every operation waits for the schedule to say when it
//! happens, and whether it does.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Page, Pending, StoreError},
    event::{Event, EventId, Kind},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
};
use tokio::sync::oneshot;

use crate::announce::{Announce, Announcement};

/// For how long the live log knows an id at least; it forgets it right after.
pub(super) const DEDUP_S: u64 = 120;
/// How far the second node's clock is ahead.
const SKEW_MS: u64 = 2_000;

thread_local! {
    static NOW_MS: Cell<u64> = const { Cell::new(0) };
    static NODE: Cell<u64> = const { Cell::new(0) };
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

/// What the world has in it.
#[derive(Default)]
pub(super) struct State {
    pub(super) rows: BTreeMap<CommentId, Comment>,
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
    async fn turn(&self) -> Fate {
        let (release, released) = oneshot::channel();
        self.state().waiting.push(release);
        released.await.unwrap_or(Fate::Lost)
    }

    /// Has the effect happen as `fate` says. `None`: the outcome is unknown.
    fn act<T>(
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

    async fn stored<T>(
        &self,
        effect: impl FnOnce(&mut State, Option<Mutant>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let fate = self.turn().await;
        let outcome = self.act(fate, effect);
        outcome.ok_or_else(|| StoreError::Unavailable("the schedule says so".into()))
    }
}

impl State {
    /// Whether viewers got the comment.
    pub(super) fn has_shown(&self, comment: CommentId) -> bool {
        self.shown.contains(&comment.into())
    }

    /// Whether viewers got it, or were told that they don't.
    pub(super) fn has_told(&self, comment: CommentId) -> bool {
        self.has_shown(comment) || self.shown.contains(&EventId::of_skipped(comment))
    }

    fn append(&mut self, event: &Event, mutant: Option<Mutant>) {
        if mutant == Some(Mutant::TakenIsNotLogged) && event.kind == Kind::COMMENT {
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

#[async_trait]
impl CommentStore for World {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        let comment = comment.clone();
        self.stored(move |state, _| {
            let earlier = state.rows.insert(comment.id, comment.clone());
            if earlier.is_some_and(|earlier| earlier != comment) {
                state.broken.push(format!("{} is stored in two forms", comment.id));
            }
        })
        .await
    }

    async fn get(&self, _: &VideoId, id: CommentId) -> Result<Option<Comment>, StoreError> {
        self.stored(move |state, _| state.rows.get(&id).cloned()).await
    }

    async fn list(&self, _: &VideoId, _: Page, _: usize) -> Result<Vec<Comment>, StoreError> {
        unimplemented!("nothing that is tested here lists")
    }

    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        let key = (author.clone(), key.clone());
        self.stored(move |state, mutant| {
            if mutant == Some(Mutant::ClaimsAreForgotten) {
                state.claims.remove(&key);
            }
            *state.claims.entry(key).or_insert(claim)
        })
        .await
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let comment = pending.comment;
        self.stored(move |state, mutant| {
            if mutant != Some(Mutant::RecordsAreForgotten) {
                state.pending.insert(comment);
            }
        })
        .await
    }

    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.stored(move |state, mutant| {
            let old = state.pending.iter().filter(|id| id.unix_ms() < older_than_ms);
            let found: Vec<_> = old.take(limit).copied().collect();
            if mutant == Some(Mutant::RecordsGoWhenRead) {
                state.pending.retain(|id| !found.contains(id));
            }
            found.into_iter().map(|comment| Pending { video: video(), comment }).collect()
        })
        .await
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        let comment = pending.comment;
        self.stored(move |state, _| state.pending.contains(&comment)).await
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let comment = pending.comment;
        self.stored(move |state, _| {
            if state.pending.remove(&comment) && !state.has_told(comment) {
                state.broken.push(format!("{comment} is struck off, but nobody was told"));
            }
        })
        .await
    }

    async fn settle(&self, _: &VideoId, comment: CommentId) -> Result<(), StoreError> {
        self.stored(move |state, _| {
            if !state.has_told(comment) {
                state.broken.push(format!("{comment} is settled, but nobody was told"));
            }
            state.settled.insert(comment);
        })
        .await
    }

    async fn is_settled(&self, _: &VideoId, comment: CommentId) -> Result<bool, StoreError> {
        self.stored(move |state, _| state.settled.contains(&comment)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Announce for World {
    /// The announcement's window is looked at when it leaves, as the outbox does.
    async fn announce(&self, Announcement { event, until, .. }: Announcement) -> bool {
        let fate = self.turn().await;
        !until.is_past()
            && self.act(fate, move |state, mutant| state.append(&event, mutant)).is_some()
    }

    /// Only the drain announces like this: never a comment that is too old.
    async fn announce_once(&self, announcement: Announcement) -> bool {
        let Announcement { event, until, .. } = announcement;
        let fate = self.turn().await;
        let is_comment = event.kind == Kind::COMMENT;
        if !until.is_past() && is_comment && NOW_MS.get() - made_ms(event.id) > 1000 * DEDUP_S {
            self.state().broken.push(format!("{} is too old to be announced", event.id));
        }
        !until.is_past()
            && self.act(fate, move |state, mutant| state.append(&event, mutant)).is_some()
    }
}

/// When the comment of an event was made.
fn made_ms(id: EventId) -> u64 {
    id.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}

pub(super) fn video() -> VideoId {
    "v".parse().unwrap()
}
