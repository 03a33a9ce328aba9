//! One video's recent frames, encoded once: every viewer is just a [`Place`] in it.

use std::collections::{HashMap, VecDeque};

use bytes::{Bytes, BytesMut};
use common::{
    event::EventId,
    position::{Epoch, Position},
};

use crate::{
    frame::{Encoder, Spot},
    tier::{Sample, Tier},
};

mod erase;

/// Bytes kept of one video. Enough for the newest 200 events at their largest (8.5 KiB each), and
/// for some 10 s of a very busy video.
const LEN_MAX: u32 = 4 * 1024 * 1024;
/// Bytes that one read hands out, unless a single pass had more: what a viewer who stopped reading
/// pins of trimmed segments.
pub(crate) const READ_LEN_MAX: usize = 64 * 1024;

/// Between two frames: all that a viewer is to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes before it since the log began.
    pub(crate) offset: u64,
    /// Events before it since the log began.
    pub(crate) ordinal: u64,
    /// The video's order up to it.
    pub(crate) position: Position,
}

/// What means nothing to the order, and of which the latest is all that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Latest {
    /// A sign of life.
    Heartbeat,
    /// Totals of reactions.
    Reactions,
    /// How many watch.
    Viewers,
}

/// Frames that were appended in one pass.
#[derive(Debug)]
struct Segment {
    bytes: Bytes,
    /// Its end.
    end: Place,
    /// It has none of the order's frames, but this: a newer one of its kind takes its place.
    latest: Option<Latest>,
}

/// An event in the log: where it ends, and which one it is; or a position without an event.
#[derive(Debug)]
struct Item {
    end: Place,
    id: Option<EventId>,
    /// Tiers above this show it.
    above: u8,
}

/// What a read gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Everything since, as far as one read goes (nothing at the log's end), and the place after.
    Bytes(Vec<Bytes>, Place),
    /// The place was trimmed away.
    FellOff,
}

impl Read {
    fn sampled(sample: Sample<'_>, told: Place) -> Self {
        let bytes = sample.into_bytes();
        Self::Bytes(if bytes.is_empty() { Vec::new() } else { vec![bytes] }, told)
    }
}

/// Bytes, and an index of the events in them. Appended bytes can be read after [`ByteLog::seal`].
#[derive(Debug)]
pub(crate) struct ByteLog {
    /// Where what is kept begins.
    start: Place,
    segments: VecDeque<Segment>,
    /// Oldest first; places never go back.
    items: VecDeque<Item>,
    /// Events by id, with the offsets of their ends.
    ids: HashMap<EventId, u64>,
    /// The pass that is being gathered.
    tail: BytesMut,
    end: Place,
    /// Bytes of all segments, a few MiB. Offsets go on where some were dropped.
    len: u32,
    /// Something was appended since the last pass.
    is_new: bool,
}

impl ByteLog {
    /// Empty, at a position of the video's order.
    pub(crate) fn new(position: Position) -> Self {
        let start = Place { offset: 0, ordinal: 0, position };
        Self {
            start,
            segments: VecDeque::new(),
            items: VecDeque::new(),
            ids: HashMap::new(),
            tail: BytesMut::new(),
            end: start,
            len: 0,
            is_new: false,
        }
    }

    /// Where what is kept begins.
    pub(crate) fn start(&self) -> Place {
        self.start
    }

    /// Where it ends.
    pub(crate) fn end(&self) -> Place {
        self.end
    }

    /// Whether the event was shown and is still in the log.
    pub(crate) fn has(&self, id: &EventId) -> bool {
        self.ids.contains_key(id)
    }

    /// Where the epoch ends in which the event was shown, if it is in the log: beyond it, positions
    /// don't tell whether a viewer has seen it.
    pub(crate) fn epoch_end(&self, id: &EventId) -> Option<u64> {
        let offset = *self.ids.get(id)?;
        let at = self.items.partition_point(|item| item.end.offset < offset);
        let epoch = self.items.get(at)?.end.position.epoch;
        Some(self.end_of(epoch))
    }

