//! `…/comments/{id}/reports`: viewers tell moderators of a comment.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
};
use common::{
    comment::rfc3339,
    comment_store::Stored,
    config::ViewerAuth,
    ids::{ActionId, CommentId, UserId},
    openapi::{
        COMMENTS, MODERATION,
        refusals::{BadBody, BadQuery, NoStore, NoSuch, Stranger, TooOften},
        shape::Time,
    },
    path::{CommentPath, VideoPath},
    problem::{Code, Problem},
    room_store::{Journal, Note},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::paging::{NewestFirst, Paging};
use crate::{Ingest, client::Client, fields::Fields};

/// Longest reason, in characters.
const REASON_LEN_MAX: usize = 1_024;

/// A report, as moderators read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Report {
    id: ActionId,
    #[schema(value_type = Time)]
    at: String,
    comment: CommentId,
    /// Whoever has shown who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserId)]
    by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// A page of reports, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reports {
    reports: Vec<Report>,
    /// What to give as `before` for the next page; `null` at the end.
    #[schema(required = true)]
    next: Option<ActionId>,
}

/// A report that is sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `post` takes field by field")]
pub(crate) struct NewReport {
    /// What is wrong with the comment.
    #[schema(max_length = 1024, examples("spam"))]
    reason: Option<String>,
}

/// Report a comment to moderators
///
/// Whoever may watch may report.
#[utoipa::path(
    post,
    path = "/v1/videos/{video}/comments/{id}/reports",
    operation_id = "reportComment",
    tag = COMMENTS,
    params(CommentPath),
    request_body = Option<NewReport>,
    security((), ("token" = []), ("development" = [])),
    responses(
        (status = 202, description = "Moderators can read it."),
        BadBody, Stranger, NoSuch, TooOften, NoStore,
    ),
)]
pub(crate) async fn post(
    State(ingest): State<Arc<Ingest>>,
    CommentPath(video, comment): CommentPath,
    Client(address): Client,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let principal = ingest.authenticator.identify(&headers).await?;
    match &principal {
        Some(principal) => principal.check_video(&video)?,
        None if ingest.viewers == ViewerAuth::Required => {
            return Err(Problem::new(Code::Unauthorized, "a token is needed"));
        }
        None => {}
    }
    let mut fields = Fields::read_optional(&headers, body).await?;
    let reason = fields.take::<String>("reason", "a text");
    let is_short =
        reason.as_ref().is_none_or(|reason| reason.chars().nth(REASON_LEN_MAX).is_none());
    fields.check("reason", is_short, &format!("must be at most {REASON_LEN_MAX} characters"));
    let reason = fields.finish(reason)?;
    let _place = ingest.posts.enter().await?;
    let by = principal.map(|principal| principal.author.id);
    ingest.limits.admit_report(by.as_ref(), address).await?;
    let stored = ingest.refusals.of(ingest.comments.get(&video, comment).await)?;
    if stored.and_then(Stored::into_comment).is_none() {
        return Err(Problem::new(Code::NotFound, "there is no such comment"));
    }
    let id = ActionId::now();
    let report = Report { id, at: rfc3339(id.unix_ms()), comment, by, reason };
    // Plain fields: there is nothing in it that could fail to serialise.
    let value = serde_json::to_string(&report).unwrap_or_default();
    let noted = ingest.rooms.note(&video, Journal::Reports, &Note { id, value }).await;
    ingest.refusals.of(noted)?;
    Ok(StatusCode::ACCEPTED)
}

/// Read what was reported
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/reports",
    operation_id = "listReports",
    tag = MODERATION,
    params(VideoPath, NewestFirst),
    responses(
        (status = 200, body = Reports, description = "A page."),
        BadQuery, Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn list(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Result<Json<Reports>, Problem> {
    ingest.moderator(&video, &headers).await?;
    let (reports, next) = ingest.notes(&video, Journal::Reports, &paging).await?;
    Ok(Json(Reports { reports, next }))
}
