//! A comment store in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Deletion, Page, Pending, StoreError, Stored},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
};

/// How long a store that dawdles takes.
pub(crate) const SLOWNESS: Duration = Duration::from_millis(500);

/// A comment store.
#[derive(Default)]
pub(crate) struct Store {
    comments: Mutex<BTreeMap<CommentId, Comment>>,
    deletions: Mutex<BTreeMap<CommentId, Deletion>>,
    claims: Mutex<BTreeMap<(UserId, IdempotencyKey), Claim>>,
    pending: Mutex<Vec<Pending>>,
    settled: Mutex<Vec<CommentId>>,
    damaged: Mutex<Vec<CommentId>>,
    unread: Mutex<Vec<CommentId>>,
    all_are_old: AtomicBool,
    fails: AtomicBool,
    sticks: AtomicBool,
    dawdles_ms: AtomicU64,
}

impl Store {
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// Pages never come.
    pub(crate) fn stick_reads(&self, sticks: bool) {
        self.sticks.store(sticks, Ordering::SeqCst);
    }

    /// Comments take [`SLOWNESS`] to be stored.
    pub(crate) fn dawdle(&self) {
        self.dawdle_for(SLOWNESS);
    }

    /// Comments take that long to be stored.
    pub(crate) fn dawdle_for(&self, slowness: Duration) {
        self.dawdles_ms.store(slowness.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// The comment can't be read any more.
    pub(crate) fn damage(&self, comment: CommentId) {
        self.damaged.lock().unwrap().push(comment);
    }

    /// The comment can't be read for the time being.
    pub(crate) fn withhold(&self, comment: CommentId) {
        self.unread.lock().unwrap().push(comment);
    }

    pub(crate) fn forget_settled(&self) {
        self.settled.lock().unwrap().clear();
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
        for settled in self.settled.lock().unwrap().iter_mut() {
            *settled = older(*settled);
        }
    }

    /// Every pending record counts as old from now on.
    pub(crate) fn hurry(&self) {
        self.all_are_old.store(true, Ordering::SeqCst);
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
        let slowness = Duration::from_millis(self.dawdles_ms.load(Ordering::SeqCst));
        if !slowness.is_zero() {
            tokio::time::sleep(slowness).await;
        }
        let deletions = self.deletions.lock().unwrap();
        if !deletions.contains_key(&comment.id) {
            self.comments.lock().unwrap().insert(comment.id, comment.clone());
        }
        Ok(())
    }

    /// Each takes another time, as with a real one.
    async fn get(&self, _: &VideoId, id: CommentId) -> Result<Option<Stored>, StoreError> {
        tokio::time::sleep(Duration::from_millis(u64::from(id.as_uuid().as_bytes()[15] % 3))).await;
        if self.damaged.lock().unwrap().contains(&id) {
            return Err(StoreError::Damaged("told to be".into()));
        }
        if self.unread.lock().unwrap().contains(&id) {
            return Err(StoreError::Unavailable("told to be".into()));
        }
        let deletion = self.deletions.lock().unwrap().get(&id).cloned();
        let comment = self.comments.lock().unwrap().get(&id).cloned();
        self.checked(deletion.map(Stored::Deleted).or(comment.map(Stored::Comment)))
    }

    async fn delete(
        &self,
        _: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError> {
        self.checked(())?;
        let mut deletions = self.deletions.lock().unwrap();
        deletions.entry(id).or_insert_with(|| deletion.clone());
        self.comments.lock().unwrap().remove(&id);
        Ok(())
    }

    async fn list(&self, _: &VideoId, _: Page, _: usize) -> Result<Vec<Comment>, StoreError> {
        if self.sticks.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
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

    async fn claimed(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError> {
        let claims = self.claims.lock().unwrap();
        self.checked(claims.get(&(author.clone(), key.clone())).copied())
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.checked(())?;
        let mut all = self.pending.lock().unwrap();
        all.retain(|known| known != pending);
        all.push(pending.clone());
        Ok(())
    }

    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        let all = self.all_are_old.load(Ordering::SeqCst);
        let old = |pending: &&Pending| all || pending.comment.unix_ms() < older_than_ms;
        let pending = self.pending.lock().unwrap();
        self.checked(pending.iter().filter(old).take(limit).cloned().collect())
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        self.checked(self.pending.lock().unwrap().contains(pending))
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.pending.lock().unwrap().retain(|known| known != pending);
        self.checked(())
    }

    async fn settle(&self, _: &VideoId, comment: CommentId) -> Result<(), StoreError> {
        self.checked(())?;
        self.settled.lock().unwrap().push(comment);
        Ok(())
    }

    async fn is_settled(&self, _: &VideoId, comment: CommentId) -> Result<bool, StoreError> {
        self.checked(self.settled.lock().unwrap().contains(&comment))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.checked(())
    }
}
