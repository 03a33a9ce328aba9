//! How often something may be done: contract [`Limiter`].

use std::{fmt, time::Duration};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::ids::UserId;

/// For how long the key of a token that was admitted is known. An implementation whose room is bounded
/// may forget it sooner; then its repeat is charged.
pub const TOKEN_KEPT: Duration = Duration::from_secs(600);
/// Longest time that a rate is told in: clocks in microseconds stay below what a double holds
/// exactly, which is what Lua counts with.
const PERIOD_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// A burst after a pause, then one per interval (GCRA).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval_us: u64,
    slack_us: u64,
}

impl Rate {
    /// `count` per `period` (of at most 366 days), all of them at once after a pause as long as that.
    /// `None`: one of the two is zero, which is no limit.
    #[must_use]
    pub fn per(count: u64, period: Duration) -> Option<Self> {
        let burst = u32::try_from(count).unwrap_or(u32::MAX);
        let period_us = u64::try_from(period.min(PERIOD_MAX).as_micros()).unwrap_or(u64::MAX);
        let interval_us = period_us.div_ceil(u64::from(burst.max(1)));
        let slack_us = interval_us * u64::from(burst.max(1) - 1);
        (burst > 0 && interval_us > 0).then_some(Self { interval_us, slack_us })
    }

    /// One per `interval`. `None`: that is zero.
    #[must_use]
    pub fn once_in(interval: Duration) -> Option<Self> {
        Self::per(1, interval)
    }

    /// From one to the next, once the burst is used up, in microseconds.
    #[must_use]
    pub fn interval_us(self) -> u64 {
        self.interval_us
    }

    /// How much sooner than that the whole burst lets one come, in microseconds.
    #[must_use]
    pub fn slack_us(self) -> u64 {
        self.slack_us
    }

    /// How the same bucket fills for asks that take `count` from it at once; or, of more than the
    /// whole burst, that.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        let burst = self.slack_us / self.interval_us + 1;
        let more_us = self.interval_us * (u64::from(count).clamp(1, burst) - 1);
        Self { interval_us: self.interval_us + more_us, slack_us: self.slack_us - more_us }
    }
}

/// The name of a bucket or a token: half a SHA-256, so that whatever users write has one length,
/// and nobody can write what hits somebody else's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// Of a kind and what it is told apart by; the same parts in other bounds make another key.
    #[must_use]
    pub fn of(kind: &str, parts: &[&str]) -> Self {
        let hash = [kind].iter().chain(parts).fold(Sha256::new(), |hash, part| {
            hash.chain_update(part.len().to_be_bytes()).chain_update(part)
        });
        let (mut key, digest) = ([0; 16], hash.finalize());
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What fills at a rate and is emptied by asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Which one, own or shared. It keeps what was taken from it when it is asked for at another rate,
    /// but from that ask on nobody waits longer than that rate's interval.
    pub key: Key,
    /// How it fills.
    pub rate: Rate,
}

/// A request that is told from others when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Its author and their Idempotency-Key.
    pub key: Key,
    /// All else that it says: another request under the same key is told by it.
    pub request: Key,
}

/// The question whether an author may do something once, now.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who wants to.
    pub author: UserId,
    /// Which request it is. One whose key was admitted within [`TOKEN_KEPT`] is not asked about again,
    /// and not charged, whatever the buckets are.
    pub token: Option<Token>,
    /// Buckets that nobody but this author takes from: their keys name the author. All differ.
    pub own: Vec<Bucket>,
    /// Buckets that others take from as well. All differ.
    pub shared: Vec<Bucket>,
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done, and every bucket is charged for it.
    Admitted,
    /// It was admitted before, and nothing is charged.
    Known,
    /// Another request was admitted under its token's key, and nothing is charged.
    Reused,
    /// It may not, and no bucket is charged.
    Refused {
        /// Which bucket has the longest wait: its index among the own ones, then the shared ones.
        nth: usize,
        /// That wait, exact to the microsecond: asked again then, and if nobody else took from
        /// them meanwhile, the buckets that refused admit.
        retry_after: Duration,
    },
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimiterError {
    /// It can't be reached, timed out or refused: buckets may be charged or not.
    #[error("the limiter is unavailable: {0}")]
    Unavailable(String),
    /// An ask with the same token is under way and takes long. Nothing is charged for this one.
    #[error("another ask with this token is not decided yet")]
    Undecided,
}

