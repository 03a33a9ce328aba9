//! `…/moderation-log`: who did what, and when.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    http::HeaderMap,
};
use common::{
    ids::{ActionId, VideoId},
    openapi::{
        MODERATION,
        refusals::{BadQuery, NoStore, NoSuch, Stranger},
    },
    path::VideoPath,
    problem::Problem,
    room_store::Journal,
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use super::{
    action::Record,
    paging::{NewestFirst, Paging},
};
use crate::Ingest;

/// A page of the moderation log, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModerationLog)]
pub(crate) struct Log {
    actions: Vec<Record>,
    /// What to give as `before` for the next page; `null` at the end.
    #[schema(required = true)]
    next: Option<ActionId>,
}

/// Read who did what, and when
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/moderation-log",
    operation_id = "readModerationLog",
    tag = MODERATION,
    params(VideoPath, NewestFirst),
    responses((status = 200, body = Log, description = "A page."), BadQuery, Stranger, NoSuch, NoStore),
)]
pub(crate) async fn list(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Result<Json<Log>, Problem> {
    ingest.moderator(&video, &headers).await?;
    let (actions, next) = ingest.notes(&video, Journal::Moderation, &paging).await?;
    Ok(Json(Log { actions, next }))
}

impl Ingest {
    /// A page of a journal, and where the next one begins. What isn't an entry is passed over.
    pub(super) async fn notes<T: DeserializeOwned>(
        &self,
        video: &VideoId,
        journal: Journal,
        paging: &Paging,
    ) -> Result<(Vec<T>, Option<ActionId>), Problem> {
        let (limit, before) = paging.before()?;
        let _place = self.reads.enter().await?;
        let notes = self.rooms.notes(video, journal, before, limit + 1).await;
        let mut notes = self.refusals.of(notes)?;
        let is_more = notes.len() > limit;
        notes.truncate(limit);
        let next = notes.last().filter(|_| is_more).map(|note| note.id);
        let entries = notes.iter().filter_map(|note| serde_json::from_str(&note.value).ok());
        Ok((entries.collect(), next))
    }
}
