//! Why a start without Redis ends, in one line that says what to do.

use common::config::mask_url;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// No connection to Redis at start.
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
    /// Nobody answers.
    #[error("can't reach Redis at {url}: start it, or set live.url ({why})")]
    Unreachable {
        /// Where, password masked.
        url: String,
        /// What the last attempt ended with.
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

    pub(super) fn new(url: &str, error: &RedisError) -> Self {
        let (url, why) = (mask_url(url), error.to_string());
        if is_refusal(error) { Self::Refused { url, why } } else { Self::Unreachable { url, why } }
    }
}

/// Whether trying again can't help.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm)
    ) || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}