    /// The offset of the first place of a later epoch.
    fn end_of(&self, epoch: Epoch) -> u64 {
        let next = self.items.partition_point(|item| item.end.position.epoch <= epoch);
        self.items.get(next).map_or(self.end.offset, |item| item.end.offset)
    }

    /// Appends the frame of an event, which tiers `above` this show; `write` encodes it. The video's
    /// order is at `position` after it.
    pub(crate) fn append(
        &mut self,
        (id, above): (EventId, u8),
        position: Position,
        write: impl FnOnce(&mut BytesMut),
    ) {
        self.end.ordinal += 1;
        self.write(position, (Some(id), above), write);
        self.ids.insert(id, self.end.offset);
    }

    /// Appends a frame that moves the position and shows no event.
    pub(crate) fn append_bare(&mut self, position: Position, write: impl FnOnce(&mut BytesMut)) {
        self.write(position, (None, 0), write);
    }

    /// Appends what takes the place of the latest of its kind, wherever that is: who reads all of it
    /// gets each, and who catches up or comes back the last one.
    pub(crate) fn append_latest(&mut self, kind: Latest, bytes: Bytes) {
        self.end_segment();
        // Not far back, where numbers change often.
        let older = self.segments.iter().rposition(|segment| segment.latest == Some(kind));
        if let Some(older) = older.and_then(|nth| self.segments.remove(nth)) {
            self.len -= len(&older.bytes);
        }
        self.end.offset += bytes.len() as u64;
        self.push(bytes, Some(kind));
    }

    fn write(
        &mut self,
        position: Position,
        (id, above): (Option<EventId>, u8),
        write: impl FnOnce(&mut BytesMut),
    ) {
        let before = self.tail.len();
        write(&mut self.tail);
        self.end.offset += (self.tail.len() - before) as u64;
        self.end.position = position;
        self.items.push_back(Item { end: self.end, id, above });
    }

    /// Ends a pass: what was appended becomes readable, what is too old goes. Of events of an epoch that
    /// is over `trimmed` is told, and where that epoch ended. Tells whether there was anything.
    pub(crate) fn seal(&mut self, trimmed: impl FnMut(EventId, u64)) -> bool {
        self.end_segment();
        let is_new = std::mem::take(&mut self.is_new);
        if is_new {
            self.trim(trimmed);
        }
        is_new
    }

    fn end_segment(&mut self) {
        if !self.tail.is_empty() {
            let bytes = self.tail.split().freeze();
            self.push(bytes, None);
        }
    }

    fn push(&mut self, bytes: Bytes, latest: Option<Latest>) {
        self.len += len(&bytes);
        self.segments.push_back(Segment { bytes, end: self.end, latest });
        self.is_new = true;
    }

    fn trim(&mut self, mut trimmed: impl FnMut(EventId, u64)) {
        while self.segments.len() > 1 && self.len > LEN_MAX {
            let Some(oldest) = self.segments.pop_front() else { break };
            self.len -= len(&oldest.bytes);
            self.start = oldest.end;
        }
        let first_kept = self.items.partition_point(|i| i.end.offset <= self.start.offset);
        for _ in 0..first_kept {
            let Some(Item { end, id, .. }) = self.items.pop_front() else { break };
            let Some(id) = id else { continue };
            self.ids.remove(&id);
            if end.position.epoch < self.end.position.epoch {
                trimmed(id, self.end_of(end.position.epoch));
            }
        }
    }

    /// The place right after `position`, when the log has it.
    ///
    /// Events without a position of their own (shown while Redis was away) stand after the place
    /// that is found, so they come again rather than never.
    pub(crate) fn place_after(&self, position: Position) -> Option<Place> {
        if position == self.start.position {
            return Some(self.start);
        }
        let at = self.items.partition_point(|item| item.end.position < position);
        self.items.get(at).map(|item| item.end).filter(|end| end.position == position)
    }

    /// The place with both `position` and `ordinal`, when the log has it: events without a position of
    /// their own included, it is exactly how far a viewer was.
    pub(crate) fn place_at(&self, position: Position, ordinal: u64) -> Option<Place> {
        let is_it = |place: Place| place.position == position && place.ordinal == ordinal;
        if is_it(self.start) {
            return Some(self.start);
        }
        let before = |end: Place| (end.position, end.ordinal) < (position, ordinal);
        let at = self.items.partition_point(|item| before(item.end));
        self.items.get(at).map(|item| item.end).filter(|end| is_it(*end))
    }

