//! What moderators and producers do to a video's room.
//!
//! [`action`] is what was done: it stands in the video's journal, sets slots of its room, and is told
//! live; [`act`] is how. [`settings`], [`bans`], [`pins`], [`videos`], [`deletion`] and [`reports`] are
//! what may be asked for, [`log`] what was done, [`paging`] how lists are read; [`rules`] applies the
//! room to comments ([`words`] some of it), and [`filling`] brings it to gateways that don't know it.

use std::sync::Arc;

use axum::http::HeaderMap;
use common::{auth::Principal, ids::VideoId, problem::Problem};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::Ingest;

pub(crate) mod act;
pub(crate) mod action;
mod bans;
pub(crate) mod deletion;
pub(crate) mod filling;
mod log;
mod paging;
mod pins;
mod reports;
pub(crate) mod rules;
mod settings;
mod videos;
mod words;

/// What moderators, producers and those who report ask for.
pub(crate) fn router() -> OpenApiRouter<Arc<Ingest>> {
    OpenApiRouter::default()
        .routes(routes!(videos::put))
        .routes(routes!(settings::put, settings::get))
        .routes(routes!(bans::list))
        .routes(routes!(bans::put, bans::delete))
        .routes(routes!(pins::put, pins::delete))
        .routes(routes!(reports::post))
        .routes(routes!(reports::list))
        .routes(routes!(log::list))
}

impl Ingest {
    /// Who asks, if they may moderate the video, and there is one.
    pub(crate) async fn moderator(
        &self,
        video: &VideoId,
        headers: &HeaderMap,
    ) -> Result<Principal, Problem> {
        let principal = self.authenticator.require(headers, None).await?;
        principal.check_moderator(video)?;
        self.gate.check_registered(video).await?;
        Ok(principal)
    }
}
