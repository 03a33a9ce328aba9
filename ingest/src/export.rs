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
    comment_store::{Page, StoreError},
    ids::{CommentId, VideoId},
    problem::Problem,
};

use crate::{Ingest, places::Place};

/// Comments read at a time.
const PAGE_LEN: usize = 500;

/// The whole of it, as it is read: memory for one page is all that it takes. If the store fails on the
/// way the body is cut off, which a client can tell from its end.
pub(crate) async fn all(ingest: Arc<Ingest>, video: VideoId) -> Result<Response, Problem> {
    let place = ingest.reads.enter().await?;
    let media_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((media_type, Body::from_stream(lines(ingest, video, place))).into_response())
}

fn lines(
    ingest: Arc<Ingest>,
    video: VideoId,
    place: Place,
) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    try_stream! {
        let _place = place;
        let mut after = first_id();
        loop {
            let page = ingest.comments.list(&video, Page::After(after), PAGE_LEN).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            let is_last = page.len() < PAGE_LEN;
            let mut lines = Vec::new();
            for comment in &page {
                lines.extend(comment.to_json());
                lines.push(b'\n');
            }
            yield Bytes::from(lines);
            if is_last {
                break;
            }
        }
    }
}

/// Before every comment.
fn first_id() -> CommentId {
    const FIRST: &str = "00000000-0000-7000-8000-000000000000";
    // It is a UUIDv7, so it is taken.
    FIRST.parse().unwrap_or_else(|_| CommentId::now())
}
