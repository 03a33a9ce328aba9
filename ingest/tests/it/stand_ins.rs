//! Store, log and dispatcher in memory, each failing on demand.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Page, Pending, StoreError},
    event::VideoEvents,
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
    link::{Accepted, Dispatch, LinkError},
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage},
    position::{Epoch, Position},
};

/// A comment store.
#[derive(Default)]
pub(crate) struct Store {
    comments: Mutex<BTreeMap<CommentId, Comment>>,
    claims: Mutex<BTreeMap<(UserId, IdempotencyKey), Claim>>,
    pending: Mutex<Vec<Pending>>,
    fails: AtomicBool,
}

impl Store {
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn forget_comments(&self) {
        self.comments.lock().unwrap().clear();
    }

    /// Makes every claim, comment and pending record `seconds` older.
    pub(crate) fn age(&self, seconds: u64) {
        let older = |id: CommentId| {
            let uuid = id.as_uuid().as_u128() - (u128::from(seconds * 1000) << 80);
            CommentId::try_from(uuid::Uuid::from_u128(uuid)).unwrap()
        };
        let mut comments = self.comments.lock().unwrap();
        *comments = std::mem::take(&mut *comments)
            .into_values()
            .map(|comment| Comment { id: older(comment.id), ..comment })
            .map(|comment| (comment.id, comment))
            .collect();
        for claim in self.claims.lock().unwrap().values_mut() {
            claim.comment = older(claim.comment);
        }
        for pending in self.pending.lock().unwrap().iter_mut() {
            pending.comment = older(pending.comment);
        }
    }

    pub(crate) fn pending_len(&self) -> usize {
        self.pending.lock().unwrap().len()
    }

    fn checked<T>(&self, value: T) -> Result<T, StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            Err(StoreError::Unavailable("told to fail".into()))
        } else {
            Ok(value)
        }
    }
}

#[async_trait]
impl CommentStore for Store {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        self.checked(())?;
        self.comments.lock().unwrap().insert(comment.id, comment.clone());
        Ok(())
    }

    async fn get(&self, _: &VideoId, id: CommentId) -> Result<Option<Comment>, StoreError> {
        self.checked(self.comments.lock().unwrap().get(&id).cloned())
    }

    async fn list(&self, _: &VideoId, _: Page, _: usize) -> Result<Vec<Comment>, StoreError> {
        self.checked(Vec::new())
    }

    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        self.checked(())?;
        let mut claims = self.claims.lock().unwrap();
        Ok(*claims.entry((author.clone(), key.clone())).or_insert(claim))
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.checked(())?;
        let mut all = self.pending.lock().unwrap();
        all.retain(|known| known != pending);
        all.push(pending.clone());
        Ok(())
    }

    async fn pending(&self, older_than_ms: u64, _: usize) -> Result<Vec<Pending>, StoreError> {
        let old = |pending: &&Pending| pending.comment.unix_ms() < older_than_ms;
        self.checked(self.pending.lock().unwrap().iter().filter(old).cloned().collect())
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        self.checked(self.pending.lock().unwrap().contains(pending))
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.pending.lock().unwrap().retain(|known| known != pending);
        self.checked(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.checked(())
    }
}

/// A live log that knows one head.
#[derive(Default)]
pub(crate) struct Log {
    fails: AtomicBool,
}

impl Log {
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    fn checked<T>(&self, value: T) -> Result<T, LiveLogError> {
        let fails = self.fails.load(Ordering::SeqCst);
        if fails { Err(LiveLogError("told to fail".into())) } else { Ok(value) }
    }
}

#[async_trait]
impl LiveLog for Log {
    async fn append(&self, _: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        panic!("ingest never appends by itself")
    }

    async fn read(&self, _: &VideoId, _: From, _: usize) -> Result<LogPage, LiveLogError> {
        panic!("ingest never reads entries")
    }

    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        self.checked(vec![Position { epoch: Epoch(7), seq: 3 }; videos.len()])
    }

    async fn changed(&self, _: &[u16], _: u64) -> Result<Changes, LiveLogError> {
        panic!("ingest never looks for changes")
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        self.checked(())
    }
}

/// A dispatcher that counts what it takes.
#[derive(Default)]
pub(crate) struct Dispatcher {
    taken: AtomicUsize,
    fails: AtomicBool,
    sticks: AtomicBool,
}

impl Dispatcher {
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// Never answers.
    pub(crate) fn stick(&self, sticks: bool) {
        self.sticks.store(sticks, Ordering::SeqCst);
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Dispatch for Dispatcher {
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError> {
        if self.sticks.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(LinkError::Unavailable("told to fail".into()));
        }
        let events: usize = batches.iter().map(|batch| batch.events.len()).sum();
        let before = self.taken.fetch_add(events, Ordering::SeqCst) as u64;
        let place = |n| Ok(Position { epoch: Epoch(7), seq: before + n });
        Ok((1..=events as u64).map(place).collect())
    }
}
