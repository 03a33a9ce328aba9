//! A cookie: lets who had a ticket come back to that stream.

use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::{Bearer, Passes};
use crate::ids::{UserId, VideoId};

/// The cookie's name.
pub const COOKIE: &str = "chorus_stream";

/// What cookies of this release are.
const VERSION: u8 = 1;
/// For how long a browser keeps one whose bearer has no token, seconds: a day.
const AGE_S: u64 = 24 * 3_600;
/// Browsers keep none for longer, seconds: 400 days.
const AGE_MAX_S: u64 = 400 * AGE_S;

/// What is signed.
#[derive(Serialize, Deserialize)]
struct Payload {
    v: u8,
    video: VideoId,
    user: UserId,
    token_exp: Option<u64>,
}

impl Passes {
    /// The value of `Set-Cookie` for whoever came with a ticket. Browsers send it to that stream
    /// alone, never along with another site's request, and show it to no script; `secure`: only over
    /// TLS. `now_s` is seconds since 1970.
    #[must_use]
    pub fn cookie(
        &self,
        video: &VideoId,
        bearer: &Bearer,
        secure: bool,
        now_s: u64,
    ) -> HeaderValue {
        let Bearer { user, expires_at } = bearer.clone();
        let payload = Payload { v: VERSION, video: video.clone(), user, token_exp: expires_at };
        // Strings and numbers only: there is nothing in it that could fail to serialise.
        let text = self.cookies.close(&serde_json::to_vec(&payload).unwrap_or_default());
        let age_s = expires_at.map_or(AGE_S, |expires_at| expires_at.saturating_sub(now_s));
        let age_s = age_s.min(AGE_MAX_S);
        let secure = if secure { "; Secure" } else { "" };
        let value = format!(
            "{COOKIE}={text}; Path=/v1/videos/{video}/stream; Max-Age={age_s}; HttpOnly; \
             SameSite=Strict{secure}"
        );
        // Base64url and the letters of a video's id: there is nothing in it that a header can't hold.
        let value = HeaderValue::try_from(value);
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    /// Whom a request's cookies let into the video's stream at `now_s`, seconds since 1970. Any of
    /// several of that name may: who can set cookies for a whole domain can't lock others out.
    #[must_use]
    pub fn check_cookie(&self, video: &VideoId, headers: &HeaderMap, now_s: u64) -> Option<Bearer> {
        headers.get_all(header::COOKIE).into_iter().find_map(|line| {
            // Another cookie may hold what is no text.
            let line = String::from_utf8_lossy(line.as_bytes());
            let named = line.split(';').filter_map(|cookie| cookie.trim().split_once('='));
            let mut ours = named.filter(|(name, _)| *name == COOKIE);
            ours.find_map(|(_, text)| self.bearer(video, text, now_s))
        })
    }

    fn bearer(&self, video: &VideoId, text: &str, now_s: u64) -> Option<Bearer> {
        let payload: Payload = serde_json::from_slice(&self.cookies.open(text)?).ok()?;
        let bearer = Bearer { user: payload.user, expires_at: payload.token_exp };
        let good = payload.v == VERSION && payload.video == *video && bearer.is_good(now_s);
        good.then_some(bearer)
    }
}
