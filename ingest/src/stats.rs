//! `GET /v1/videos/{video}/stats`: a video's numbers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use common::{
    openapi::{
        COMMENTS,
        refusals::{NoStore, NoSuch},
    },
    path::VideoPath,
    problem::Problem,
    totals::Counter,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Ingest;

/// A video's numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stats {
    /// Stored and not deleted, since this was first counted.
    comments: u64,
    /// At present; `null` while that can't be known.
    #[schema(required = true)]
    viewers: Option<u64>,
    /// Streams opened; coming back with a cursor is not counted.
    views: u64,
    /// By kind: all that are configured, and those that there were.
    reactions: BTreeMap<String, u64>,
}

/// Read a video's numbers
///
/// They are half a second old at most; all but `viewers` come also while Redis is away.
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/stats",
    operation_id = "getStats",
    tag = COMMENTS,
    params(VideoPath),
    security((), ("token" = []), ("development" = [])),
    responses((status = 200, body = Stats, description = "Its numbers."), NoSuch, NoStore),
)]
pub(crate) async fn get(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
) -> Result<Json<Stats>, Problem> {
    ingest.gate.check_registered(&video).await?;
    let _place = ingest.reads.enter().await?;
    let numbers = ingest.refusals.of(ingest.counting.numbers(&video).await)?;
    let totals = &numbers.totals;
    let mut reactions: BTreeMap<_, _> =
        ingest.kinds.names().map(|kind| (kind.to_owned(), 0)).collect();
    reactions.extend(totals.reactions().map(|(kind, count)| (kind.to_owned(), count)));
    Ok(Json(Stats {
        comments: totals.comments(),
        viewers: numbers.viewers,
        views: totals.get(&Counter::VIEWS),
        reactions,
    }))
}
