//! One clock for posting and watching, so that their times can be subtracted.

use std::time::{Duration, Instant};

/// Microseconds since the run began.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn micros(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When this clock will say `micros`.
    pub(crate) fn instant(self, micros: u64) -> tokio::time::Instant {
        (self.0 + Duration::from_micros(micros)).into()
    }
}

/// Deliveries keep their time in ticks of 10 µs: half the memory of whole microseconds, and the
/// clock still lasts 11.9 hours.
const TICK_US: u64 = 10;

/// The longest run that ticks can count.
pub(crate) const RUN_MAX: Duration = Duration::from_secs(11 * 3600);

pub(crate) fn to_ticks(micros: u64) -> u32 {
    u32::try_from(micros / TICK_US).unwrap_or(u32::MAX)
}

pub(crate) fn from_ticks(ticks: u32) -> u64 {
    u64::from(ticks) * TICK_US
}
