//! One video's log: epoch, head, the newest entries, known ids. No clock and no lock of its own.

use std::{collections::VecDeque, sync::Arc};

use common::{
    event::{Entry, Event, EventId, Stamp},
    live_log::{From, LogPage, Retention},
    position::{Epoch, Origin, Position, Seq},
};

use super::ids::{Ids, Place};

pub(super) struct VideoLog {
    head: Position,
    /// Contiguous, up to `head`.
    entries: VecDeque<Entry>,
    ids: Ids,
    /// Of the newest entry, dropped or not.
    last: Stamp,
    appended_ms: Option<u64>,
}

impl VideoLog {
    pub(super) fn new(epoch: Epoch, now_ms: u64) -> Self {
        Self {
            head: Position { epoch, seq: 0 },
            entries: VecDeque::new(),
            ids: Ids::new(now_ms),
            last: Stamp::default(),
            appended_ms: None,
        }
    }

    pub(super) fn head(&self) -> Position {
        self.head
    }

    /// When something was last appended, in this life of the log.
    pub(super) fn appended_ms(&self) -> Option<u64> {
        self.appended_ms
    }

    /// Whether the event has a place.
    pub(super) fn knows(&self, event: &Event) -> bool {
        self.ids.get(&event.id).is_some()
    }

    /// The event's entry: a new one, or the place that it has had already. What it erases is gone then.
    pub(super) fn append(&mut self, origin: &Arc<Origin>, event: Event, now_ms: u64) -> Entry {
        if let Some(id) = event.erases() {
            self.erase(id, origin, now_ms);
        }
        let origin = Arc::clone(origin);
        if let Some(Place { seq, stamp, is_erased }) = self.ids.get(&event.id) {
            let position = Position { seq, ..self.head };
            let event = if is_erased { Event::erased(event.id) } else { event };
            return Entry { origin, position, stamp, event };
        }
        let position = Position { seq: self.head.seq + 1, ..self.head };
        let entry = Entry { origin, position, stamp: self.last.next(now_ms), event };
        self.appended_ms = Some(now_ms);
        self.push(entry.clone());
        entry
    }

    /// Takes an event's content away, here or, when it has not come yet, before it comes.
    fn erase(&mut self, id: EventId, origin: &Arc<Origin>, now_ms: u64) {
        // Entries are known for longer than ids, and ids of entries that were dropped are known.
        let held = self.entries.iter_mut().rev().find(|entry| entry.event.id == id);
        let place_held = held.map(|entry| {
            entry.event = Event::erased(id);
            Place::of(entry)
        });
        let place = place_held
            .or_else(|| self.ids.get(&id))
            .unwrap_or_else(|| Place::of(&self.append(origin, Event::erased(id), now_ms)));
        self.ids.insert(id, Place { is_erased: true, ..place });
    }

    /// Puts in what was said before this life of the log, and when.
    pub(super) fn begin(&mut self, origin: &Arc<Origin>, event: Event, at_ms: u64) {
        let position = Position { seq: self.head.seq + 1, ..self.head };
        let stamp = self.last.next(at_ms);
        self.push(Entry { origin: Arc::clone(origin), position, stamp, event });
    }

    fn push(&mut self, entry: Entry) {
        self.head = entry.position;
        self.last = entry.stamp;
        self.ids.insert(entry.event.id, Place::of(&entry));
        self.entries.push_back(entry);
    }

    /// Drops what is too many or too old, but `kept_min` entries stay whatever their age.
    pub(super) fn trim(&mut self, retention: &Retention, kept_min: usize, now_ms: u64) {
        let oldest_ms = now_ms.saturating_sub(1_000 * retention.replay_ttl_s);
        let drops = |entries: &VecDeque<Entry>| {
            entries.len() > retention.replay_max
                || entries.len() > kept_min
                    && entries.front().is_some_and(|entry| entry.stamp.at_ms < oldest_ms)
        };
        while drops(&self.entries) {
            self.entries.pop_front();
        }
        self.ids.rotate(now_ms, 1_000 * retention.dedup_s);
    }

    pub(super) fn read(&self, from: From, limit: usize) -> LogPage {
        let held = self.entries.len();
        let start = match from {
            From::Newest => held.saturating_sub(limit),
            From::After(Position { epoch, .. }) if epoch != self.head.epoch => held,
            From::After(Position { seq, .. }) => {
                let known_before = seq.saturating_add(1).saturating_sub(self.first());
                usize::try_from(known_before).unwrap_or(held).min(held)
            }
        };
        let entries = self.entries.range(start..).take(limit).cloned().collect();
        LogPage { head: self.head, first: self.first(), entries }
    }

    fn first(&self) -> Seq {
        self.entries.front().map_or(self.head.seq + 1, |entry| entry.position.seq)
    }
}
