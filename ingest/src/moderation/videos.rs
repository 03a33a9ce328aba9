//! `/v1/videos/{video}`: a video is registered, named, ended, opened again.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use common::{
    ids::VideoId,
    openapi::{
        MODERATION,
        refusals::{BadBody, NoStore, NoSuch, Stranger},
    },
    path::VideoPath,
    problem::Problem,
    room::VideoState,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::action::{Action, VideoSlot};
use crate::{Ingest, fields::Fields};

/// Longest title, in characters.
const TITLE_LEN_MAX: usize = 256;

/// A video, as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Video {
    video: VideoId,
    #[serde(flatten)]
    slot: VideoSlot,
}

/// What is to be known of a video.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `put` takes field by field")]
pub(crate) struct NewVideo {
    /// A line of text; none when missing.
    #[schema(
        max_length = 256,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        examples("Worlds 2016, final")
    )]
    title: Option<String>,
    state: VideoState,
}

/// Register, name, end or reopen a video
///
/// Replaces all that is known of it. One that has ended takes no comments, and its streams end.
#[utoipa::path(
    put,
    path = "/v1/videos/{video}",
    operation_id = "putVideo",
    tag = MODERATION,
    params(VideoPath),
    request_body = NewVideo,
    responses(
        (status = 200, body = Video, description = "It is so."),
        BadBody, Stranger, NoSuch, NoStore,
    ),
)]
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
    let is_right = title.as_deref().is_none_or(is_line);
    let why = format!("must be a line of at most {TITLE_LEN_MAX} characters");
    fields.check("title", is_right, &why);
    let state = fields.need::<VideoState>("state", "live or ended");
    let slot = fields.finish(VideoSlot { title, state: state.unwrap_or_default() })?;
    ingest.act(&video, &principal, Action::Video(slot.clone())).await?;
    Ok(Json(Video { video, slot }))
}

fn is_line(title: &str) -> bool {
    !title.chars().any(char::is_control) && title.chars().nth(TITLE_LEN_MAX).is_none()
}
