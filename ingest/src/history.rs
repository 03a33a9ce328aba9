//! `GET …/comments` and `GET …/comments/{id}`: what the store has.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use common::{
    comment::Comment,
    comment_store::{Page, Stored},
    ids::{CommentId, UserId, VideoId},
    openapi::{
        COMMENTS,
        refusals::{BadQuery, NoStore, NoSuch, Stranger},
    },
    path::{CommentPath, VideoPath},
    position::Cursor,
    problem::{Code, FieldError, Problem},
    room_store::{Slot, SlotName},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Ingest, export, moderation::action::HideSlot};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Reads of the store for one page, some of whose comments are hidden.
const READS_PER_PAGE_MAX: usize = 8;

/// The query's fields; what they may be is checked in [`wanted`].
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// `ndjson`: all comments of the video, oldest first, one a line; for moderators.
    #[param(value_type = Format, inline, required = false)]
    format: Option<String>,
    /// Comments of a page.
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50, required = false)]
    limit: Option<String>,
    /// Only what is older than this comment.
    #[param(value_type = CommentId, inline, required = false)]
    before: Option<String>,
    /// Only what is newer than this comment, and the oldest first. Not together with `before`.
    #[param(value_type = CommentId, inline, required = false)]
    after: Option<String>,
}

/// What a list can be read as.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "json")]
#[expect(dead_code, reason = "it describes what `list` tells apart")]
enum Format {
    Json,
    Ndjson,
}

/// A page of comments.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Comments)]
pub(crate) struct Listed {
    /// Newest first; oldest first where `after` was given.
    comments: Vec<Comment>,
    /// Where the next page begins: what to give as `before` (or `after`); `null` at the end.
    #[schema(required = true)]
    next: Option<CommentId>,
    /// A stream position: whatever is accepted after it comes by the stream.
    #[schema(value_type = Cursor)]
    cursor: String,
}

/// Read a video's comments
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/comments",
    operation_id = "listComments",
    tag = COMMENTS,
    params(VideoPath, Params),
    security((), ("token" = []), ("development" = [])),
    responses(
        (status = 200, description = "A page, or all of them as lines.",
         content((Listed = "application/json"), (String = "application/x-ndjson"))),
        BadQuery, Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn list(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ingest.gate.check_registered(&video).await?;
    match params.format.as_deref() {
        None | Some("json") => {}
        Some("ndjson") => {
            ingest.moderator(&video, &headers).await?;
            return export::all(ingest, video).await;
        }
        Some(_) => {
            return Err(Problem::invalid(vec![error("format", "must be json or ndjson")]));
        }
    }
    let (page, limit) = wanted(&params).map_err(|error| Problem::invalid(vec![error]))?;
    let _place = ingest.reads.enter().await?;
    // The position first: what is accepted between the two reads stands in both, never in none.
    let cursor = ingest.position(&video).await.to_string();
    let (comments, next) = ingest.page(&video, page, limit).await?;
    Ok(Json(Listed { comments, next, cursor }).into_response())
}

/// Read one comment
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/comments/{id}",
    operation_id = "getComment",
    tag = COMMENTS,
    params(CommentPath),
    security(()),
    responses((status = 200, body = Comment, description = "The comment."), NoSuch, NoStore),
)]
pub(crate) async fn one(
    State(ingest): State<Arc<Ingest>>,
    CommentPath(video, id): CommentPath,
) -> Result<Json<Comment>, Problem> {
    let _place = ingest.reads.enter().await?;
    let stored = ingest.refusals.of(ingest.comments.get(&video, id).await)?;
    let mut shown: Vec<_> = stored.and_then(Stored::into_comment).into_iter().collect();
    ingest.leave_out_hidden(&video, &mut shown).await?;
    let unknown = || Problem::new(Code::NotFound, "there is no such comment");
    shown.pop().map(Json).ok_or_else(unknown)
}

