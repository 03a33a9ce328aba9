//! Why a stream ends for good, and who a viewer is as far as that matters.

use bytes::{BufMut, Bytes, BytesMut};
use common::ids::UserId;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

/// Why a viewer is not to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EndReason)]
pub(crate) enum End {
    /// The video has ended.
    Ended,
    /// The viewer was banned.
    Banned,
    /// The viewer's token has run out.
    Expired,
}

/// The stream's last event: what this URL gives any more is 204 (or 401 once the token has expired).
#[derive(Serialize, ToSchema)]
#[schema(as = End)]
pub(crate) struct Ended {
    reason: End,
}

/// Says with 204 why: an answer without events.
pub const REASON: &str = "chorus-end";

impl End {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Banned => "banned",
            Self::Expired => "expired",
        }
    }

    /// The stream's last event.
    pub(crate) fn frame(self) -> Bytes {
        metrics::counter!("chorus_gateway_ends_total", "why" => self.as_str()).increment(1);
        let mut out = BytesMut::new();
        out.put_slice(b"event: end\ndata: ");
        out.put_slice(&serde_json::to_vec(&Ended { reason: self }).unwrap_or_default());
        out.put_slice(b"\n\n");
        out.freeze()
    }
}

/// Whoever has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) user: UserId,
    /// When what they have shown runs out; `None`: never.
    pub(crate) until: Option<Instant>,
}

impl Who {
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_frames() {
        let frames = [End::Ended, End::Banned, End::Expired].map(End::frame);
        let golden = ["ended", "banned", "expired"]
            .map(|reason| format!("event: end\ndata: {{\"reason\":\"{reason}\"}}\n\n"));
        assert_eq!(frames, golden);
    }
}
