//! Who asks: HS256 tokens, and development mode's `X-Chorus-User`.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    ambient,
    comment::Author,
    config::Config,
    ids::{UserId, VideoId},
    problem::{Code, Problem},
};

/// Development mode's header for the author.
pub const DEVELOPMENT_USER: &str = "x-chorus-user";
/// How far clocks may differ when a token's times are checked, seconds.
const LEEWAY_S: u64 = 5;
/// Longest shown name, bytes.
const NAME_LEN_MAX: usize = 128;
/// Longest address of a picture, bytes.
const AVATAR_LEN_MAX: usize = 1024;

/// What a token's bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches.
    Viewer,
    /// Also comments: what a token without a role is.
    Commenter,
    /// Also moderates.
    Moderator,
    /// Also sends events and runs polls.
    Producer,
    /// Everything.
    Admin,
}

/// A token's claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Who: the author's id.
    pub sub: String,
    /// Until when, seconds since 1970.
    pub exp: u64,
    /// Shown name; `sub` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Address of a picture, https only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// The only videos it is good for; all when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub videos: Option<Vec<String>>,
}

impl Claims {
    /// Claims for `sub` that run out after `ttl`.
    #[must_use]
    pub fn new(sub: impl Into<String>, ttl: Duration) -> Self {
        let exp = jsonwebtoken::get_current_timestamp().saturating_add(ttl.as_secs());
        Self { sub: sub.into(), exp, name: None, role: None, avatar: None, videos: None }
    }
}

/// A token of HS256 for the claims.
///
/// # Errors
/// When the claims can't be serialised.
pub fn sign(secret: &str, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
}

/// Somebody whose identity was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// How they are shown.
    pub author: Author,
    role: Role,
    videos: Option<Vec<String>>,
}

impl Principal {
    /// Whether the token is good for the video at all.
    ///
    /// # Errors
    /// 403 when the token names videos and this is none of them.
    pub fn check_video(&self, video: &VideoId) -> Result<(), Problem> {
        match &self.videos {
            Some(videos) if !videos.iter().any(|allowed| allowed == video.as_str()) => {
                Err(Problem::new(Code::Forbidden, "the token is not for this video"))
            }
            _ => Ok(()),
        }
    }

    /// Whether they may comment on the video.
    ///
    /// # Errors
    /// 403 for viewers' tokens and tokens of other videos.
    pub fn check_commenter(&self, video: &VideoId) -> Result<(), Problem> {
        if self.role == Role::Viewer {
            return Err(Problem::new(Code::Forbidden, "a viewer's token can't comment"));
        }
        self.check_video(video)
    }
}

/// Checks who asks, the way the configuration says.
pub struct Authenticator {
    key: Option<DecodingKey>,
    validation: Validation,
    development: bool,
}

impl Authenticator {
    /// Tokens by `auth.hs256_secret`; development mode when `all` has no secret.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let secret = &config.auth.hs256_secret;
        let key =
            (!secret.is_empty()).then(|| DecodingKey::from_secret(secret.expose().as_bytes()));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        Self { key, validation, development: config.is_development() }
    }

    /// Who asks, or `None` when nobody is named.
    ///
    /// # Errors
    /// 401 when somebody is named who can't be believed.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer).ok_or_else(|| {
                Problem::new(Code::Unauthorized, "Authorization must be `Bearer <token>`")
            })?;
            return self.check_token(token).map(Some);
        }
        match headers.get(DEVELOPMENT_USER) {
            Some(value) if self.development => {
                let id = str::from_utf8(value.as_bytes()).ok().and_then(|id| id.parse().ok());
                let id = id.ok_or_else(|| {
                    Problem::new(Code::Unauthorized, "X-Chorus-User is not a user id")
                })?;
                Ok(Some(developer(id)))
            }
            _ => Ok(None),
        }
    }

    /// Who asks, somebody at any rate: in development mode a guest, named after `seed` (so that a
    /// repeated request is the same guest's) or by chance.
    ///
    /// # Errors
    /// 401 when nobody believable is named.
    pub fn require(&self, headers: &HeaderMap, seed: Option<&[u8]>) -> Result<Principal, Problem> {
        match self.identify(headers)? {
            Some(principal) => Ok(principal),
            None if self.development => {
                let number =
                    seed.map_or_else(|| ambient::random_range(0..u32::MAX), crc32fast::hash);
                guest(number).ok_or_else(|| Problem::new(Code::Internal, "no guest name"))
            }
            None => Err(Problem::new(Code::Unauthorized, "a token is needed")),
        }
    }

    fn check_token(&self, token: &str) -> Result<Principal, Problem> {
        let bad = |why: &str| Problem::new(Code::Unauthorized, format!("bad token: {why}"));
        let key = self.key.as_ref().ok_or_else(|| bad("no key is configured to check it with"))?;
        let checked = jsonwebtoken::decode::<Claims>(token, key, &self.validation);
        let claims = checked.map_err(|error| bad(&error.to_string()))?.claims;
        principal(claims).ok_or_else(|| bad("sub, name or avatar is not acceptable"))
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn principal(claims: Claims) -> Option<Principal> {
    let id: UserId = claims.sub.parse().ok()?;
    let name = claims.name.unwrap_or_else(|| id.to_string());
    let name_ok = !name.trim().is_empty()
        && name.len() <= NAME_LEN_MAX
        && !name.chars().any(char::is_control);
    let avatar_ok = claims.avatar.as_ref().is_none_or(|url| is_picture(url));
    let role = claims.role;
    let shown = role.and_then(|role| serde_json::to_value(role).ok()?.as_str().map(str::to_owned));
    (name_ok && avatar_ok).then(|| Principal {
        author: Author { id, name, role: shown, avatar: claims.avatar },
        role: role.unwrap_or(Role::Commenter),
        videos: claims.videos,
    })
}

fn is_picture(url: &str) -> bool {
    url.len() <= AVATAR_LEN_MAX
        && url.starts_with("https://")
        && url.parse::<axum::http::Uri>().is_ok()
}

/// Development mode trusts whoever asks with everything: it listens on loopback only.
fn developer(id: UserId) -> Principal {
    let author = Author { name: id.to_string(), id, role: None, avatar: None };
    Principal { author, role: Role::Admin, videos: None }
}

fn guest(number: u32) -> Option<Principal> {
    format!("guest-{number:08x}").parse().ok().map(developer)
}

#[cfg(test)]
mod tests;
