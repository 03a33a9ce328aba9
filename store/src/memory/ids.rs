//! Which events a video's log has had, by age and never by count.

use std::collections::HashMap;

use common::{
    event::{Entry, EventId, Stamp},
    position::Seq,
};

/// Where an event was put, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) seq: Seq,
    pub(super) stamp: Stamp,
    /// What stood there was taken away.
    pub(super) is_erased: bool,
}

impl Place {
    /// That of an entry which was not taken away.
    pub(super) fn of(entry: &Entry) -> Self {
        Self { seq: entry.position.seq, stamp: entry.stamp, is_erased: false }
    }
}

/// Two generations: an id goes with the second rotation after it came, one `dedup` later or more.
pub(super) struct Ids {
    recent: HashMap<EventId, Place>,
    older: HashMap<EventId, Place>,
    rotated_ms: u64,
}

impl Ids {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { recent: HashMap::new(), older: HashMap::new(), rotated_ms: now_ms }
    }

    pub(super) fn get(&self, id: &EventId) -> Option<Place> {
        self.recent.get(id).or_else(|| self.older.get(id)).copied()
    }

    pub(super) fn insert(&mut self, id: EventId, place: Place) {
        self.recent.insert(id, place);
    }

    /// To be called at least before each append, and now and then where none come.
    pub(super) fn rotate(&mut self, now_ms: u64, dedup_ms: u64) {
        if now_ms.saturating_sub(self.rotated_ms) >= dedup_ms {
            self.older = std::mem::take(&mut self.recent);
            self.rotated_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_for_dedup_and_forgotten_after_two_rotations() {
        let stamp = Stamp { at_ms: 990, rank: 0 };
        let (id, place) = (EventId::from_bytes([7; 16]), Place { seq: 1, stamp, is_erased: false });
        let mut ids = Ids::new(0);
        ids.insert(id, place);
        for now_ms in [1_000, 1_500, 1_990, 1_999] {
            ids.rotate(now_ms, 1_000);
            assert_eq!(ids.get(&id), Some(place), "at {now_ms}");
        }
        ids.rotate(2_000, 1_000);
        assert_eq!(ids.get(&id), None);
    }
}
