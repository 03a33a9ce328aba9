//! How long a comment may be announced without the risk that it is shown twice.

use std::time::Duration;

/// How far the clocks of an ingest node (in a comment's id) and of Redis may be apart, and how long
/// an announcement may be under way, together.
const SLACK: Duration = Duration::from_secs(5);

/// The time after a first announcement in which the live log is sure to know it again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    len_ms: u64,
    clock: Clock,
}

/// Tells milliseconds since 1970.
type Clock = fn() -> u64;

impl Window {
    /// Of a live log that knows an id for `dedup_s` after it came first; more than the slack, which
    /// the configuration sees to.
    pub(crate) fn new(dedup_s: u64, clock: Clock) -> Self {
        Self { len_ms: ms(Duration::from_secs(dedup_s).saturating_sub(SLACK)), clock }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    /// Until when a comment may be announced that nobody can have announced before `since_ms`.
    pub(crate) fn from(&self, since_ms: u64) -> Until {
        Until { end_ms: Some(since_ms.saturating_add(self.len_ms)), clock: self.clock }
    }

    /// For what may be announced at any time.
    pub(crate) fn endless(&self) -> Until {
        Until { end_ms: None, clock: self.clock }
    }
}

/// When a window closes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    end_ms: Option<u64>,
    clock: Clock,
}

impl Until {
    /// Whether it has closed.
    pub(crate) fn is_past(&self) -> bool {
        self.end_ms.is_some_and(|end_ms| (self.clock)() > end_ms)
    }

    /// The last moment, milliseconds since 1970; `None` when it never closes.
    pub(crate) fn end_ms(&self) -> Option<u64> {
        self.end_ms
    }
}

/// Milliseconds of a duration.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
