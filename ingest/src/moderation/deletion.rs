//! `DELETE …/comments/{id}`: by its author or a moderator.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use common::{
    auth::Principal,
    comment_store::{Deletion, StoreError, Stored},
    ids::{CommentId, UserId, VideoId},
    openapi::{
        COMMENTS,
        refusals::{NoStore, NoSuch, Stranger},
    },
    path::CommentPath,
    problem::{Code, Problem},
    room::PinChange,
    room_store::SlotName,
    totals::Counter,
};

use super::{
    act::Told,
    action::{Action, Record},
};
use crate::{Ingest, announce::Announce, intake::Intake};

/// Delete a comment
///
/// For its author, and for moderators. Of what is deleted already: once more, so that whoever lost the
/// answer learns the same.
#[utoipa::path(
    delete,
    path = "/v1/videos/{video}/comments/{id}",
    operation_id = "deleteComment",
    tag = COMMENTS,
    params(CommentPath),
    responses(
        (status = 202, description = "The text is gone from history; streams and replay follow."),
        (status = 204, description = "The text is gone from history, replay and every stream."),
        Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn delete(
    State(ingest): State<Arc<Ingest>>,
    CommentPath(video, id): CommentPath,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let principal = ingest.authenticator.require(&headers, None).await?;
    principal.check_video(&video)?;
    let unknown = || Problem::new(Code::NotFound, "there is no such comment");
    let stored = {
        let _place = ingest.reads.enter().await?;
        ingest.refusals.of(ingest.comments.get(&video, id).await)?
    };
    let (author, was_there) = match stored.ok_or_else(unknown)? {
        Stored::Comment(comment) => (comment.author.id, true),
        Stored::Deleted(deletion) => (deletion.author, false),
    };
    check_may_delete(&principal, &video, &author)?;
    let (intake, counting) = (ingest.intake.clone(), ingest.counting.clone());
    let deleting = async move {
        let record = Record::new(&principal, Action::Delete { comment: id });
        let is_first = intake.take_away(&video, id, &author, &record).await?;
        if was_there && is_first {
            counting.note(&video, &Counter::DELETIONS);
        }
        intake.tell_of_deletion(&video, id, &principal, &record).await
    };
    match ingest.see_through(deleting).await? {
        Told::Everybody => Ok(StatusCode::NO_CONTENT),
        Told::Later => Ok(StatusCode::ACCEPTED),
    }
}

fn check_may_delete(
    principal: &Principal,
    video: &VideoId,
    author: &UserId,
) -> Result<(), Problem> {
    if principal.author.id == *author {
        return principal.check_commenter(video);
    }
    principal.check_moderator(video)
}

impl<A: Announce> Intake<A> {
    /// Has the store forget the text. Whether this is the deletion in force: of several at once one is.
    async fn take_away(
        &self,
        video: &VideoId,
        id: CommentId,
        author: &UserId,
        record: &Record,
    ) -> Result<bool, StoreError> {
        let (author, by) = (author.clone(), record.by.id.clone());
        let deletion = Deletion { author, by, action: record.id };
        self.comments.delete(video, id, &deletion).await?;
        Ok(self.comments.get(video, id).await? == Some(Stored::Deleted(deletion)))
    }

    async fn tell_of_deletion(
        &self,
        video: &VideoId,
        id: CommentId,
        principal: &Principal,
        record: &Record,
    ) -> Result<Told, StoreError> {
        if self.is_pinned(video, id).await? {
            self.act(video, &Record::new(principal, Action::Unpin)).await?;
        }
        self.act(video, record).await
    }

    /// A pin that shows nothing any more goes as well.
    async fn is_pinned(&self, video: &VideoId, id: CommentId) -> Result<bool, StoreError> {
        let slots = self.rooms.slots(video, &[SlotName::Pin]).await?;
        let pin =
            slots.first().and_then(|slot| serde_json::from_str::<PinChange>(&slot.value).ok());
        Ok(pin.is_some_and(|pin| pin.comment == Some(id)))
    }
}
