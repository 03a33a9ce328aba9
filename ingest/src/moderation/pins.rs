//! `…/pin`: the one comment that stands above all others.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use common::{
    comment_store::Stored,
    ids::CommentId,
    path::VideoPath,
    problem::{FieldError, Problem},
    room::PinChange,
};

use super::action::Action;
use crate::{Ingest, fields::Fields};

/// Pins a comment of the video.
pub(crate) async fn put(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PinChange>, Problem> {
    let principal = ingest.moderator(&video, &headers).await?;
    let mut fields = Fields::read(&headers, body).await?;
    let is_missing = !fields.has("comment");
    let comment = fields.take::<CommentId>("comment", "a comment's id");
    fields.check("comment", !is_missing, "is missing");
    let comment = fields.finish(comment)?.ok_or_else(no_comment)?;
    let stored = {
        let _place = ingest.reads.enter().await?;
        ingest.refusals.of(ingest.comments.get(&video, comment).await)?
    };
    if stored.and_then(Stored::into_comment).is_none() {
        return Err(no_comment());
    }
    ingest.act(&video, &principal, Action::Pin { comment }).await?;
    Ok(Json(PinChange { comment: Some(comment) }))
}

fn no_comment() -> Problem {
    let why = "must be a comment of this video".to_owned();
    Problem::invalid(vec![FieldError { field: "comment", why }])
}

/// Unpins; nothing was pinned: as well.
pub(crate) async fn delete(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let principal = ingest.moderator(&video, &headers).await?;
    ingest.act(&video, &principal, Action::Unpin).await?;
    Ok(StatusCode::NO_CONTENT)
}
