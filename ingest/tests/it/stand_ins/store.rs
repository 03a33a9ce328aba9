//! A comment store in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Page, Pending, StoreError},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
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
