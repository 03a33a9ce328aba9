//! Whether a new comment may be posted: by its video's room, by what it answers, and by how often.

use std::{net::IpAddr, sync::Arc};

use common::{
    auth::Principal,
    comment::Comment,
    comment_store::{CommentStore, Stored},
    config::VideoCreate,
    ids::{CommentId, IdempotencyKey, VideoId},
    problem::{FieldError, Problem},
    room_store::{RoomStore, SlotName},
};

use crate::{
    limits::{Attempt, Limited, Limits, Reaction},
    moderation::rules::{Rulebook, unregistered},
    refusals::Refusals,
};

/// What admits comments.
pub(crate) struct Gate {
    pub(crate) comments: Arc<dyn CommentStore>,
    pub(crate) rooms: Arc<dyn RoomStore>,
    pub(crate) rulebook: Rulebook,
    pub(crate) limits: Arc<Limits>,
    pub(crate) create: VideoCreate,
    pub(crate) refusals: Arc<Refusals>,
}

/// A comment at the gate.
pub(crate) struct Arrival {
    pub(crate) comment: Comment,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) principal: Principal,
    pub(crate) address: IpAddr,
}

impl Gate {
    /// Lets a new comment in, or says why not. Limits come last: they count what is let in.
    pub(crate) async fn admit(&self, arrival: &Arrival) -> Result<(), Problem> {
        let Arrival { comment, key, principal, address } = arrival;
        let looked_up = self.rulebook.look_up(&*self.rooms, &comment.video, principal).await;
        let room = self.refusals.of(looked_up)?;
        room.check(principal, &comment.text, self.create)?;
        if let Some(answered) = comment.reply_to {
            self.check_answered(&comment.video, answered).await?;
        }
        let (slow_mode_s, unique_s) = room.pauses_s(principal);
        let attempt = Attempt {
            author: &principal.author.id,
            video: &comment.video,
            address: *address,
            key: key.as_ref(),
            text: &comment.text,
            slow_mode_s,
            unique_s,
        };
        let admitted = self.limits.admit(&attempt).await;
        admitted.map_err(Limited::into_problem)
    }

    /// Lets somebody react, or says why not. `false`: that was done before under the same key.
    pub(crate) async fn admit_reaction(
        &self,
        principal: &Principal,
        reaction: &Reaction,
    ) -> Result<bool, Problem> {
        let video = &reaction.video;
        let looked_up = self.rulebook.look_up(&*self.rooms, video, principal).await;
        self.refusals.of(looked_up)?.check_author(principal, self.create)?;
        self.limits.admit_reaction(reaction).await
    }

    async fn check_answered(&self, video: &VideoId, answered: CommentId) -> Result<(), Problem> {
        let stored = self.refusals.of(self.comments.get(video, answered).await)?;
        match stored {
            Some(Stored::Comment(_)) => Ok(()),
            Some(Stored::Deleted(_)) | None => {
                let why = "must be a comment of this video".to_owned();
                Err(Problem::invalid(vec![FieldError { field: "reply_to", why }]))
            }
        }
    }

    /// Lets a producer's event in, or says why not.
    pub(crate) async fn admit_event(
        &self,
        video: &VideoId,
        principal: &Principal,
    ) -> Result<(), Problem> {
        let looked_up = self.rulebook.look_up(&*self.rooms, video, principal).await;
        self.refusals.of(looked_up)?.check_going_on(self.create)
    }

    /// Refuses what is asked of a video that had to be registered and is not.
    pub(crate) async fn check_registered(&self, video: &VideoId) -> Result<(), Problem> {
        if self.create == VideoCreate::Registered {
            let slots = self.rooms.slots(video, &[SlotName::Video]).await;
            if self.refusals.of(slots)?.is_empty() {
                return Err(unregistered());
            }
        }
        Ok(())
    }
}
