//! Events that were shown without a position, which most of them get later: what goes out while the
//! live log is away, and what comes late of an epoch that is over.
//!
//! When such an event comes again with its position, viewers get that alone: they have seen it. It
//! follows that the byte log alone does not serve a cursor of another gateway, if that lies between
//! the two: who brings it may have seen neither ([`Placeless::misses`]). And a position alone does
//! not tell how far a viewer of this gateway got among such events: while there are any its cursors
//! bear a mark, which tells ([`Placeless::mark`]).

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use common::{
    event::{EventId, Stamp},
    position::{Mark, Position},
};

use super::Millis;
use crate::byte_log::Place;

/// How long an event is expected to get its position, after the last sign that the live log is away.
const AWAITED_MS: Millis = 60_000;
/// How long it is known to have been shown, after that: longer than anybody tries to announce it.
const KNOWN_MS: Millis = 600_000;

/// How many events all videos of a gateway may know in this way: some 80 bytes each.
#[derive(Debug)]
pub(crate) struct Spares(AtomicUsize);

impl Spares {
    /// For so many.
    pub(crate) fn new(len: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(len)))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give_back(&self, count: usize) {
        self.0.fetch_add(count, Relaxed);
    }
}

/// A video's events without a position.
#[derive(Debug)]
pub(crate) struct Placeless {
    /// Of the byte log that they are in.
    life: u64,
    room: Arc<Spares>,
    /// Apart, for most videos never have any.
    any: Option<Box<Any>>,
}

#[derive(Debug, Default)]
struct Any {
    /// Those that may come again, each with the offset from which on a position doesn't tell whether a
    /// viewer has seen it.
    shown: HashMap<EventId, u64>,
    /// Of them, those that are expected to come, oldest first; the first one is in `shown`.
    awaited: VecDeque<(EventId, Millis)>,
    /// Of them, those that are not.
    others: VecDeque<(EventId, Millis)>,
    /// Places right after a position that came instead of its event, with the event's offset: of
    /// several that follow a place only the one with the least offset matters, so both increase.
    substitutes: VecDeque<(Place, u64)>,
    /// Ordinal of the last event without a position.
    last: u64,
    /// The rank that it got here, for sampled streams: the live log gave it none.
    stamp: Stamp,
    /// The last sign that the live log was away.
    away_at: Millis,
}

impl Placeless {
    /// None so far, of a byte log with such a life.
    pub(crate) fn new(life: u64, room: Arc<Spares>) -> Self {
        Self { life, room, any: None }
    }

    /// Whether the event was shown and may come again.
    pub(super) fn has(&self, id: &EventId) -> bool {
        self.any.as_ref().is_some_and(|any| any.shown.contains_key(id))
    }

    /// Notes an event that is about to be shown after `before`, because the live log is away, and gives
    /// it a rank. `None` when there is no room for it: then it must wait for its position.
    pub(super) fn await_place(
        &mut self,
        event: (EventId, Stamp),
        before: Place,
        now: Millis,
    ) -> Option<Stamp> {
        let Self { room, any, .. } = self;
        let any = any.get_or_insert_default();
        any.away_at = now;
        let (id, sent) = event;
        any.note(room, id, before.offset + 1).then(|| {
            any.awaited.push_back((id, now));
            any.last = before.ordinal + 1;
            any.stamp = any.stamp.next(sent.at_ms);
            any.stamp
        })
    }

    /// Notes an event that was shown and is not expected to come again, but may: one of an epoch that
    /// is over, which somebody may announce again. From the offset `since` on a position doesn't tell
    /// whether a viewer has seen it. Best effort.
    pub(super) fn remember(&mut self, id: EventId, since: u64, now: Millis) {
        let Self { room, any, .. } = self;
        let any = any.get_or_insert_default();
        if any.note(room, id, since) {
            any.others.push_back((id, now));
        }
    }

    /// An event is shown after `before` that will get no position.
    pub(super) fn shows(&mut self, before: Place) {
        self.any.get_or_insert_default().last = before.ordinal + 1;
    }

    /// The event has come with its position: the offset from which on a position did not tell of it.
    pub(super) fn take(&mut self, id: &EventId) -> Option<u64> {
        let any = self.any.as_mut()?;
        let since = any.shown.remove(id)?;
        self.room.give_back(1);
        any.drop_taken();
        Some(since)
    }

