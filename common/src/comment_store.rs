//! The durable truth about comments: contract [`CommentStore`].

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    comment::Comment,
    ids::{ActionId, CommentId, IdempotencyKey, UserId, VideoId},
};

/// Why the store could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Not reached, timed out or overloaded. The outcome of a write is unknown; the same write is
    /// safe to repeat.
    #[error("the comment store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored can't be read: someone must look. Repeating does not help.
    #[error("the comment store is damaged: {0}")]
    Damaged(String),
}

/// One page of a video's comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The newest, newest first.
    Newest,
    /// Those older than this one, newest first.
    Before(CommentId),
    /// Those newer than this one, oldest first.
    After(CommentId),
}

impl Page {
    /// The page that goes on behind a comment of this one.
    #[must_use]
    pub fn behind(self, last: CommentId) -> Self {
        match self {
            Self::Newest | Self::Before(_) => Self::Before(last),
            Self::After(_) => Self::After(last),
        }
    }
}

/// What stands under a comment's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The comment.
    Comment(Comment),
    /// It was deleted; what it said is gone.
    Deleted(Deletion),
}

impl Stored {
    /// The comment, unless it was deleted.
    #[must_use]
    pub fn into_comment(self) -> Option<Comment> {
        match self {
            Self::Comment(comment) => Some(comment),
            Self::Deleted(_) => None,
        }
    }
}

/// That a comment was deleted. Its JSON is `{"author","by","action"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Who wrote the comment.
    pub author: UserId,
    /// Who deleted it.
    pub by: UserId,
    /// Identity and time of the deletion.
    pub action: ActionId,
}

/// What an Idempotency-Key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The comment that the key's first request made (or was about to make when it died).
    pub comment: CommentId,
    /// SHA-256 over video and body: another request under the same key is told by it.
    pub digest: [u8; 32],
}

/// A comment that is stored, but of which no dispatcher has said yet that it is in the live log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pending {
    /// The comment's video.
    pub video: VideoId,
    /// The comment.
    pub comment: CommentId,
}

/// Where comments, key claims, pending records and settled marks live. Every write is idempotent,
/// and durable when the call returns: one process or node may die right after.
#[async_trait]
pub trait CommentStore: Send + Sync + 'static {
    /// Stores the comment. Writing the same comment again changes nothing, and one that was deleted
    /// stays so, whichever of the two writes comes first and whatever clocks say.
    async fn put(&self, comment: &Comment) -> Result<(), StoreError>;

    /// What stands under the id, or `None` when it is unknown.
    async fn get(&self, video: &VideoId, id: CommentId) -> Result<Option<Stored>, StoreError>;

    /// Deletes the comment, also before it is stored: nothing that is read has its text any more,
    /// and no [`put`](Self::put) brings it back. The first deletion stays in force; of several at
    /// once any may be it, and all stores settle on the same one.
    async fn delete(
        &self,
        video: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError>;

    /// The comments of the page, in the page's order: `limit` of them unless it is the last page,
    /// however many deleted ones lie between. Passing over those takes time, and who meets
    /// hundreds of thousands in a row may be told [`StoreError::Unavailable`].
    async fn list(
        &self,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError>;

    /// Claims `key` of `author` for `claim` unless it is claimed already, and returns the claim in
    /// force, `claim` itself or the earlier one. Kept for 24 h. Atomic over all ingest nodes.
    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError>;

    /// What the key of `author` stands for, without claiming it.
    async fn claimed(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError>;

    /// Puts on record that the comment waits for live delivery.
    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError>;

    /// At most `limit` records whose comment is older than `older_than_ms` (milliseconds since
    /// 1970), oldest first as far as that is cheap.
    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError>;

    /// Whether the comment is on record as waiting.
    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError>;

    /// Strikes the record off. Unknown ones are fine.
    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError>;

    /// Marks the comment as settled: it was accepted for live delivery, or viewers were told that
    /// it is skipped, so there is nothing left to do. Kept for 25 h at least, an hour longer than
    /// claims. The one write that the loss of power may undo: without the mark viewers are told of
    /// one comment too many, never of one too few.
    async fn settle(&self, video: &VideoId, comment: CommentId) -> Result<(), StoreError>;

    /// Whether the comment is marked as settled.
    async fn is_settled(&self, video: &VideoId, comment: CommentId) -> Result<bool, StoreError>;

    /// Whether the store answers at all, for `/readyz`'s body.
    async fn ping(&self) -> Result<(), StoreError>;
}
