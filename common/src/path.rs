//! What a public path names, read the same way by every role: anything else is 404, never 400.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use utoipa::IntoParams;

use crate::{
    ids::{CommentId, UserId, VideoId},
    problem::{Code, Problem},
};

/// `/v1/videos/{video}…`
#[derive(Debug, Clone, IntoParams)]
#[into_params(names("video"), parameter_in = Path)]
pub struct VideoPath(#[param(inline)] pub VideoId);

/// `/v1/videos/{video}/comments/{id}`
#[derive(Debug, Clone, IntoParams)]
#[into_params(names("video", "id"), parameter_in = Path)]
pub struct CommentPath(#[param(inline)] pub VideoId, #[param(inline)] pub CommentId);

/// `/v1/videos/{video}/bans/{user}`
#[derive(Debug, Clone, IntoParams)]
#[into_params(names("video", "user"), parameter_in = Path)]
pub struct UserPath(#[param(inline)] pub VideoId, #[param(inline)] pub UserId);

impl<S: Send + Sync> FromRequestParts<S> for VideoPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let video = path.ok().and_then(|Path(video)| video.parse().ok());
        video.map(Self).ok_or_else(|| Problem::new(Code::NotFound, "there is no such video"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CommentPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let both = path.ok().and_then(|Path((video, id))| video.parse().ok().zip(id.parse().ok()));
        let unknown = || Problem::new(Code::NotFound, "there is no such comment");
        both.map(|(video, id)| Self(video, id)).ok_or_else(unknown)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let both =
            path.ok().and_then(|Path((video, user))| video.parse().ok().zip(user.parse().ok()));
        let unknown = || Problem::new(Code::NotFound, "there is no such user");
        both.map(|(video, user)| Self(video, user)).ok_or_else(unknown)
    }
}
