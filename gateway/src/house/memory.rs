//! Whether there is memory for one more viewer, for a process that has a limit.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::memory;

/// As many streams as there were when memory was ample, less this part, find what others gave back: the
/// allocator keeps it, so that the system counts it as used, and some is in fragments.
const REUSED_PART: usize = 4;

/// What is known of a house's memory.
pub(super) struct Memory {
    /// How many streams there were at most while there was enough.
    peak: AtomicUsize,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { peak: AtomicUsize::new(0) }
    }

    /// Whether there is some for one more than `streams`.
    pub(super) fn has_room(&self, streams: usize) -> bool {
        self.judge(streams, memory::is_scarce())
    }

    fn judge(&self, streams: usize, is_scarce: bool) -> bool {
        if !is_scarce {
            self.peak.fetch_max(streams + 1, Relaxed);
            return true;
        }
        let peak = self.peak.load(Relaxed);
        // Nobody at all would be for ever.
        streams < (peak - peak / REUSED_PART).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_when_it_is_scarce_takes_the_place_of_those_who_left() {
        let memory = Memory::new();
        assert!(memory.judge(0, true) && !memory.judge(1, true), "one may always try");
        assert!((0..100).all(|streams| memory.judge(streams, false)));
        for _ in 0..2 {
            let found = [100, 75, 74, 0].map(|streams| memory.judge(streams, true));
            assert_eq!(found, [false, false, true, true]);
            assert!(memory.judge(10, false), "fewer are no new measure");
        }
    }
}
