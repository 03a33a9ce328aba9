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
    openapi::{
        MODERATION,
        refusals::{BadBody, NoStore, NoSuch, Stranger},
    },
    path::VideoPath,
    problem::{FieldError, Problem},
    room::PinChange,
};

use serde::Deserialize;
use utoipa::ToSchema;

use super::action::Action;
use crate::{Ingest, fields::Fields};

/// A pin that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `put` takes field by field")]
pub(crate) struct NewPin {
    /// A comment of this video.
    comment: CommentId,
}

/// Pin a comment
///
/// It stands above all others, in place of one that did.
#[utoipa::path(
    put,
    path = "/v1/videos/{video}/pin",
    operation_id = "pin",
    tag = MODERATION,
    params(VideoPath),
    request_body = NewPin,
    responses(
        (status = 200, body = PinChange, description = "It is pinned."),
        BadBody, Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn put(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PinChange>, Problem> {
    let principal = ingest.moderator(&video, &headers).await?;
    let mut fields = Fields::read(&headers, body).await?;
    let comment = fields.need::<CommentId>("comment", "a comment's id");
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

/// Unpin
///
/// Nothing was pinned: 204 as well.
#[utoipa::path(
    delete,
    path = "/v1/videos/{video}/pin",
    operation_id = "unpin",
    tag = MODERATION,
    params(VideoPath),
    responses((status = 204, description = "Nothing is pinned."), Stranger, NoSuch, NoStore),
)]
pub(crate) async fn delete(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let principal = ingest.moderator(&video, &headers).await?;
    ingest.act(&video, &principal, Action::Unpin).await?;
    Ok(StatusCode::NO_CONTENT)
}
