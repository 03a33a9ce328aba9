//! Counts of the posting thread, for the progress display.

use std::cell::Cell;

use crate::outcome::Answer;

/// Read and written by one thread's tasks.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Posts whose time has come.
    pub(crate) due: Cell<u64>,
    /// Posts begun.
    pub(crate) posted: Cell<u64>,
    pub(crate) acknowledged: Cell<u64>,
    /// Posts that ended otherwise.
    pub(crate) failed: Cell<u64>,
    /// How late the last post began.
    pub(crate) behind_us: Cell<u64>,
}

impl Tally {
    pub(crate) fn add(count: &Cell<u64>) {
        count.set(count.get() + 1);
    }

    pub(crate) fn count(&self, answer: Answer) {
        let is_good = matches!(answer, Answer::Acknowledged { .. });
        Self::add(if is_good { &self.acknowledged } else { &self.failed });
    }
}
