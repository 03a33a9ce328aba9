//! A comment's way from a checked request to what is answered: claimed, stored, announced.

use std::sync::Arc;

use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Pending, StoreError, Stored},
    event::{Event, EventId},
    ids::{IdempotencyKey, VideoId},
    problem::{Code, Problem},
    room_store::RoomStore,
};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::{
    announce::{Announce, Announcement, Announcer},
    refusals::Refusals,
    vigil::Deletions,
    window::Window,
};

/// What an answer tells of live delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// It was deleted meanwhile, so that there is nothing to be delivered: 201.
    Deleted,
    /// A dispatcher has just taken it: 201.
    Accepted,
    /// It is marked as settled from before: 201.
    Settled,
    /// On record, still being tried: 202.
    Pending,
}

/// The comment that was taken in, and what became of it.
pub(crate) type Taken = Result<(Comment, Announced), Problem>;

/// Takes comments in, each once per key. Any number of these, in any number of processes, may be at
/// work on the same comment; each may die at any `await`.
pub(crate) struct Intake<A = Announcer> {
    pub(crate) comments: Arc<dyn CommentStore>,
    pub(crate) rooms: Arc<dyn RoomStore>,
    pub(crate) announcer: A,
    pub(crate) window: Window,
    pub(crate) refusals: Arc<Refusals>,
}

/// A comment that a request stands for.
enum Claimed {
    /// It is to be stored and announced.
    Open {
        comment: Comment,
        /// Nobody can have announced it before, milliseconds since 1970.
        since_ms: u64,
    },
    /// It was, and is deleted.
    Deleted(Comment),
}

impl<A: Announce> Intake<A> {
    /// Takes a comment in and replies, to nobody if the client has gone. After that, beside the
    /// answer, a comment that was accepted under a key is marked: for a retry that comes when the
    /// live log has forgotten it. Who repeats a request needs no `admission`. Tells whether the fresh
    /// comment was taken in, and not another one that the key stands for.
    pub(crate) async fn post(
        &self,
        fresh: Comment,
        key: Option<IdempotencyKey>,
        admission: impl Future<Output = Result<(), Problem>> + Send,
        reply: oneshot::Sender<Taken>,
    ) -> bool {
        let id = fresh.id;
        let taken = self.take(fresh, key.as_ref(), admission).await;
        let is_fresh = taken.as_ref().is_ok_and(|(comment, _)| comment.id == id);
        let accepted = match &taken {
            Ok((comment, Announced::Accepted)) => Some((comment.video.clone(), comment.id)),
            _ => None,
        };
        let _ = reply.send(taken);
        if let (Some((video, comment)), true) = (accepted, key.is_some())
            && let Err(error) = self.comments.settle(&video, comment).await
        {
            metrics::counter!("chorus_ingest_settle_failed_total").increment(1);
            tracing::debug!(%error, %comment, "can't mark a comment as settled");
        }
        is_fresh
    }

    /// A fresh comment, or the one that the key stands for.
    async fn take(
        &self,
        fresh: Comment,
        key: Option<&IdempotencyKey>,
        admission: impl Future<Output = Result<(), Problem>> + Send,
    ) -> Taken {
        let claimed = match key {
            Some(key) => self.claim(fresh, key, admission).await?,
            None => {
                admission.await?;
                Claimed::of(fresh)
            }
        };
        let (comment, since_ms) = match claimed {
            Claimed::Open { comment, since_ms } => (comment, since_ms),
            Claimed::Deleted(comment) => return Ok((comment, Announced::Deleted)),
        };
        self.refusals.of(self.comments.put(&comment).await)?;
        let announced = self.refusals.of(self.announce(&comment, since_ms).await)?;
        Ok((comment, announced))
    }

    /// Finds out what the key stands for. Nobody waits for a first request that may have died:
    /// whoever finds its claim writes the same row and announces the same id, both idempotent.
    async fn claim(
        &self,
        fresh: Comment,
        key: &IdempotencyKey,
        admission: impl Future<Output = Result<(), Problem>> + Send,
    ) -> Result<Claimed, Problem> {
        let ours = Claim { comment: fresh.id, digest: digest(&fresh) };
        let author = &fresh.author.id;
        let claim = match self.refusals.of(self.comments.claimed(author, key).await)? {
            Some(known) => known,
            // A claim that was made is not taken back: who is not admitted must not make one.
            None => {
                admission.await?;
                self.refusals.of(self.comments.claim(author, key, ours).await)?
            }
        };
        if claim.digest != ours.digest {
            let why = "this Idempotency-Key was used for another video or text";
            return Err(Problem::new(Code::KeyReused, why));
        }
        if claim.comment == ours.comment {
            return Ok(Claimed::of(fresh));
        }
        let (id, since_ms) = (claim.comment, self.window.now_ms());
        Ok(match self.refusals.of(self.comments.get(&fresh.video, id).await)? {
            Some(Stored::Comment(first)) => Claimed::of(first),
            Some(Stored::Deleted(_)) => Claimed::Deleted(Comment { id, ..fresh }),
            // Stored before it is announced: it was not, whatever the id's age.
            None => Claimed::Open { comment: Comment { id, ..fresh }, since_ms },
        })
    }

    /// Announces, also again: the live log knows the id. When that is no longer sure, what is on
    /// record counts.
    async fn announce(&self, comment: &Comment, since_ms: u64) -> Result<Announced, StoreError> {
        let pending = Pending { video: comment.video.clone(), comment: comment.id };
        let until = self.window.from(since_ms);
        if until.is_past() {
            return self.recall(&pending).await;
        }
        let (video, event) = (comment.video.clone(), Event::of_comment(comment));
        if self.announcer.announce(Announcement::of(video, event, until)).await {
            return Ok(Announced::Accepted);
        }
        self.comments.add_pending(&pending).await?;
        Ok(Announced::Pending)
    }

    /// What became of a comment that is too old to be announced. When nobody knows, as after a
    /// crash between storing and announcing, it is put on record: viewers are told that it is
    /// skipped.
    async fn recall(&self, pending: &Pending) -> Result<Announced, StoreError> {
        // In this order: a drain sets the mark before it strikes off the record.
        if self.comments.is_pending(pending).await? {
            return Ok(Announced::Pending);
        }
        if self.comments.is_settled(&pending.video, pending.comment).await? {
            return Ok(Announced::Settled);
        }
        self.comments.add_pending(pending).await?;
        Ok(Announced::Pending)
    }
}

impl<A: Announce> Deletions for Intake<A> {
    async fn has(&self, video: &VideoId, event: EventId) -> Option<bool> {
        let Some(comment) = event.as_comment() else { return Some(false) };
        let stored = self.comments.get(video, comment).await.ok()?;
        Some(matches!(stored, Some(Stored::Deleted(_))))
    }
}

impl Claimed {
    /// A comment that may have been announced at any time since its id was made.
    fn of(comment: Comment) -> Self {
        Self::Open { since_ms: comment.id.unix_ms(), comment }
    }
}

/// SHA-256 over video and body: tells a repeated request from another one under the same key.
fn digest(comment: &Comment) -> [u8; 32] {
    let reply_to = comment.reply_to.map(|id| id.to_string()).unwrap_or_default();
    let parts = [comment.video.as_str(), &reply_to, comment.text.as_str()];
    let hash = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update(part.len().to_be_bytes()).chain_update(part)
    });
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
