//! The durable truth about comments: contract [`CommentStore`].

use async_trait::async_trait;

use crate::{
    comment::Comment,
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
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
    /// Stores the comment. Writing the same comment again changes nothing.
    async fn put(&self, comment: &Comment) -> Result<(), StoreError>;

    /// One comment, or `None` when it is unknown.
    async fn get(&self, video: &VideoId, id: CommentId) -> Result<Option<Comment>, StoreError>;

    /// At most `limit` comments of the page, in the page's order.
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
