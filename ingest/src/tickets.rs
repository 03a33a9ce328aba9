//! `POST …/tickets`: what lets a browser's EventSource in, which can't send a token.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    ambient,
    openapi::{
        STREAM,
        refusals::{Away, NoSuch, Stranger},
    },
    path::VideoPath,
    problem::Problem,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Ingest;

/// A new ticket.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ticket<'t> {
    /// For `stream?ticket=`; good for one use.
    ticket: &'t str,
    /// Seconds for which it can be used.
    expires_in: u64,
}

/// Get a ticket for the stream
///
/// For browsers, whose EventSource can't send a token. The ticket's first use sets a cookie, by which
/// the same EventSource comes back until the token expires.
#[utoipa::path(
    post,
    path = "/v1/videos/{video}/tickets",
    operation_id = "createTicket",
    tag = STREAM,
    params(VideoPath),
    responses((status = 201, body = Ticket, description = "The ticket."), Stranger, NoSuch, Away),
)]
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
