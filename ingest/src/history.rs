//! `GET …/comments` and `GET …/comments/{id}`: what the store has.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
use common::{
    comment::Comment,
    comment_store::{Page, Stored},
    ids::{CommentId, VideoId},
    path::{CommentPath, VideoPath},
    position::Cursor,
    problem::{Code, FieldError, Problem},
};
use serde::{Deserialize, Serialize};

use crate::Ingest;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// The query's fields; what they may be is checked in [`wanted`].
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Params {
    limit: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

/// The answer's body.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    comments: Vec<Comment>,
    /// Where the next page begins; `null` at the end.
    next: Option<CommentId>,
    /// A stream position: whatever is accepted after it comes by the stream.
    cursor: String,
}

/// Lists a page.
pub(crate) async fn list(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    Query(params): Query<Params>,
) -> Result<Json<Listed>, Problem> {
    let (page, limit) = wanted(&params).map_err(|error| Problem::invalid(vec![error]))?;
    let _place = ingest.reads.enter().await?;
    // The position first: what is accepted between the two reads stands in both, never in none.
    let cursor = ingest.position(&video).await;
    let listed = ingest.comments.list(&video, page, limit + 1).await;
    let mut comments = ingest.refusals.of(listed)?;
    let more = comments.len() > limit;
    comments.truncate(limit);
    let next = comments.last().filter(|_| more).map(|comment| comment.id);
    Ok(Json(Listed { comments, next, cursor: cursor.to_string() }))
}

/// One comment.
pub(crate) async fn one(
    State(ingest): State<Arc<Ingest>>,
    CommentPath(video, id): CommentPath,
) -> Result<Json<Comment>, Problem> {
    let _place = ingest.reads.enter().await?;
    let stored = ingest.refusals.of(ingest.comments.get(&video, id).await)?;
    let comment = stored.and_then(Stored::into_comment);
    comment.map(Json).ok_or_else(|| Problem::new(Code::NotFound, "there is no such comment"))
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
