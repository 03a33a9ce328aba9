//! The way of what is posted from a checked request to what is answered: claimed, stored, announced.

use std::sync::Arc;

use common::{
    comment_store::{Claim, CommentStore, Pending, StoreError, Stored},
    event::EventId,
    ids::{CommentId, IdempotencyKey, VideoId},
    problem::Problem,
    room_store::{Journal, RoomStore},
};
use tokio::sync::oneshot;

use crate::{
    announce::{Announce, Announcement, Announcer},
    posted::{Posted, Produced},
    refusals::{Refusals, key_reused},
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

/// What was taken in, and what became of it.
pub(crate) type Taken = Result<(Posted, Announced), Problem>;

/// Takes in what is posted, each once per key. Any number of these, in any number of processes, may be
/// at work on the same comment; each may die at any `await`.
pub(crate) struct Intake<A = Announcer> {
    pub(crate) comments: Arc<dyn CommentStore>,
    pub(crate) rooms: Arc<dyn RoomStore>,
    pub(crate) announcer: A,
    pub(crate) window: Window,
    pub(crate) refusals: Arc<Refusals>,
}

/// What a request stands for.
enum Claimed {
    /// It is to be stored and announced.
    Open {
        posted: Posted,
        /// Nobody can have announced it before, milliseconds since 1970.
        since_ms: u64,
    },
    /// It was, and is deleted.
    Deleted(Posted),
}

impl<A: Announce> Intake<A> {
    /// Takes it in and replies, to nobody if the client has gone. After that, beside the answer,
    /// what was accepted under a key is marked: for a retry that comes when the live log has
    /// forgotten it. Who repeats a request needs no `admission`. Tells whether what is fresh was
    /// taken in, and not what the key stands for already.
    pub(crate) async fn post(
        &self,
        fresh: Posted,
        key: Option<IdempotencyKey>,
        admission: impl Future<Output = Result<(), Problem>> + Send,
        reply: oneshot::Sender<Taken>,
    ) -> bool {
        let id = fresh.id();
        let taken = self.take(fresh, key.as_ref(), admission).await;
        let is_fresh = taken.as_ref().is_ok_and(|(posted, _)| posted.id() == id);
        let accepted = match &taken {
            Ok((posted, Announced::Accepted)) => Some((posted.video().clone(), posted.id())),
            _ => None,
        };
        let _ = reply.send(taken);
        if let (Some((video, id)), true) = (accepted, key.is_some())
            && let Err(error) = self.comments.settle(&video, id).await
        {
            metrics::counter!("chorus_ingest_settle_failed_total").increment(1);
            tracing::debug!(%error, %id, "can't mark as settled");
        }
        is_fresh
    }

    /// What is fresh, or what the key stands for.
    async fn take(
        &self,
        fresh: Posted,
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
        let (posted, since_ms) = match claimed {
            Claimed::Open { posted, since_ms } => (posted, since_ms),
            Claimed::Deleted(posted) => return Ok((posted, Announced::Deleted)),
        };
        self.refusals.of(self.store(&posted).await)?;
        let announced = self.refusals.of(self.announce(&posted, since_ms).await)?;
        Ok((posted, announced))
    }

    async fn store(&self, posted: &Posted) -> Result<(), StoreError> {
        match posted {
            Posted::Comment(comment) => self.comments.put(comment).await,
            Posted::Event(event) => {
                self.rooms.note(&event.video, Journal::Events, &event.note()).await
            }
        }
    }

    /// The producer's event of this id.
    pub(crate) async fn produced(
        &self,
        video: &VideoId,
        id: CommentId,
    ) -> Result<Option<Produced>, StoreError> {
        let note = self.rooms.note_of(video, Journal::Events, id.into()).await?;
        Ok(note.and_then(|note| Produced::of(video, &note)))
    }

    /// Finds out what the key stands for. Nobody waits for a first request that may have died:
    /// whoever finds its claim writes the same row and announces the same id, both idempotent.
    async fn claim(
        &self,
        fresh: Posted,
        key: &IdempotencyKey,
        admission: impl Future<Output = Result<(), Problem>> + Send,
    ) -> Result<Claimed, Problem> {
        let ours = Claim { comment: fresh.id(), digest: fresh.digest() };
        let author = fresh.author();
        let claim = match self.refusals.of(self.comments.claimed(author, key).await)? {
            Some(known) => known,
            // A claim that was made is not taken back: who is not admitted must not make one.
            None => {
                admission.await?;
                self.refusals.of(self.comments.claim(author, key, ours).await)?
            }
        };
        if claim.digest != ours.digest {
            return Err(key_reused());
        }
        if claim.comment == ours.comment {
            return Ok(Claimed::of(fresh));
        }
        self.refusals.of(self.earlier(fresh, claim.comment).await)
    }

    /// What the request was that had the same key and sent the same.
    async fn earlier(&self, fresh: Posted, id: CommentId) -> Result<Claimed, StoreError> {
        let since_ms = self.window.now_ms();
        let first = match &fresh {
            Posted::Comment(comment) => match self.comments.get(&comment.video, id).await? {
                Some(Stored::Comment(first)) => Some(Posted::Comment(first)),
                Some(Stored::Deleted(_)) => return Ok(Claimed::Deleted(fresh.with_id(id))),
                None => None,
            },
            Posted::Event(event) => self.produced(&event.video, id).await?.map(Posted::Event),
        };
        // Stored before it is announced: if it is not, it was not, whatever the id's age.
        let unannounced = || Claimed::Open { posted: fresh.with_id(id), since_ms };
        Ok(first.map_or_else(unannounced, Claimed::of))
    }

    /// Announces, also again: the live log knows the id. When that is no longer sure, what is on
    /// record counts.
    async fn announce(&self, posted: &Posted, since_ms: u64) -> Result<Announced, StoreError> {
        let pending = Pending { video: posted.video().clone(), comment: posted.id() };
        let until = self.window.from(since_ms);
        if until.is_past() {
            return self.recall(&pending).await;
        }
        let (video, event) = (posted.video().clone(), posted.event());
        if self.announcer.announce(Announcement::of(video, event, until)).await {
            return Ok(Announced::Accepted);
        }
        self.comments.add_pending(&pending).await?;
        Ok(Announced::Pending)
    }

    /// What became of what is too old to be announced. When nobody knows, as after a
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
    /// What may have been announced at any time since its id was made.
    fn of(posted: Posted) -> Self {
        Self::Open { since_ms: posted.id().unix_ms(), posted }
    }
}

#[cfg(test)]
mod tests;
