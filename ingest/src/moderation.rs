//! What moderators and producers do to a video's room.
//!
//! [`action`] is what was done: it stands in the video's journal, sets slots of its room, and is told
//! live; [`act`] is how. [`settings`], [`bans`], [`pins`], [`videos`], [`deletion`] and [`reports`] are
//! what may be asked for, [`log`] what was done, [`paging`] how lists are read; [`rules`] applies the
//! room to comments ([`words`] some of it), and [`filling`] brings it to gateways that don't know it.

use axum::{
    Router,
    http::HeaderMap,
    routing::{get, post, put},
};
use common::{auth::Principal, ids::VideoId, problem::Problem};
use std::sync::Arc;

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
pub(crate) fn router() -> Router<Arc<Ingest>> {
    Router::new()
        .route("/v1/videos/{video}", put(videos::put))
        .route("/v1/videos/{video}/settings", put(settings::put).get(settings::get))
        .route("/v1/videos/{video}/bans", get(bans::list))
        .route("/v1/videos/{video}/bans/{user}", put(bans::put).delete(bans::delete))
        .route("/v1/videos/{video}/pin", put(pins::put).delete(pins::delete))
        .route("/v1/videos/{video}/comments/{id}/reports", post(reports::post))
        .route("/v1/videos/{video}/reports", get(reports::list))
        .route("/v1/videos/{video}/moderation-log", get(log::list))
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
