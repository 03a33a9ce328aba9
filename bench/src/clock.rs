//! One clock for posting and watching, so that their times can be subtracted.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Microseconds since the run began, by the machine's monotonic clock: processes can share it.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    zero_us: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { zero_us: monotonic_us() }
    }

    /// The clock of another process of this machine, which told its [`zero_us`](Self::zero_us).
    pub(crate) fn of(zero_us: u64) -> Self {
        Self { zero_us }
    }

    /// What the machine's clock said when this one began.
    pub(crate) fn zero_us(self) -> u64 {
        self.zero_us
    }

    pub(crate) fn micros(self) -> u64 {
        monotonic_us().saturating_sub(self.zero_us)
    }

    /// When this clock will say `micros`; now, if it has.
    pub(crate) fn instant(self, micros: u64) -> tokio::time::Instant {
        tokio::time::Instant::now() + Duration::from_micros(micros.saturating_sub(self.micros()))
    }
}

/// To be shown.
pub(crate) fn in_ms(micros: u64) -> f64 {
    u32::try_from(micros).map_or(f64::INFINITY, f64::from) / 1_000.0
}

fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Time since the machine was started, which is never negative.
    let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds * 1_000_000 + nanos / 1_000
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
