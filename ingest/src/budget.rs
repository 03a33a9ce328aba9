//! How many attempts may be repeated: a share of those that are made for the first time. Without it
//! each comment would come forty times to dispatchers that are overloaded already.

use tokio::time::Instant;

use crate::outbox::CALL_LEN_MAX;

/// First attempts that pay for one retry: dispatchers in trouble get a fifth more, not a multiple.
const ATTEMPTS_PER_RETRY: u64 = 5;
/// Retries per second that come on top, so that a process with few comments can repeat any of them.
const RETRIES_PER_S: u64 = 10;
/// Retries saved up at most, and to begin with: a killed dispatcher takes one call with it, which
/// has to be affordable elsewhere, and so has that of the next one killed.
const SAVED_MAX: u64 = 2 * CALL_LEN_MAX as u64;

/// Shares per second, a share being what one first attempt pays.
const SHARES_PER_S: u64 = RETRIES_PER_S * ATTEMPTS_PER_RETRY;
const SHARES_MAX: u64 = SAVED_MAX * ATTEMPTS_PER_RETRY;

/// A token bucket: filled by first attempts and by time, emptied by retries (also by one that is
/// then not sent, since too many wait already).
#[derive(Debug)]
pub(crate) struct Budget {
    shares: u64,
    /// Up to when time has been paid for.
    paid_until: Instant,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { shares: SHARES_MAX, paid_until: now }
    }

    /// A first attempt is made.
    pub(crate) fn deposit(&mut self) {
        self.add(1);
    }

    /// Whether one retry is affordable; it is paid for at once.
    pub(crate) fn withdraw(&mut self, now: Instant) -> bool {
        self.add_time(now);
        match self.shares.checked_sub(ATTEMPTS_PER_RETRY) {
            Some(left) => {
                self.shares = left;
                true
            }
            None => false,
        }
    }

    /// Whole shares only; what is left of the time counts the next time.
    fn add_time(&mut self, now: Instant) {
        let share = std::time::Duration::from_millis(1000 / SHARES_PER_S);
        let unpaid = now.saturating_duration_since(self.paid_until).as_millis();
        let shares = u32::try_from(unpaid / share.as_millis()).unwrap_or(u32::MAX);
        self.paid_until += share * shares;
        self.add(shares.into());
    }

    fn add(&mut self, shares: u64) {
        self.shares = self.shares.saturating_add(shares).min(SHARES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::{prelude::*, test_runner::TestCaseError};

    use super::*;

    #[derive(Debug, Clone)]
    enum Op {
        First(u64),
        Retry(u64),
        Wait(Duration),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            (1..2000_u64).prop_map(Op::First),
            (1..2000_u64).prop_map(Op::Retry),
            (0..30_000_u64).prop_map(|ms| Op::Wait(Duration::from_millis(ms))),
        ];
        prop::collection::vec(op, 1..30)
    }

    /// Over any stretch of time that begins with a full bucket, no more is granted than was saved,
    /// earned by first attempts and by time; and nothing is refused that the last wait pays for.
    fn check(
        ops: &[Op],
        mut withdraw: impl FnMut(&mut Budget, Instant) -> bool,
    ) -> Result<(), TestCaseError> {
        let start = Instant::now();
        let (mut now, mut budget) = (start, Budget::new(start));
        let (mut firsts, mut granted) = (0, 0);
        for op in ops {
            match op {
                Op::First(count) => {
                    (0..*count).for_each(|_| budget.deposit());
                    firsts += count;
                }
                Op::Retry(count) => {
                    granted += (0..*count).filter(|_| withdraw(&mut budget, now)).count() as u64;
                }
                Op::Wait(time) => {
                    now += *time;
                    let due = time.as_millis() >= u128::from(1000 / RETRIES_PER_S);
                    prop_assert!(!due || withdraw(&mut budget, now), "refused after {time:?}");
                    granted += u64::from(due);
                }
            }
            let seconds = (now - start).as_secs() + 1;
            let most = SAVED_MAX + firsts / ATTEMPTS_PER_RETRY + seconds * RETRIES_PER_S;
            prop_assert!(granted <= most, "{granted} retries of {firsts} in {seconds} s");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn retries_are_a_share_of_first_attempts(ops in ops()) {
            check(&ops, Budget::withdraw)?;
        }
    }

    /// Negative control: the check sees a bucket that always grants, and one that never does.
    #[test]
    fn a_bucket_without_bounds_is_noticed() {
        let greedy = [Op::Retry(2000)];
        assert!(check(&greedy, |_, _| true).is_err());
        let stingy = [Op::Wait(Duration::from_secs(1))];
        assert!(check(&stingy, |_, _| false).is_err());
        assert!(check(&[greedy, stingy].concat(), Budget::withdraw).is_ok());
    }
}
