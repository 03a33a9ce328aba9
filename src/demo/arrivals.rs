//! When somebody writes: ten minutes of a real chat, over and over.

use std::{iter::Peekable, time::Duration};

/// Numbers alone: milliseconds, bytes of text, user. (Twitch, a final of 2016.)
const RECORDED: &str = include_str!("../../bench/traces/lol_worlds2016_10min.arrivals");

/// Somebody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// How many were before.
    pub(super) nth: usize,
    /// Since the beginning.
    pub(super) at: Duration,
    /// Bytes of text.
    pub(super) len: usize,
    pub(super) user: u64,
}

/// All that write, in order; it does not end.
pub(super) struct Arrivals(Peekable<Box<dyn Iterator<Item = Arrival> + Send>>);

impl Arrivals {
    pub(super) fn recorded() -> Self {
        Self::of(RECORDED)
    }

    fn of(text: &'static str) -> Self {
        let lines = || text.lines().filter_map(read);
        let round_ms = lines().last().map_or(1, |(at_ms, ..)| at_ms + 1);
        let rounds = (0..u64::MAX).flat_map(move |round| {
            lines()
                .map(move |(at_ms, len, user)| (round.saturating_mul(round_ms) + at_ms, len, user))
        });
        let numbered = rounds.enumerate().map(|(nth, (at_ms, len, user))| Arrival {
            nth,
            at: Duration::from_millis(at_ms),
            len,
            user,
        });
        let all: Box<dyn Iterator<Item = Arrival> + Send> = Box::new(numbered);
        Self(all.peekable())
    }

    /// The next `count`, at once.
    pub(super) fn next_few(&mut self, count: usize) -> Vec<Arrival> {
        self.0.by_ref().take(count).collect()
    }

    /// When the next one comes.
    pub(super) fn next_at(&mut self) -> Duration {
        self.0.peek().map_or(Duration::ZERO, |arrival| arrival.at)
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.0.next()
    }
}

fn read(line: &str) -> Option<(u64, usize, u64)> {
    let mut numbers = line.split(' ');
    let mut next = || numbers.next()?.parse::<u64>().ok();
    let (at_ms, len, user) = (next()?, next()?, next()?);
    Some((at_ms, usize::try_from(len).ok()?, user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_follows_the_other() {
        let mut arrivals = Arrivals::of("# t_ms text_bytes user\n5 3 1\n9 4 2\n");
        assert_eq!(arrivals.next_at(), Duration::from_millis(5));
        let all: Vec<_> =
            arrivals.next_few(4).iter().map(|a| (a.nth, a.at.as_millis(), a.user)).collect();
        assert_eq!(all, [(0, 5, 1), (1, 9, 2), (2, 15, 1), (3, 19, 2)]);
    }

    #[test]
    fn all_that_was_recorded_is_read_and_in_order() {
        let lines = RECORDED.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(RECORDED.lines().filter_map(read).count(), lines);
        let all = Arrivals::recorded().next_few(2 * lines);
        assert!(all.is_sorted_by_key(|arrival| arrival.at));
    }
}
