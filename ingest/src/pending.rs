//! Comments that are stored but not announced: any node tries them again, and tells viewers of
//! those that are too old for it.

use std::time::Duration;

use common::{
    comment_store::{Pending, StoreError, Stored},
    event::Event,
    room_store::Journal,
};
use futures_util::{StreamExt, stream};

use crate::{
    announce::{Announce, Announcement},
    intake::Intake,
    moderation::action::Record,
    posted::Posted,
    window::ms,
};

/// Younger ones are left to the node that is about to answer for them.
const AGE_MIN: Duration = Duration::from_secs(5);
/// Records of one look.
const LOOK_LEN: usize = 1024;
/// Of them, tried at once: fresh comments, which may be thousands, are hardly held up by so many.
const AT_ONCE: usize = 256;

/// What is to be done for a record.
enum Due {
    /// It is to be announced.
    Posted(Box<Posted>),
    /// What a moderator did is to be told.
    Action(Box<Record>),
    /// Viewers are to be told that the comment is skipped.
    Word,
    /// It was deleted: nobody needs to know of it.
    Nothing,
}

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
            let due = self.due(&pending).await;
            due.map(|due| (pending, due))
        });
        let tried = read.buffered(AT_ONCE).map(async |read| {
            let (pending, due) = read?;
            self.drain_one(&pending, due).await
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
    async fn drain_one(&self, pending: &Pending, due: Due) -> Result<bool, StoreError> {
        let Pending { video, comment: id } = pending;
        let is_done = match due {
            Due::Posted(posted) => {
                let (video, event) = (video.clone(), posted.event());
                let until = self.window.from(id.unix_ms());
                self.announcer.announce_once(Announcement::of(video, event, until)).await
            }
            Due::Action(record) => self.tell_again(video, &record).await,
            Due::Word => self.tell_skipped(pending).await?,
            Due::Nothing => true,
        };
        if is_done {
            self.comments.settle(video, *id).await?;
            self.comments.remove_pending(pending).await?;
        }
        Ok(is_done)
    }

    /// What the record stands for.
    async fn due(&self, pending: &Pending) -> Result<Due, StoreError> {
        let Pending { video, comment: id } = pending;
        match self.comments.get(video, *id).await {
            Ok(Some(Stored::Comment(comment))) => Ok(self.due_posted(Posted::Comment(comment))),
            Ok(Some(Stored::Deleted(_))) => Ok(Due::Nothing),
            Ok(None) => self.due_beside_comments(pending).await,
            Err(StoreError::Damaged(why)) => {
                tracing::error!(why, "a pending comment can't be read");
                Ok(Due::Word)
            }
            Err(error) => Err(error),
        }
    }

    /// It is announced if the live log is sure to know whether it was shown.
    fn due_posted(&self, posted: Posted) -> Due {
        let is_past = self.window.from(posted.id().unix_ms()).is_past();
        if is_past { Due::Word } else { Due::Posted(Box::new(posted)) }
    }

    /// What moderators do and producers have shown is on record among comments, and stands in the
    /// video's journals.
    async fn due_beside_comments(&self, pending: &Pending) -> Result<Due, StoreError> {
        let Pending { video, comment: id } = pending;
        let note = self.rooms.note_of(video, Journal::Moderation, (*id).into()).await?;
        if let Some(record) = note.as_ref().and_then(Record::of) {
            return Ok(Due::Action(Box::new(record)));
        }
        let produced = self.produced(video, *id).await?.map(Posted::Event);
        Ok(produced.map_or(Due::Word, |posted| self.due_posted(posted)))
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
