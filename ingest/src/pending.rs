//! Comments that are stored but not announced: any node tries them again, and tells viewers of
//! those that are too old for it.

use std::time::Duration;

use common::{
    comment::Comment,
    comment_store::{Pending, StoreError, Stored},
    event::Event,
};
use futures_util::{StreamExt, stream};

use crate::{
    announce::{Announce, Announcement},
    intake::Intake,
    window::ms,
};

/// Younger ones are left to the node that is about to answer for them.
const AGE_MIN: Duration = Duration::from_secs(5);
/// Records of one look.
const LOOK_LEN: usize = 1024;
/// Of them, tried at once: fresh comments, which may be thousands, are hardly held up by so many.
const AT_ONCE: usize = 256;

impl<A: Announce> Intake<A> {
    /// Tries every record that is old enough, once: look by look, as long as they are full and it
    /// is of use.
    pub(crate) async fn drain_pending(&self) -> Result<(), StoreError> {
        let older_than = self.window.now_ms().saturating_sub(ms(AGE_MIN));
        let mut trouble = Ok(());
        loop {
            let found = self.comments.pending(older_than, LOOK_LEN).await?;
            let is_full = found.len() == LOOK_LEN;
            if !self.drain(found, &mut trouble).await || !is_full {
                return trouble;
            }
        }
    }

    /// Announces in the order in which they were posted, whatever reading each of them takes. Tells
    /// whether going on is of use: not when as many one after the other were not taken as are tried
    /// at once, for the others would wait as long for nothing. What the store could not do for one
    /// of them is noted, and holds up no other.
    async fn drain(&self, mut found: Vec<Pending>, trouble: &mut Result<(), StoreError>) -> bool {
        found.sort_by_key(|pending| pending.comment);
        let read = stream::iter(found).map(async |pending| {
            let comment = self.announceable(&pending).await;
            comment.map(|comment| (pending, comment))
        });
        let tried = read.buffered(AT_ONCE).map(async |read| {
            let (pending, comment) = read?;
            self.drain_one(&pending, comment).await
        });
        let mut tried = tried.buffered(AT_ONCE);
        let (mut in_vain, mut any) = (0, false);
        while let Some(is_settled) = tried.next().await {
            let is_settled = is_settled.unwrap_or_else(|error| {
                *trouble = Err(error);
                false
            });
            in_vain = if is_settled { 0 } else { in_vain + 1 };
            any |= is_settled;
            if in_vain == AT_ONCE {
                return false;
            }
        }
        any
    }

    /// Whether nothing is left to do for it. The mark comes before the record goes: of a comment
    /// that is on neither list nobody knows, and viewers would be told that it is skipped.
    async fn drain_one(
        &self,
        pending: &Pending,
        announceable: Option<Comment>,
    ) -> Result<bool, StoreError> {
        let Pending { video, comment } = pending;
        let until = self.window.from(comment.unix_ms());
        let announced = match announceable {
            Some(comment) => {
                let (video, event) = (video.clone(), Event::of_comment(&comment));
                self.announcer.announce_once(Announcement::of(video, event, until)).await
            }
            None => self.tell_skipped(pending).await?,
        };
        if announced {
            self.comments.settle(video, *comment).await?;
            self.comments.remove_pending(pending).await?;
        }
        Ok(announced)
    }

    /// The comment, when it is there and the live log is sure to know whether it was shown.
    async fn announceable(&self, pending: &Pending) -> Result<Option<Comment>, StoreError> {
        if self.window.from(pending.comment.unix_ms()).is_past() {
            return Ok(None);
        }
        match self.comments.get(&pending.video, pending.comment).await {
            Ok(stored) => Ok(stored.and_then(Stored::into_comment)),
            Err(StoreError::Damaged(why)) => {
                tracing::error!(why, "a pending comment can't be read");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether viewers are told of a comment that can't be announced. It may have been shown, if an
    /// attempt whose outcome was unknown did reach the live log: telling too much is no lie.
    async fn tell_skipped(&self, pending: &Pending) -> Result<bool, StoreError> {
        let Pending { video, comment } = pending;
        if self.comments.is_settled(video, *comment).await? {
            return Ok(true);
        }
        let (video, event) = (video.clone(), Event::of_skipped(*comment));
        let until = self.window.endless();
        let told = self.announcer.announce_once(Announcement::of(video, event, until)).await;
        if told {
            tracing::warn!(%comment, "a comment was never announced, viewers are told");
            metrics::counter!("chorus_ingest_pending_expired_total").increment(1);
        }
        Ok(told)
    }
}