    /// The byte log has, right before `place`, the position of an event that was shown, of which a
    /// position didn't tell from the offset `since` on.
    pub(super) fn substitute(&mut self, place: Place, since: u64) {
        let Any { substitutes, .. } = &mut **self.any.get_or_insert_default();
        while substitutes.back().is_some_and(|(_, other)| *other >= since) {
            substitutes.pop_back();
        }
        substitutes.push_back((place, since));
    }

    /// Whether a viewer that continues from `place` would only get the position of an event that was
    /// shown before that place, now or later.
    pub(super) fn misses(&self, place: Place) -> bool {
        let Some(any) = &self.any else { return false };
        let awaited = any.awaited.front().and_then(|(id, _)| any.shown.get(id));
        let after = any.substitutes.partition_point(|(at, _)| at.offset <= place.offset);
        let substituted = any.substitutes.get(after).map(|(_, since)| since);
        awaited.into_iter().chain(substituted).any(|since| *since <= place.offset)
    }

    /// Whether any is expected to get its position.
    pub(super) fn are_awaited(&self) -> bool {
        self.any.as_ref().is_some_and(|any| !any.awaited.is_empty())
    }

    /// From where on nothing of what came stands for an event that was shown before.
    pub(super) fn last_substitute(&self) -> Option<Place> {
        self.any.as_ref()?.substitutes.back().map(|(place, _)| *place)
    }

    /// What a cursor bears at this position and ordinal, in a byte log that begins at `start`. In a
    /// later epoch than that what was shown before may be announced again; and where nobody knows
    /// where the live log is, there is nothing but the mark.
    pub(super) fn mark(&self, position: Position, ordinal: u64, start: Place) -> Option<Mark> {
        let any_matters = self.any.as_ref().is_some_and(|any| {
            any.last > start.ordinal || !any.substitutes.is_empty() || !any.awaited.is_empty()
        });
        let spans_epochs = position.epoch > start.position.epoch;
        let matters = any_matters || spans_epochs || !position.is_given();
        matters.then_some(Mark { life: self.life, ordinal })
    }

    /// The ordinal in a mark, if it is one of this byte log.
    pub(super) fn ordinal(&self, mark: Option<Mark>) -> Option<u64> {
        mark.filter(|mark| mark.life == self.life).map(|mark| mark.ordinal)
    }

    /// The byte log begins at `start` now.
    pub(super) fn trim(&mut self, start: Place) {
        let Some(any) = &mut self.any else { return };
        while any.substitutes.front().is_some_and(|(place, _)| place.offset <= start.offset) {
            any.substitutes.pop_front();
        }
        if any.shown.is_empty() && any.substitutes.is_empty() && any.last <= start.ordinal {
            self.any = None;
        }
    }

    /// Forgets what won't come any more.
    pub(super) fn forget(&mut self, now: Millis) {
        if let Some(any) = &mut self.any {
            any.forget(&self.room, now);
        }
    }
}

impl Any {
    fn note(&mut self, room: &Spares, id: EventId, since: u64) -> bool {
        let has_room = room.take();
        if has_room && self.shown.insert(id, since).is_some() {
            room.give_back(1);
        }
        has_room
    }

    fn drop_taken(&mut self) {
        for queue in [&mut self.awaited, &mut self.others] {
            while queue.front().is_some_and(|(id, _)| !self.shown.contains_key(id)) {
                queue.pop_front();
            }
        }
    }

    fn forget(&mut self, room: &Spares, now: Millis) {
        let quiet_for = |at: Millis| now.saturating_sub(at.max(self.away_at));
        while let Some((id, at)) = self.awaited.front().copied()
            && quiet_for(at) >= AWAITED_MS
        {
            self.awaited.pop_front();
            self.others.push_back((id, at));
        }
        while let Some((id, at)) = self.others.front().copied()
            && quiet_for(at) >= KNOWN_MS
        {
            self.others.pop_front();
            if self.shown.remove(&id).is_some() {
                room.give_back(1);
            }
        }
        self.drop_taken();
    }
}

impl Drop for Placeless {
    fn drop(&mut self) {
        self.room.give_back(self.any.as_ref().map_or(0, |any| any.shown.len()));
    }
}

#[cfg(test)]
mod tests;
