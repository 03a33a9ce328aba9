//! A clock that agrees with the calendar at the start and never jumps after it.

use std::sync::atomic::{AtomicU64, Ordering};

use common::{ambient, live_log::next_epoch, position::Epoch};
use tokio::time::Instant;

pub(super) struct Clock {
    started_us: u64,
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        let started_us = u64::try_from(ambient::since_1970().as_micros()).unwrap_or(u64::MAX / 2);
        Self { started_us, started: Instant::now() }
    }

    /// Microseconds since 1970.
    pub(super) fn now_us(&self) -> u64 {
        self.started_us + u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX / 2)
    }

    /// Milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_us() / 1_000
    }
}

/// An epoch greater than all that were claimed before it.
pub(super) fn claim_epoch(last: &AtomicU64, now_us: u64) -> Epoch {
    let next = |last| next_epoch(now_us, Some(Epoch(last))).0;
    let before = last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    Epoch(next(before.unwrap_or_else(|last| last)))
}
