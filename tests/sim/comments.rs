//! A comment store in memory: every call is one atomic step.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
};

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Deletion, Page, Pending, StoreError, Stored},
    event::EventId,
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
};

use crate::{mutant::Mutant, rooms::Rooms};

pub(crate) struct Comments {
    pub(crate) rooms: Rooms,
    tables: Mutex<Tables>,
    mutant: Mutant,
}

#[derive(Default)]
struct Tables {
    comments: BTreeMap<(VideoId, CommentId), Comment>,
    deletions: BTreeMap<(VideoId, CommentId), Deletion>,
    claims: HashMap<(UserId, IdempotencyKey), Claim>,
    pending: BTreeSet<(CommentId, VideoId)>,
    settled: BTreeSet<(VideoId, CommentId)>,
}

impl Comments {
    pub(crate) fn new(mutant: Mutant) -> Self {
        Self { rooms: Rooms::default(), tables: Mutex::default(), mutant }
    }

    pub(crate) fn has(&self, video: &VideoId, id: CommentId) -> bool {
        self.tables.lock().unwrap().comments.contains_key(&(video.clone(), id))
    }

    /// The comments among `shown` that say what another of them says: every text is posted once.
    pub(crate) fn said_twice<'a>(
        &self,
        shown: impl Iterator<Item = (&'a VideoId, EventId)>,
    ) -> Vec<String> {
        let shown: BTreeSet<_> = shown.collect();
        let tables = self.tables.lock().unwrap();
        let comments = tables.comments.values();
        let comments =
            comments.filter(|comment| shown.contains(&(&comment.video, comment.id.into())));
        let mut said = BTreeSet::new();
        comments
            .filter(|comment| !said.insert((comment.author.id.clone(), comment.text.as_str())))
            .map(|comment| {
                format!("shown under two ids: {:?} of {:?}", comment.text, comment.author.id)
            })
            .collect()
    }
}

#[async_trait]
impl CommentStore for Comments {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        let key = (comment.video.clone(), comment.id);
        let mut tables = self.tables.lock().unwrap();
        if self.mutant != Mutant::ForgetsComments && !tables.deletions.contains_key(&key) {
            tables.comments.insert(key, comment.clone());
        }
        Ok(())
    }

    async fn get(&self, video: &VideoId, id: CommentId) -> Result<Option<Stored>, StoreError> {
        let (tables, key) = (self.tables.lock().unwrap(), (video.clone(), id));
        Ok(match tables.deletions.get(&key) {
            Some(deletion) => Some(Stored::Deleted(deletion.clone())),
            None => tables.comments.get(&key).cloned().map(Stored::Comment),
        })
    }

    async fn delete(
        &self,
        video: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError> {
        let (mut tables, key) = (self.tables.lock().unwrap(), (video.clone(), id));
        tables.comments.remove(&key);
        tables.deletions.entry(key).or_insert_with(|| deletion.clone());
        Ok(())
    }

    async fn list(
        &self,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let of_video = tables.comments.values().filter(|comment| comment.video == *video);
        Ok(match page {
            Page::Newest => of_video.rev().take(limit).cloned().collect(),
            Page::Before(id) => of_video.rev().filter(|c| c.id < id).take(limit).cloned().collect(),
            Page::After(id) => of_video.filter(|c| c.id > id).take(limit).cloned().collect(),
        })
    }

    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        let claimed = (author.clone(), key.clone());
        let first = *self.tables.lock().unwrap().claims.entry(claimed).or_insert(claim);
        Ok(self.mutant.claimed(first, claim))
    }

    async fn claimed(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError> {
        let claimed = (author.clone(), key.clone());
        Ok(self.tables.lock().unwrap().claims.get(&claimed).copied())
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.tables.lock().unwrap().pending.insert((pending.comment, pending.video.clone()));
        Ok(())
    }

    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let old = tables.pending.iter().filter(|(comment, _)| comment.unix_ms() < older_than_ms);
        let pending =
            old.map(|(comment, video)| Pending { video: video.clone(), comment: *comment });
        Ok(pending.take(limit).collect())
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        let record = (pending.comment, pending.video.clone());
        Ok(self.tables.lock().unwrap().pending.contains(&record))
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.tables.lock().unwrap().pending.remove(&(pending.comment, pending.video.clone()));
        Ok(())
    }

    async fn settle(&self, video: &VideoId, id: CommentId) -> Result<(), StoreError> {
        self.tables.lock().unwrap().settled.insert((video.clone(), id));
        Ok(())
    }

    async fn is_settled(&self, video: &VideoId, id: CommentId) -> Result<bool, StoreError> {
        Ok(self.tables.lock().unwrap().settled.contains(&(video.clone(), id)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