/// Decides how often something may be done, alike for all who ask it: by its own clock, so that
/// askers' clocks may differ. Every call brings its own time-out.
#[async_trait]
pub trait Limiter: Send + Sync + 'static {
    /// Charges all buckets, or none when one of them refuses. The own ones are asked first, and the
    /// shared ones when none of those refuses; a refusal tells of those that were asked last.
    ///
    /// Own buckets and token change in one step: however many asks with the same token come at once
    /// and wherever, one is admitted and charged, and all others are told that it is known. A token
    /// that is refused leaves no trace.
    ///
    /// When a shared bucket refuses, the others may be charged for as long as it takes to give that
    /// back: meanwhile they refuse some that they would have admitted. They never admit more than a
    /// burst, and one for each interval that has passed.
    async fn admit(&self, ask: &Ask) -> Result<Verdict, LimiterError>;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn rates() {
        let rate = |count, period| {
            Rate::per(count, period).map(|rate| (rate.interval_us(), rate.slack_us()))
        };
        assert_eq!(rate(30, MINUTE), Some((2_000_000, 58_000_000)));
        assert_eq!(rate(7, MINUTE), Some((8_571_429, 6 * 8_571_429)), "no more than 7 per minute");
        assert_eq!(rate(1_000_000, MINUTE), Some((60, 60 * 999_999)));
        assert_eq!(Rate::once_in(MINUTE), Rate::per(1, MINUTE));
        assert_eq!(rate(1, MINUTE), Some((60_000_000, 0)));
    }

    #[test]
    fn several_at_once_take_as_much_as_one_after_the_other() {
        let rate = Rate::per(30, MINUTE).unwrap();
        let times = |count| (rate.times(count).interval_us(), rate.times(count).slack_us());
        assert_eq!(times(0), times(1));
        assert_eq!(rate.times(1), rate);
        assert_eq!(times(5), (10_000_000, 50_000_000));
        assert_eq!(times(30), (60_000_000, 0));
        assert_eq!(times(31), times(30), "nobody could ever take more");
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(Rate::per(0, MINUTE), None);
        assert_eq!(Rate::per(30, Duration::ZERO), None);
        assert_eq!(Rate::once_in(Duration::ZERO), None);
    }

    #[test]
    fn no_rate_leads_out_of_what_lua_counts_exactly() {
        const YEAR_2200_US: u64 = 7_258_118_400_000_000;
        for count in [1, 1_000, u64::MAX] {
            let rate = Rate::per(count, Duration::MAX).unwrap();
            let furthest = YEAR_2200_US + 2 * (rate.interval_us() + rate.slack_us());
            assert!(furthest < 1 << 53, "{rate:?}");
        }
    }

    #[test]
    fn parts_in_other_bounds_are_another_key() {
        let keys = [
            Key::of("a", &["b", "c"]),
            Key::of("a", &["bc"]),
            Key::of("a", &["bc", ""]),
            Key::of("a", &["b\0c"]),
            Key::of("ab", &["c"]),
            Key::of("abc", &[]),
            Key::of("a", &["c", "b"]),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        assert_eq!(Key::of("a", &["b", "c"]), keys[0]);
    }

    #[test]
    fn a_key_is_half_a_sha_256_in_hex() {
        let key = Key::of("", &[]);
        // printf '\0\0\0\0\0\0\0\0' | sha256sum
        assert_eq!(key.to_string(), "af5570f5a1810b7af78caf4bc70a660f");
        assert_eq!(key.as_bytes()[..2], [0xaf, 0x55]);
    }
}
