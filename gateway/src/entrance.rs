//! Who asks for a stream, and whether they are let in: by token, by ticket, or by the cookie that the
//! ticket's first use brought.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderValue};
use common::{
    ambient,
    auth::Authenticator,
    config::ViewerAuth,
    ids::{UserId, VideoId},
    limiter::{Ask, Bucket, Key, Limiter, Rate, Verdict},
    pass::{Bearer, Passes, Ticket},
    problem::{Code, Problem},
};
use tokio::time::{Instant, timeout};

use crate::ending::Who;

/// For how long a used ticket is remembered: longer than it can be used.
const USED_KEPT: Duration = Duration::from_secs(60);
/// Longest wait for who remembers them. Without an answer the signature has to do.
const PATIENCE: Duration = Duration::from_millis(250);

/// What lets viewers in.
pub(crate) struct Entrance {
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) passes: Arc<Passes>,
    /// Remembers used tickets, for all gateways.
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) viewers: ViewerAuth,
}

/// Somebody who is let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// `None`: nobody knows who it is.
    pub(crate) who: Option<Who>,
    /// What a browser is to bring when it comes back.
    pub(crate) cookie: Option<HeaderValue>,
}

/// What a request shows.
pub(crate) struct Shown<'r> {
    pub(crate) headers: &'r HeaderMap,
    pub(crate) ticket: Option<&'r str>,
    /// It came over TLS, to us or to a proxy of ours.
    pub(crate) is_secure: bool,
}

impl Entrance {
    /// Lets somebody into a video's stream.
    pub(crate) async fn admit(
        &self,
        video: &VideoId,
        shown: Shown<'_>,
    ) -> Result<Admitted, Problem> {
        let Shown { headers, ticket, is_secure } = shown;
        if let Some(principal) = self.authenticator.identify(headers).await? {
            principal.check_video(video)?;
            let expires_at = principal.expires_at();
            return known(principal.author.id, expires_at, None);
        }
        let now_s = ambient::unix_ms() / 1_000;
        if let Some(text) = ticket {
            let refusal = match self.passes.check_ticket(video, text, now_s) {
                Ok(ticket) if self.is_first_use(&ticket).await => {
                    let Bearer { user, expires_at } = ticket.bearer.clone();
                    let cookie = self.passes.cookie(video, &ticket.bearer, is_secure, now_s);
                    return known(user, expires_at, Some(cookie));
                }
                Ok(_) => Problem::new(Code::Unauthorized, "bad ticket: it was used before"),
                Err(refused) => refused.into(),
            };
            // A bare EventSource comes back with the URL that it came with.
            let bearer = self.passes.check_cookie(video, headers, now_s).ok_or(refusal)?;
            return known(bearer.user, bearer.expires_at, None);
        }
        match self.passes.check_cookie(video, headers, now_s) {
            Some(bearer) => known(bearer.user, bearer.expires_at, None),
            None if self.viewers == ViewerAuth::Required => {
                Err(Problem::new(Code::Unauthorized, "this stream needs a token or a ticket"))
            }
            None => Ok(Admitted { who: None, cookie: None }),
        }
    }

    /// A ticket opens one stream, whichever gateway it is shown to: a bucket that holds one and does
    /// not fill again while the ticket could be used.
    async fn is_first_use(&self, ticket: &Ticket) -> bool {
        let key = Key::of("ticket", &[&ticket.id.to_string()]);
        let own = Rate::once_in(USED_KEPT).map(|rate| Bucket { key, rate }).into_iter().collect();
        let author = ticket.bearer.user.clone();
        let ask = Ask { author, token: None, own, shared: Vec::new() };
        match timeout(PATIENCE, self.limiter.admit(&ask)).await {
            Ok(Ok(verdict)) => verdict == Verdict::Admitted,
            Ok(Err(_)) | Err(_) => {
                metrics::counter!("chorus_gateway_tickets_unchecked_total").increment(1);
                true
            }
        }
    }
}

/// Somebody who has shown who they are. A token is good for a few seconds longer than it says, for
/// clocks differ; a stream is not.
fn known(
    user: UserId,
    expires_at: Option<u64>,
    cookie: Option<HeaderValue>,
) -> Result<Admitted, Problem> {
    let until = match expires_at {
        None => None,
        Some(at) => {
            let left_ms = at.saturating_mul(1_000).saturating_sub(ambient::unix_ms());
            if left_ms == 0 {
                return Err(Problem::new(Code::Unauthorized, "the token has expired"));
            }
            // What is further away than clocks can tell never comes.
            Instant::now().checked_add(Duration::from_millis(left_ms))
        }
    };
    Ok(Admitted { who: Some(Who { user, until }), cookie })
}

#[cfg(test)]
mod tests;
