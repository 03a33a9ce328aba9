//! What is remembered until a time, within a bound.

use std::collections::HashMap;

use common::limiter::Key;

/// So many are remembered before it is first looked which have had their time.
const SWEEP_AT_MIN: usize = 64;
/// Of those that are remembered when there is no more room, the share that is forgotten.
const FORGOTTEN_SHARE: usize = 8;

/// What is known by key, and until when. What had its time is dropped when there are twice as many as
/// at the last look. At `max`, the eighth that would be forgotten soonest is forgotten at once, so that
/// whoever keeps it full pays least, and all others next to nothing.
pub(super) struct Expiring<V> {
    entries: HashMap<Key, (u64, V)>,
    sweep_at: usize,
    max: usize,
}

impl<V: Copy> Expiring<V> {
    pub(super) fn new(max: usize) -> Self {
        Self { entries: HashMap::new(), sweep_at: SWEEP_AT_MIN.min(max), max }
    }

    /// Until when and what, unless it is forgotten; that may be past.
    pub(super) fn get(&self, key: &Key) -> Option<(u64, V)> {
        self.entries.get(key).copied()
    }

    pub(super) fn insert(&mut self, key: Key, end_us: u64, value: V, now_us: u64) {
        if self.entries.len() >= self.sweep_at && !self.entries.contains_key(&key) {
            self.sweep(now_us);
        }
        self.entries.insert(key, (end_us, value));
    }

    fn sweep(&mut self, now_us: u64) {
        self.entries.retain(|_, (end_us, _)| *end_us > now_us);
        if self.entries.len() >= self.max {
            self.forget(self.max.div_ceil(FORGOTTEN_SHARE));
        }
        self.sweep_at = (2 * self.entries.len()).max(SWEEP_AT_MIN).min(self.max);
    }

    /// So many of those that end soonest.
    fn forget(&mut self, count: usize) {
        let mut ends: Vec<u64> = self.entries.values().map(|(end_us, _)| *end_us).collect();
        let (_, last_us, _) = ends.select_nth_unstable(count - 1);
        let mut left = count;
        // Of many that end at one time, no more than are to go.
        self.entries.retain(|_, (end_us, _)| {
            let goes = *end_us <= *last_us && left > 0;
            left -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        Key::of("test", &[&n.to_string()])
    }

    fn known(expiring: &Expiring<()>, keys: std::ops::Range<u64>) -> usize {
        keys.filter(|n| expiring.get(&key(*n)).is_some()).count()
    }

    #[test]
    fn what_had_its_time_makes_room() {
        let mut expiring = Expiring::new(1_000);
        for now_us in 0..100_000 {
            expiring.insert(key(now_us), now_us + 100, (), now_us);
            assert!(expiring.entries.len() <= 256, "{} at {now_us}", expiring.entries.len());
        }
        assert_eq!(known(&expiring, 99_900..100_000), 100, "whose time has not come");
    }

    #[test]
    fn what_ends_soonest_goes_first_when_there_is_no_room() {
        let mut expiring = Expiring::new(80);
        for n in 0..80 {
            expiring.insert(key(n), 1_000 + n, (), 0);
        }
        expiring.insert(key(79), 2_000, (), 0);
        assert_eq!(known(&expiring, 0..80), 80, "one that is known needs no room");
        expiring.insert(key(80), 1_500, (), 0);
        assert_eq!((known(&expiring, 0..10), known(&expiring, 10..81)), (0, 71));
    }

    #[test]
    fn many_that_end_at_one_time_are_not_forgotten_at_once() {
        let mut expiring = Expiring::new(80);
        for n in 0..10_000 {
            expiring.insert(key(n), 1_000, (), 0);
            assert!(expiring.entries.len() as u64 >= (n + 1).min(70), "after {n}");
            assert!(expiring.entries.len() <= 80, "after {n}");
        }
    }
}
