//! Comments that were taken away: their content goes wherever it is, and does not come back.

use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
};

use common::event::{Entry, Event, EventId};

use super::{Millis, Order};
use crate::gone::KEPT;

/// Comments of a video that are known to have been taken away, the last ones. Their content may come
/// late: from a dispatcher's queue, or from a page of the live log that was read before.
const KNOWN_MAX: usize = 4_096;
/// How long they are known: as long as those of videos that nobody watched.
const KNOWN_MS: Millis = KEPT.as_secs() * 1_000;
/// Frames that are remembered to have lost their content, for writers who had read them.
const RANGES_MAX: usize = 256;

/// What was taken away of a video lately.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    /// Apart, for most videos have none.
    any: Option<Box<Any>>,
    /// Frames that have lost their content, ever.
    count: u64,
    /// Of them, those of earlier passes.
    sealed: u64,
}

#[derive(Debug, Default)]
struct Any {
    known: HashSet<EventId>,
    by_age: VecDeque<(EventId, Millis)>,
    /// Where the last frames are that have lost their content, oldest first.
    ranges: VecDeque<Range<u64>>,
}

impl Erasures {
    /// Frames that have lost their content so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether one of the frames that lost their content since there were `count` such frames may be
    /// among these bytes of the log, which were read at that time or later.
    pub(crate) fn hit(&self, bytes: &Range<u64>, count: u64) -> bool {
        let news = usize::try_from(self.count - count).unwrap_or(usize::MAX);
        let Some(any) = &self.any else { return news > 0 };
        let overlaps = |erased: &Range<u64>| erased.start < bytes.end && bytes.start < erased.end;
        news > any.ranges.len() || any.ranges.iter().rev().take(news).any(overlaps)
    }

    /// Whether the event was taken away.
    pub(crate) fn has(&self, id: &EventId) -> bool {
        self.any.as_ref().is_some_and(|any| any.known.contains(id))
    }

    /// Whether any of them was.
    pub(crate) fn has_any(&self, ids: &[EventId]) -> bool {
        self.any.as_ref().is_some_and(|any| ids.iter().any(|id| any.known.contains(id)))
    }

    fn know(&mut self, id: EventId, now: Millis) {
        let any = self.any.get_or_insert_default();
        if any.known.insert(id) {
            any.by_age.push_back((id, now));
        }
        if any.known.len() > KNOWN_MAX {
            any.forget_oldest();
        }
    }

    fn note(&mut self, range: Range<u64>) {
        let any = self.any.get_or_insert_default();
        self.count += 1;
        any.ranges.push_back(range);
        if any.ranges.len() > RANGES_MAX {
            any.ranges.pop_front();
        }
    }

    /// Ends a pass; tells whether a frame lost its content in it.
    pub(super) fn seal(&mut self) -> bool {
        std::mem::replace(&mut self.sealed, self.count) < self.count
    }

    /// Forgets what nobody brings any more.
    pub(super) fn forget(&mut self, now: Millis) {
        let Some(any) = &mut self.any else { return };
        while any.by_age.front().is_some_and(|(_, at)| now.saturating_sub(*at) >= KNOWN_MS) {
            any.forget_oldest();
        }
        if any.by_age.is_empty() {
            self.any = None;
        }
    }
}

impl Any {
    fn forget_oldest(&mut self) {
        if let Some((id, _)) = self.by_age.pop_front() {
            self.known.remove(&id);
        }
    }
}

impl Order {
    /// What was taken away.
    pub(crate) fn erasures(&self) -> &Erasures {
        &self.erasures
    }

    /// Takes an event's content away, whether it was shown, waits to be, or comes later.
    pub(crate) fn erase(&mut self, id: EventId, now: Millis) {
        self.erasures.know(id, now);
        for entry in self.held.values_mut().filter(|entry| entry.event.id == id) {
            entry.event = Event::erased(id);
        }
        if let Some(range) = self.log.erase(&id) {
            metrics::counter!("chorus_gateway_erased_total").increment(1);
            self.erasures.note(range);
        }
    }

    /// Takes away what any of these tells to, before they have their turn; and of them what was taken
    /// away before they came.
    pub(super) fn erase_for(&mut self, entries: &mut [Entry], now: Millis) {
        for id in entries.iter().filter_map(|entry| entry.event.erases()) {
            self.erase(id, now);
        }
        for entry in entries {
            if self.erasures.has(&entry.event.id) {
                entry.event = Event::erased(entry.event.id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
