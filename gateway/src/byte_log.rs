//! One video's recent frames, encoded once: every viewer is just a [`Place`] in it.

use std::collections::{HashSet, VecDeque};

use bytes::{Bytes, BytesMut};
use common::{event::EventId, position::Position};

use crate::{
    frame::Encoder,
    tier::{Sample, Tier},
};

/// Bytes kept of one video. Enough for the newest 200 events at their largest (8.5 KiB each), and
/// for some 10 s of a very busy video.
const LEN_MAX: usize = 4 * 1024 * 1024;
/// Bytes that one read hands out, unless a single pass had more: what a viewer who stopped reading
/// pins of trimmed segments.
const READ_LEN_MAX: usize = 64 * 1024;

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

/// Frames that were appended in one pass.
#[derive(Debug)]
struct Segment {
    bytes: Bytes,
    /// Its end.
    end: Place,
    /// Nothing in it means anything to the order: a newer one like it takes its place.
    is_unordered: bool,
}

/// An event in the log: where it ends, and which one it is.
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
    ids: HashSet<EventId>,
    /// The pass that is being gathered.
    tail: BytesMut,
    tail_is_unordered: bool,
    end: Place,
}

impl ByteLog {
    /// Empty, at a position of the video's order.
    pub(crate) fn new(position: Position) -> Self {
        let start = Place { offset: 0, ordinal: 0, position };
        Self {
            start,
            segments: VecDeque::new(),
            items: VecDeque::new(),
            ids: HashSet::new(),
            tail: BytesMut::new(),
            tail_is_unordered: true,
            end: start,
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
        self.ids.contains(id)
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
        self.ids.insert(id);
        self.write(position, (Some(id), above), write);
    }

    /// Appends a frame that moves the position and shows no event.
    pub(crate) fn append_bare(&mut self, position: Position, write: impl FnOnce(&mut BytesMut)) {
        self.write(position, (None, 0), write);
    }

    /// Appends bytes that mean nothing to the order: a heartbeat, a snapshot.
    pub(crate) fn append_unordered(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.end.offset += bytes.len() as u64;
    }

    fn write(
        &mut self,
        position: Position,
        (id, above): (Option<EventId>, u8),
        write: impl FnOnce(&mut BytesMut),
    ) {
        let before = self.tail.len();
        self.tail_is_unordered = false;
        write(&mut self.tail);
        self.end.offset += (self.tail.len() - before) as u64;
        self.end.position = position;
        self.items.push_back(Item { end: self.end, id, above });
    }

    /// Ends a pass: what was appended becomes readable, what is too old goes. Tells whether there
    /// was anything.
    pub(crate) fn seal(&mut self) -> bool {
        if self.tail.is_empty() {
            return false;
        }
        let bytes = self.tail.split().freeze();
        let is_unordered = std::mem::replace(&mut self.tail_is_unordered, true);
        // A quiet room keeps its last heartbeat, not a day of them.
        if is_unordered && self.segments.back().is_some_and(|last| last.is_unordered) {
            self.segments.pop_back();
        }
        self.segments.push_back(Segment { bytes, end: self.end, is_unordered });
        self.trim();
        true
    }

    fn trim(&mut self) {
        while self.segments.len() > 1 && self.end.offset - self.start.offset > LEN_MAX as u64 {
            let Some(oldest) = self.segments.pop_front() else { break };
            self.start = oldest.end;
        }
        let first_kept = self.items.partition_point(|i| i.end.offset <= self.start.offset);
        for item in self.items.drain(..first_kept) {
            if let Some(id) = item.id {
                self.ids.remove(&id);
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

    /// What follows `place`.
    pub(crate) fn read(&self, place: Place) -> Read {
        if place.offset < self.start.offset {
            return Read::FellOff;
        }
        let (mut chunks, mut len, mut at) = (Vec::new(), 0, place);
        let first = self.segments.partition_point(|s| s.end.offset <= place.offset);
        for segment in self.segments.range(first..) {
            let unread = usize::try_from(segment.end.offset - at.offset).unwrap_or(usize::MAX);
            // More than the segment when a heartbeat before it was dropped: then all of it.
            let bytes = segment.bytes.slice(segment.bytes.len().saturating_sub(unread)..);
            len += bytes.len();
            at = segment.end;
            chunks.push(bytes);
            if len >= READ_LEN_MAX {
                break;
            }
        }
        Read::Bytes(chunks, at)
    }
}

impl ByteLog {
    /// What follows `place` for a tier. Events that it leaves out are told of together with the next
    /// that it shows, or with the next heartbeat; until then the place stays before them.
    pub(crate) fn sample(&self, place: Place, tier: Tier, encoder: &Encoder) -> Read {
        if place.offset < self.start.offset {
            return Read::FellOff;
        }
        let mut sample = Sample::new(encoder, place.position);
        let (mut told, mut seen) = (place, place);
        let first = self.items.partition_point(|item| item.end.offset <= place.offset);
        for item in self.items.range(first..) {
            if tier.shows(item.above) {
                sample.show(self.between(seen.offset, item.end.offset), item.end.position);
                told = item.end;
            } else {
                sample.leave_out(item.end.ordinal - seen.ordinal, item.end.position);
            }
            seen = item.end;
            if sample.len() >= READ_LEN_MAX {
                return Read::sampled(sample, told);
            }
        }
        if seen.offset < self.end.offset {
            sample.tell_last();
            sample.show(self.between(seen.offset, self.end.offset), self.end.position);
            told = self.end;
        }
        Read::sampled(sample, told)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{encoder, entry, position};

    /// Every fifth event is the first of its second.
    fn above(seq: u64) -> u8 {
        u8::try_from(seq % 5).unwrap()
    }

    fn log_of(seqs: std::ops::RangeInclusive<u64>) -> ByteLog {
        let mut log = ByteLog::new(position(1, seqs.start() - 1));
        for seq in seqs {
            let entry = entry(1, seq);
            let id = (entry.event.id, above(seq));
            log.append(id, entry.position, |out| encoder().entry(out, &entry));
        }
        log.seal();
        log
    }

    fn text(log: &ByteLog, place: Place) -> String {
        let Read::Bytes(chunks, _) = log.read(place) else { panic!("fell off") };
        chunks.iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn a_position_in_the_log_is_a_place() {
        let log = log_of(1..=3);
        let place = log.place_after(position(1, 2)).unwrap();
        assert_eq!(text(&log, place), "id: 1~dc1:1:3\nevent: comment\ndata: {\"n\":3,\"e\":1}\n\n");
        assert_eq!(log.place_after(position(1, 0)).unwrap(), log.start());
        assert_eq!(log.place_after(position(1, 3)).unwrap(), log.end());
        for unknown in [position(1, 4), position(0, 2), position(2, 2)] {
            assert_eq!(log.place_after(unknown), None, "{unknown:?}");
        }
    }

    fn frame_of(seq: u64) -> String {
        format!("id: 1~dc1:1:{seq:x}\nevent: comment\ndata: {{\"n\":{seq},\"e\":1}}\n\n")
    }

    fn skipped(count: u64, from: u64, to: u64) -> String {
        let (from, to) = (format!("1~dc1:1:{from:x}"), format!("1~dc1:1:{to:x}"));
        format!(
            "event: skipped\ndata: {{\"count\":{count},\"from\":\"{from}\",\"to\":\"{to}\"}}\n\n"
        )
    }

    fn sampled(log: &ByteLog, place: &mut Place) -> String {
        let Read::Bytes(parts, next) = log.sample(*place, Tier::of(1), &encoder()) else {
            panic!("fell off");
        };
        *place = next;
        parts.iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect()
    }

    #[test]
    fn a_tier_is_shown_some_and_told_of_the_others() {
        let mut log = log_of(3..=11);
        let mut place = log.place_after(position(1, 3)).unwrap();
        let first = [skipped(1, 3, 4), frame_of(5), skipped(4, 5, 9), frame_of(10)].concat();
        assert_eq!(sampled(&log, &mut place), first);
        assert_eq!((place.position, sampled(&log, &mut place).as_str()), (position(1, 10), ""));
        log.append_unordered(b":\n\n");
        log.seal();
        let last = format!("{}id: 1~dc1:1:b\n\n:\n\n", skipped(1, 10, 11));
        assert_eq!(sampled(&log, &mut place), last);
        assert_eq!((place, sampled(&log, &mut place).as_str()), (log.end(), ""));
        let all = format!("{}{last}", [skipped(4, 5, 9), frame_of(10)].concat());
        assert_eq!(sampled(&log, &mut log.place_after(position(1, 5)).unwrap()), all);
    }

    /// Whatever was appended, and wherever a tier reads: each event is shown or counted, once, and
    /// what is told of begins where the reader stood.
    #[test]
    fn a_tier_is_told_of_everything_wherever_it_reads() {
        for seed in 0..200 {
            let mut log = ByteLog::new(position(1, 0));
            let (mut dice, mut seq) = (seed, 0);
            let mut roll = |sides: u64| {
                dice = u64::wrapping_mul(dice, 6_364_136_223_846_793_005).wrapping_add(1);
                (dice >> 33) % sides
            };
            let mut readers = vec![log.start()];
            let mut told = vec![0; 1];
            for _ in 0..60 {
                match roll(6) {
                    0 => log.append_unordered(b":\n\n"),
                    1 => {
                        seq += 1;
                        log.append_bare(position(1, seq), |out| {
                            encoder().bare(out, position(1, seq));
                        });
                    }
                    _ => {
                        seq += 1;
                        let entry = entry(1, seq);
                        let event = (entry.event.id, u8::try_from(roll(3)).unwrap());
                        log.append(event, entry.position, |out| encoder().entry(out, &entry));
                    }
                }
                if roll(3) == 0 {
                    log.seal();
                    readers.push(log.end());
                    told.push(log.end().ordinal);
                    let who = usize::try_from(roll(readers.len() as u64)).unwrap();
                    told[who] += count(&sampled(&log, &mut readers[who]));
                    assert_eq!(told[who], readers[who].ordinal, "seed {seed}");
                }
            }
            log.append_unordered(b":\n\n");
            log.seal();
            for (mut reader, told) in readers.into_iter().zip(told) {
                let told = told + count(&sampled(&log, &mut reader));
                assert_eq!((reader, told), (log.end(), log.end().ordinal), "seed {seed}");
            }
        }
    }

    /// Events that are shown or told of.
    fn count(text: &str) -> u64 {
        let told = text.lines().filter_map(|line| line.strip_prefix("data: {\"count\":"));
        let told = told.map(|rest| rest.split(',').next().unwrap().parse::<u64>().unwrap());
        told.sum::<u64>() + text.matches("event: comment").count() as u64
    }

    #[test]
    fn the_newest_events() {
        let log = log_of(1..=5);
        assert_eq!(log.place_of_newest(2).position, position(1, 3));
        assert_eq!(log.place_of_newest(0), log.end());
        assert_eq!(log.place_of_newest(9), log.start());
    }

    #[test]
    fn heartbeats_have_no_position() {
        let mut log = log_of(1..=1);
        let end = log.end();
        log.append_unordered(b":\n\n");
        assert!(log.seal() && !log.seal());
        assert_eq!(text(&log, end), ":\n\n");
        assert_eq!(log.place_after(position(1, 1)), Some(end));
    }

    #[test]
    fn a_quiet_room_keeps_one_heartbeat() {
        let mut log = log_of(1..=1);
        let quiet_since = log.end();
        for _ in 0..3 {
            log.append_unordered(b":\n\n");
            log.seal();
        }
        assert_eq!((log.segments.len(), text(&log, quiet_since).as_str()), (2, ":\n\n"));
        let listener = log.end();
        log.append_unordered(b":\n\n");
        log.seal();
        assert_eq!(text(&log, listener), ":\n\n", "who listens gets each");
        log.append_bare(position(2, 0), |out| encoder().bare(out, position(2, 0)));
        log.seal();
        assert_eq!(text(&log, quiet_since), ":\n\nid: 1~dc1:2:0\n\n");
    }

    #[test]
    fn what_is_trimmed_is_told() {
        let mut log = ByteLog::new(position(1, 0));
        let beginning = log.start();
        let big = vec![b'x'; 1024 * 1024];
        for seq in 1..=6 {
            let id = (entry(1, seq).event.id, 0);
            log.append(id, position(1, seq), |out| out.extend_from_slice(&big));
            log.seal();
        }
        assert_eq!(log.read(beginning), Read::FellOff);
        assert_eq!(log.start().position, position(1, 2));
        assert_eq!(log.place_after(position(1, 1)), None);
        assert!(!log.has(&entry(1, 2).event.id) && log.has(&entry(1, 3).event.id));
        let Read::Bytes(chunks, place) = log.read(log.start()) else { panic!("fell off") };
        assert_eq!((chunks.len(), place.position), (1, position(1, 3)), "one read is bounded");
    }
}
