//! Why there can be no Redis at this address, in one line that says what to do.

use common::config::mask_url;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// No connection to Redis, and waiting would not help.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not an address that this release speaks to.
    #[error(
        "live.url {url} is no address of a Redis: expected redis://[user:password@]host:port[/db], redis+sentinel://[user:password@]host:port,host:port/master[/db] or redis+cluster://[user:password@]host:port,host:port, with rediss for TLS{why}"
    )]
    Address {
        /// As configured, password masked.
        url: String,
        /// What is wrong with it; begins with a separator, or is empty.
        why: String,
    },
    /// It answers, but not to us.
    #[error("Redis at {url} refuses us: set user and password in live.url ({why})")]
    Refused {
        /// Where, password masked.
        url: String,
        /// What it said.
        why: String,
    },
}

impl ConnectError {
    pub(super) fn address(url: &str, why: &str) -> Self {
        let why = if why.is_empty() { String::new() } else { format!("; {why}") };
        Self::Address { url: mask_url(url), why }
    }

    pub(super) fn refused(url: &str, error: &RedisError) -> Self {
        Self::Refused { url: mask_url(url), why: error.to_string() }
    }
}

/// Whether trying again can't help.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm)
    ) || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}
