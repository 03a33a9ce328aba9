//! `/v1/videos/{video}`: a video is registered, named, ended, opened again.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use common::{ids::VideoId, path::VideoPath, problem::Problem, room::VideoState};
use serde::Serialize;

use super::action::{Action, VideoSlot};
use crate::{Ingest, fields::Fields};

/// Longest title, in bytes.
const TITLE_LEN_MAX: usize = 256;

/// A video, as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Video {
    video: VideoId,
    #[serde(flatten)]
    slot: VideoSlot,
}

/// Replaces what is known of the video: a title that is left out is none.
pub(crate) async fn put(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Video>, Problem> {
    let principal = ingest.authenticator.require(&headers, None).await?;
    principal.check_producer(&video)?;
    let mut fields = Fields::read(&headers, body).await?;
    let title = fields.take::<String>("title", "a line of text");
    let is_line = title
        .as_ref()
        .is_none_or(|title| title.len() <= TITLE_LEN_MAX && !title.chars().any(char::is_control));
    let why = format!("must be a line of at most {TITLE_LEN_MAX} bytes");
    fields.check("title", is_line, &why);
    let is_missing = !fields.has("state");
    let state = fields.take::<VideoState>("state", "live or ended");
    fields.check("state", !is_missing, "is missing: live or ended");
    let slot = fields.finish(VideoSlot { title, state: state.unwrap_or_default() })?;
    ingest.act(&video, &principal, Action::Video(slot.clone())).await?;
    Ok(Json(Video { video, slot }))
}
