//! A ticket: for one use, in a stream's URL.

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use super::{Bearer, Passes, Refused};
use crate::{
    ambient,
    auth::Principal,
    config::Secret,
    ids::{UserId, VideoId},
};

/// For how long a ticket can be used, seconds.
pub const TICKET_TTL_S: u64 = 30;

/// What tickets of this release are.
const VERSION: u8 = 1;

/// A new ticket.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Its text, `[A-Za-z0-9_.-]{1,1024}`: for its bearer alone.
    pub ticket: Secret,
    /// For how long it can be used, seconds.
    pub expires_in_s: u64,
}

/// A ticket that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Tells it from all others: to be remembered for [`TICKET_TTL_S`], and refused if it comes again.
    pub id: Uuid,
    /// Whom it lets in.
    pub bearer: Bearer,
}

/// What is signed.
#[derive(Serialize, Deserialize)]
struct Payload {
    v: u8,
    id: Uuid,
    video: VideoId,
    user: UserId,
    /// The ticket's own.
    exp: u64,
    token_exp: Option<u64>,
}

impl Passes {
    /// A ticket for the video's stream; whether `principal` may watch it has been checked. `now_s` is
    /// seconds since 1970.
    #[must_use]
    pub fn ticket(&self, video: &VideoId, principal: &Principal, now_s: u64) -> Issued {
        let payload = Payload {
            v: VERSION,
            id: Builder::from_random_bytes(ambient::random_bytes()).into_uuid(),
            video: video.clone(),
            user: principal.author.id.clone(),
            exp: now_s.saturating_add(TICKET_TTL_S),
            token_exp: principal.expires_at(),
        };
        // Strings and numbers only: there is nothing in it that could fail to serialise.
        let payload = serde_json::to_vec(&payload).unwrap_or_default();
        Issued { ticket: self.tickets.close(&payload).into(), expires_in_s: TICKET_TTL_S }
    }

    /// The ticket that `text` is, for the video's stream at `now_s`, seconds since 1970. Whether it
    /// was used before is not known here.
    ///
    /// # Errors
    /// When it lets nobody in, and why; a 401 as a [`Problem`](crate::problem::Problem).
    pub fn check_ticket(&self, video: &VideoId, text: &str, now_s: u64) -> Result<Ticket, Refused> {
        let payload = self.tickets.open(text).ok_or(Refused::Unknown)?;
        let payload = serde_json::from_slice::<Payload>(&payload);
        let Payload { id, video: of, user, exp, token_exp, .. } =
            payload.ok().filter(|payload| payload.v == VERSION).ok_or(Refused::Unknown)?;
        let bearer = Bearer { user, expires_at: token_exp };
        if of != *video {
            return Err(Refused::OtherVideo);
        }
        if now_s >= exp || !bearer.is_good(now_s) {
            return Err(Refused::Expired);
        }
        Ok(Ticket { id, bearer })
    }
}
