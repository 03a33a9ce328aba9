//! `GET …/comments?format=ndjson`: all comments of a video, oldest first, a line each.

use std::sync::Arc;

use async_stream::try_stream;
use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use common::{
    comment::Comment,
    comment_store::{Page, StoreError},
    ids::{CommentId, VideoId},
    problem::Problem,
};

use crate::{Ingest, places::Place};

/// Comments read at a time.
const PAGE_LEN: usize = 500;

/// The whole of it, as it is read: memory for one page is all that it takes. A store that can't be
/// reached is told as such; if it fails on the way the body is cut off, which a client can tell from
/// its end.
pub(crate) async fn all(ingest: Arc<Ingest>, video: VideoId) -> Result<Response, Problem> {
    let place = ingest.reads.enter().await?;
    let first = ingest.comments.list(&video, Page::After(first_id()), PAGE_LEN).await;
    let first = ingest.refusals.of(first)?;
    let media_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((media_type, Body::from_stream(lines(ingest, video, first, place))).into_response())
}

fn lines(
    ingest: Arc<Ingest>,
    video: VideoId,
    first: Vec<Comment>,
    place: Place,
) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    try_stream! {
        let _place = place;
        let mut page = first;
        while let Some(last) = page.last().map(|last| last.id) {
            let mut lines = Vec::new();
            for comment in &page {
                lines.extend(comment.to_json());
                lines.push(b'\n');
            }
            yield Bytes::from(lines);
            if page.len() < PAGE_LEN {
                break;
            }
            page = ingest.comments.list(&video, Page::After(last), PAGE_LEN).await?;
        }
    }
}

/// Before every comment.
fn first_id() -> CommentId {
    const FIRST: &str = "00000000-0000-7000-8000-000000000000";
    // It is a UUIDv7, so it is taken.
    FIRST.parse().unwrap_or_else(|_| CommentId::now())
}
