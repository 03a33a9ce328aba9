//! Whether there is memory for one more viewer, for a process that has a limit.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::memory;

/// Less than so many streams as there were when memory became scarce, by this part, find what others
/// gave back: the allocator keeps it, so that the system counts it as used, and some is in fragments.
const REUSED_PART: usize = 4;
const NOT_SCARCE: usize = usize::MAX;

/// What is known of a house's memory.
pub(super) struct Memory {
    /// While it is scarce: how many streams there were when that was noticed.
    scarce_at: AtomicUsize,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { scarce_at: AtomicUsize::new(NOT_SCARCE) }
    }

    /// Whether there is some for one more than `streams`.
    pub(super) fn has_room(&self, streams: usize) -> bool {
        self.judge(streams, memory::is_scarce())
    }

    fn judge(&self, streams: usize, is_scarce: bool) -> bool {
        if !is_scarce {
            self.scarce_at.store(NOT_SCARCE, Relaxed);
            return true;
        }
        let noticed = self.scarce_at.compare_exchange(NOT_SCARCE, streams, Relaxed, Relaxed);
        let scarce_at = noticed.map_or_else(|before| before, |_| streams);
        streams < scarce_at - scarce_at / REUSED_PART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_when_it_is_scarce_takes_the_place_of_those_who_left() {
        let memory = Memory::new();
        assert!(memory.judge(100, false) && !memory.judge(100, true));
        let found = [75, 74, 0].map(|streams| memory.judge(streams, true));
        assert_eq!(found, [false, true, true]);
        assert!(!memory.judge(75, true), "it is as it was noticed first");
        assert!(memory.judge(1_000, false), "as many as there is memory for");
        assert!(!memory.judge(200, true), "scarce again");
        assert!(memory.judge(149, true));
    }
}
