//! How something is done: recorded, then told. A moderator who is answered 200 can rely on it; what
//! could not be told at once is on record, and any node tells it later.

use common::{
    auth::Principal,
    comment_store::{Pending, StoreError},
    ids::VideoId,
    problem::{Code, Problem},
    room_store::Journal,
    task,
};

use super::action::{Action, Record};
use crate::{
    Ingest,
    announce::{Announce, Announcement},
    intake::Intake,
};

impl Ingest {
    /// Does it in the name of somebody who may.
    pub(crate) async fn act(
        &self,
        video: &VideoId,
        principal: &Principal,
        action: Action,
    ) -> Result<Told, Problem> {
        let record = Record::new(principal, action);
        let (intake, video) = (self.intake.clone(), video.clone());
        self.see_through(async move { intake.act(&video, &record).await }).await
    }

    /// Sees something through beside the request: a client that leaves leaves nothing half done.
    pub(super) async fn see_through(
        &self,
        doing: impl Future<Output = Result<Told, StoreError>> + Send + 'static,
    ) -> Result<Told, Problem> {
        let place = self.posts.enter().await?;
        let acting = task::spawn("ingest.act", async move {
            let done = doing.await;
            drop(place);
            done
        });
        let done = acting.await.map_err(|_| Problem::new(Code::Internal, "it may not be done"))?;
        self.refusals.of(done)
    }
}

/// What viewers and gateways know of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The live log has it, and what is to be gone is gone everywhere.
    Everybody,
    /// It is on record, and still being tried.
    Later,
}

impl<A: Announce> Intake<A> {
    /// Does what the record says, in the store first. Once it is there it is told, if not by this
    /// process then by another: it is put on record before.
    pub(crate) async fn act(&self, video: &VideoId, record: &Record) -> Result<Told, StoreError> {
        for slot in record.slots() {
            self.rooms.set(video, &slot).await?;
        }
        self.rooms.note(video, Journal::Moderation, &record.note()).await?;
        let pending = Pending { video: video.clone(), comment: record.id.into() };
        self.comments.add_pending(&pending).await?;
        let mut is_told = true;
        for event in record.events() {
            // What has no place yet keeps no other one from being shown all the same.
            let until = self.window.endless();
            is_told &= self.announcer.announce(Announcement::of(video.clone(), event, until)).await;
        }
        if !is_told || !self.is_gone(video, record).await {
            return Ok(Told::Later);
        }
        self.comments.remove_pending(&pending).await?;
        Ok(Told::Everybody)
    }

    /// Tells once more what is on record; whether everybody knows then.
    pub(crate) async fn tell_again(&self, video: &VideoId, record: &Record) -> bool {
        for event in record.events() {
            let until = self.window.endless();
            if !self.announcer.announce_once(Announcement::of(video.clone(), event, until)).await {
                return false;
            }
        }
        self.is_gone(video, record).await
    }

    /// Whether what was to be taken away is gone from all gateways.
    async fn is_gone(&self, video: &VideoId, record: &Record) -> bool {
        match record.action {
            Action::Delete { comment } => self.announcer.erase(video, comment.into()).await,
            _ => true,
        }
    }
}
