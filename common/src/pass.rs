//! Passes: what lets a browser's EventSource into a stream, for it can't send a token.
//!
//! Whoever has a token asks for a *ticket* ([`ticket`]), which stands in the stream's URL and is good
//! for one use within 30 s. With the first use comes a *cookie* ([`cookie`]), which is good for that
//! stream alone until the token expires: an EventSource comes back with the same URL. Both are
//! signed ([`seal`]) by a key that all roles derive from `internal.secret`, so that any of them takes
//! what another one gave. That a ticket is used only once is for whoever takes it to see to, by its
//! id.

use crate::{
    ambient,
    config::Config,
    ids::UserId,
    problem::{Code, Problem},
};

pub use cookie::COOKIE;
use seal::Seal;
pub use ticket::{Issued, TICKET_TTL_S, Ticket};

mod cookie;
mod seal;
#[cfg(test)]
mod tests;
mod ticket;

/// What is signed for one purpose is nothing for the other.
const TICKETS: &str = "chorus: ticket of a stream, version 1";
const COOKIES: &str = "chorus: cookie of a stream, version 1";

/// Gives and checks passes.
pub struct Passes {
    tickets: Seal,
    cookies: Seal,
}

impl Passes {
    /// Signs by `internal.secret`, and also takes what was signed by `internal.secret_previous`.
    /// Without a secret (only `all` may) by a key of this process: its passes end with it.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let own = ambient::random_bytes::<32>();
        let secret = match config.internal.secret.expose() {
            "" => &own,
            secret => secret.as_bytes(),
        };
        let previous = config.internal.secret_previous.expose();
        let previous = (!previous.is_empty()).then_some(previous.as_bytes());
        let seal = |purpose| Seal::new(purpose, secret, previous);
        Self { tickets: seal(TICKETS), cookies: seal(COOKIES) }
    }
}

/// Whom a pass lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Who asked for the ticket.
    pub user: UserId,
    /// When their token expires, and with it the stream, seconds since 1970; `None` in development
    /// mode, which has no tokens.
    pub expires_at: Option<u64>,
}

impl Bearer {
    fn is_good(&self, now_s: u64) -> bool {
        self.expires_at.is_none_or(|expires_at| now_s < expires_at)
    }
}

/// Why a ticket lets nobody in; follows "bad ticket: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody with our secret made it, or a release that we don't understand.
    #[error("it is none of ours")]
    Unknown,
    /// It opens another stream.
    #[error("it is for another video")]
    OtherVideo,
    /// It is older than [`TICKET_TTL_S`], or its token has expired.
    #[error("it has expired")]
    Expired,
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::new(Code::Unauthorized, format!("bad ticket: {refused}"))
    }
}