impl Ingest {
    /// A page of what is shown, and where the next one begins.
    async fn page(
        &self,
        video: &VideoId,
        mut page: Page,
        limit: usize,
    ) -> Result<(Vec<Comment>, Option<CommentId>), Problem> {
        let mut shown = Vec::new();
        for _ in 0..READS_PER_PAGE_MAX {
            // One more than asked for tells whether there is a next page.
            let read = limit + 1 - shown.len();
            let mut comments = self.refusals.of(self.comments.list(video, page, read).await)?;
            let is_end = comments.len() < read;
            let Some(last) = comments.last().map(|last| last.id) else {
                return Ok((shown, None));
            };
            self.leave_out_hidden(video, &mut comments).await?;
            shown.extend(comments);
            if shown.len() > limit {
                shown.truncate(limit);
                let next = shown.last().map(|comment| comment.id);
                return Ok((shown, next));
            }
            if is_end {
                return Ok((shown, None));
            }
            page = page.behind(last);
        }
        // So many are hidden in a row that the page stays short; the next one goes on behind them.
        let next = match page {
            Page::Newest => None,
            Page::Before(last) | Page::After(last) => Some(last),
        };
        Ok((shown, next))
    }

    /// Leaves out comments of authors whose comments are hidden.
    async fn leave_out_hidden(
        &self,
        video: &VideoId,
        comments: &mut Vec<Comment>,
    ) -> Result<(), Problem> {
        let authors: BTreeSet<_> = comments.iter().map(|comment| &comment.author.id).collect();
        if authors.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = authors.into_iter().cloned().map(SlotName::Hide).collect();
        let slots = self.refusals.of(self.rooms.slots(video, &names).await)?;
        let hidden: Vec<_> = slots.iter().filter_map(hidden_until_ms).collect();
        comments.retain(|comment| {
            !hidden.iter().any(|(author, until_ms)| {
                **author == comment.author.id && comment.id.unix_ms() <= *until_ms
            })
        });
        Ok(())
    }
}

/// Whose comments a slot hides, and up to when they were posted.
fn hidden_until_ms(slot: &Slot) -> Option<(&UserId, u64)> {
    let SlotName::Hide(author) = &slot.name else { return None };
    let HideSlot { is_hidden } = serde_json::from_str(&slot.value).ok()?;
    is_hidden.then(|| (author, slot.version.unix_ms()))
}

impl Ingest {
    /// Where the live log is. While it can't be asked, a cursor without a place: a stream that
    /// begins from that is told `reset`, which is the truth.
    async fn position(&self, video: &VideoId) -> Cursor {
        match self.live_log.heads(std::slice::from_ref(video)).await {
            Ok(heads) => heads
                .first()
                .map_or_else(Cursor::default, |head| Cursor::single(self.origin.clone(), *head)),
            Err(error) => {
                tracing::warn!(%error, "can't ask for a position");
                Cursor::default()
            }
        }
    }
}

fn wanted(params: &Params) -> Result<(Page, usize), FieldError> {
    let limit = params.limit.as_deref().map_or(Ok(LIMIT_DEFAULT), |text| {
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| error("limit", "must be a whole number from 1 to 200"))
    })?;
    let id = |field, text: &str| {
        text.parse::<CommentId>().map_err(|_| error(field, "must be a comment's id"))
    };
    let page = match (params.before.as_deref(), params.after.as_deref()) {
        (None, None) => Page::Newest,
        (Some(before), None) => Page::Before(id("before", before)?),
        (None, Some(after)) => Page::After(id("after", after)?),
        (Some(_), Some(_)) => return Err(error("after", "can't be given together with before")),
    };
    Ok((page, limit))
}

fn error(field: &'static str, why: &str) -> FieldError {
    FieldError { field, why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let params = |limit: Option<&str>, before: Option<&str>, after: Option<&str>| Params {
            format: None,
            limit: limit.map(Into::into),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(wanted(&params(None, None, None)).unwrap(), (Page::Newest, 50));
        let (page, limit) = wanted(&params(Some("200"), Some(id), None)).unwrap();
        assert_eq!((page, limit), (Page::Before(id.parse().unwrap()), 200));
        for (limit, before, after, field) in [
            (Some("0"), None, None, "limit"),
            (Some("201"), None, None, "limit"),
            (Some("x"), None, None, "limit"),
            (None, Some("x"), None, "before"),
            (None, None, Some("x"), "after"),
            (None, Some(id), Some(id), "after"),
        ] {
            assert_eq!(wanted(&params(limit, before, after)).unwrap_err().field, field);
        }
    }
}