    /// The place before the newest `count` events, or before all when there are fewer.
    pub(crate) fn place_of_newest(&self, count: u64) -> Place {
        let wanted = self.end.ordinal.saturating_sub(count);
        if wanted <= self.start.ordinal {
            return self.start;
        }
        // The last item with that ordinal, so that bare positions after it aren't sent again.
        let after = self.items.partition_point(|item| item.end.ordinal <= wanted);
        after.checked_sub(1).and_then(|at| self.items.get(at)).map_or(self.start, |item| item.end)
    }

    /// What follows `place`: one pass, or as many as have `len_max` bytes.
    pub(crate) fn read(&self, place: Place, len_max: usize) -> Read {
        if place.offset < self.start.offset {
            return Read::FellOff;
        }
        let (mut chunks, mut len, mut at) = (Vec::new(), 0, place);
        let first = self.segments.partition_point(|s| s.end.offset <= place.offset);
        for segment in self.segments.range(first..) {
            let unread = usize::try_from(segment.end.offset - at.offset).unwrap_or(usize::MAX);
            // More than the segment when something before it was dropped: then all of it.
            let bytes = segment.bytes.slice(segment.bytes.len().saturating_sub(unread)..);
            len += bytes.len();
            at = segment.end;
            chunks.push(bytes);
            if len >= len_max {
                break;
            }
        }
        Read::Bytes(chunks, at)
    }
}

impl ByteLog {
    /// What follows `place` for a tier. Events that it leaves out are told of together with the next
    /// that it shows, or with what is none of the order's; until then the place stays before them.
    /// `spot` tells what a cursor says there.
    pub(crate) fn sample(
        &self,
        place: Place,
        tier: Tier,
        encoder: &Encoder,
        spot: impl Fn(Place) -> Spot,
    ) -> Read {
        if place.offset < self.start.offset {
            return Read::FellOff;
        }
        let mut sample = Sample::new(encoder, place.position);
        let (mut told, mut seen) = (place, place);
        // What stands among events that are left out, and is shown to all.
        let mut among = Vec::new();
        let first = self.items.partition_point(|item| item.end.offset <= place.offset);
        for item in self.items.range(first..) {
            if tier.shows(item.above) {
                let bytes = among.drain(..).chain(self.between(seen.offset, item.end.offset));
                sample.show(bytes, item.end.position);
                told = item.end;
            } else {
                among.extend(self.latest_between(seen.offset, item.end.offset));
                sample.leave_out(item.end.ordinal - seen.ordinal, spot(item.end));
            }
            seen = item.end;
            if sample.len() >= READ_LEN_MAX {
                return Read::sampled(sample, told);
            }
        }
        if seen.offset < self.end.offset || !among.is_empty() {
            sample.tell_last();
            let bytes = among.into_iter().chain(self.between(seen.offset, self.end.offset));
            sample.show(bytes, self.end.position);
            told = self.end;
        }
        Read::sampled(sample, told)
    }

    /// What is none of the order's from one offset to another.
    fn latest_between(&self, from: u64, to: u64) -> impl Iterator<Item = Bytes> {
        let first = self.segments.partition_point(|segment| segment.end.offset <= from);
        let within = self.segments.range(first..).take_while(move |s| s.end.offset <= to);
        within.filter(|segment| segment.latest.is_some()).map(|segment| segment.bytes.clone())
    }

    /// The bytes from one offset to another.
    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = Bytes> {
        let first = self.segments.partition_point(|segment| segment.end.offset <= from);
        self.segments.range(first..).map_while(move |segment| {
            let begin = segment.end.offset - segment.bytes.len() as u64;
            let within = |offset: u64| {
                let offset = offset.clamp(begin, segment.end.offset) - begin;
                usize::try_from(offset).unwrap_or(usize::MAX)
            };
            (begin < to).then(|| segment.bytes.slice(within(from)..within(to)))
        })
    }
}

/// A pass is far from what would not fit.
fn len(bytes: &Bytes) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
