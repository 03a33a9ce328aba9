//! `POST …/tickets`: what lets a browser's EventSource in, which can't send a token.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{ambient, path::VideoPath, problem::Problem};
use serde::Serialize;

use crate::Ingest;

/// A new ticket.
#[derive(Debug, Serialize)]
pub(crate) struct Ticket<'t> {
    /// For `stream?ticket=`; good for one use.
    ticket: &'t str,
    /// Seconds.
    expires_in: u64,
}

/// Gives one to whoever may watch the video.
pub(crate) async fn post(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let principal = ingest.authenticator.require(&headers, None).await?;
    principal.check_video(&video)?;
    ingest.gate.check_registered(&video).await?;
    let issued = ingest.passes.ticket(&video, &principal, ambient::unix_ms() / 1_000);
    let ticket = Ticket { ticket: issued.ticket.expose(), expires_in: issued.expires_in_s };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(ticket)).into_response())
}
