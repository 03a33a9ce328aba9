//! The decisions of one video: which entries go out ([`passing`] how), when to read the live log,
//! what to do while it is away ([`placeless`], [`adrift`]), what is taken away ([`erasing`]), and where
//! a viewer begins ([`opening`]).
//! No I/O and no clock: `now` comes in, wishes go out.

use std::collections::BTreeMap;

use bytes::Bytes;
use common::{
    event::{Entry, Event},
    live_log::{From, LogPage},
    position::{Mark, Position},
    tallies::Tally,
};

use super::{numbers::Numbers, room::Room};
use crate::{
    byte_log::{ByteLog, Latest, Place},
    frame::{self, Encoder, Spot},
};
use adrift::Adrift;
pub(crate) use erasing::Erasures;
pub(crate) use opening::{Opening, Start};
pub(crate) use placeless::{Placeless, Spares};

mod adrift;
mod erasing;
mod opening;
mod passing;
mod placeless;

/// How long a hole may stay open for a late batch, milliseconds.
const HOLE_MS: u64 = 20;
/// How long after a failed read the next one waits, milliseconds; twice as long after each, at most.
const READ_RETRY_MS: u64 = 200;
const READ_RETRY_MAX_MS: u64 = 800;
/// Entries kept beyond a hole; more are dropped, for the read that heals it brings them too.
const HELD_MAX: usize = 1024;

/// Milliseconds of a clock that never goes back.
pub(crate) type Millis = u64;

/// What the actor should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing until something comes.
    Wait,
    /// Ask again at this time.
    WaitUntil(Millis),
    /// Read the live log, then call [`Order::on_page`] or [`Order::on_read_failed`].
    Read(From),
    /// The same, so many entries.
    Find(usize),
}

/// One video's order as this gateway has passed it on.
#[derive(Debug)]
pub(crate) struct Order {
    encoder: Encoder,
    log: ByteLog,
    /// The last place passed on.
    head: Position,
    /// The last place heard of.
    known: Position,
    /// Entries beyond a hole, by place.
    held: BTreeMap<Position, Entry>,
    /// The last place passed on in earlier epochs, newest last.
    past: Vec<Position>,
    /// Since when `known` is beyond `head`.
    behind_since: Option<Millis>,
    /// No read before this time.
    read_not_before: Millis,
    /// A viewer claims to know more: read, whatever `known` says.
    read_asked: bool,
    /// Reads that failed since one succeeded.
    read_failures: u32,
    /// Shown without a position.
    placeless: Placeless,
    erasures: Erasures,
    room: Room,
    numbers: Numbers,
    /// The room may have changed unnoticed.
    doubts_room: bool,
    /// While nobody knows where the live log is.
    adrift: Option<Box<Adrift>>,
}

impl Order {
    /// Begins with what the live log holds now.
    pub(crate) fn new(encoder: Encoder, placeless: Placeless, page: LogPage) -> Self {
        let head = match page.entries.first() {
            Some(oldest) => Position { seq: oldest.position.seq - 1, ..oldest.position },
            None => page.head,
        };
        let mut order = Self::at(encoder, placeless, head);
        order.known = page.head;
        order.on_page(page, 0);
        order
    }

    fn at(encoder: Encoder, placeless: Placeless, head: Position) -> Self {
        Self {
            encoder,
            log: ByteLog::new(head),
            head,
            known: head,
            held: BTreeMap::new(),
            past: Vec::new(),
            behind_since: None,
            read_not_before: 0,
            read_asked: false,
            read_failures: 0,
            placeless,
            erasures: Erasures::default(),
            room: Room::default(),
            numbers: Numbers::default(),
            doubts_room: false,
            adrift: None,
        }
    }

    /// What writes the frames.
    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The bytes, for viewers to read.
    pub(crate) fn log(&self) -> &ByteLog {
        &self.log
    }

    /// What the cursor of a viewer at this place says.
    pub(crate) fn spot(&self, place: Place) -> Spot {
        let Place { position, ordinal, .. } = place;
        Spot { position, mark: self.mark(position, ordinal) }
    }

    fn mark(&self, position: Position, ordinal: u64) -> Option<Mark> {
        self.placeless.mark(position, ordinal, self.log.start())
    }

    /// Ends a pass; tells whether it is news for viewers' tasks: something to read, or to read anew.
    pub(crate) fn seal(&mut self, now: Millis) -> bool {
        let Self { log, placeless, erasures, room, .. } = self;
        // The live log knows the ids of its epoch, and not those of one that is over.
        let is_new = log.seal(|id, epoch_end| placeless.remember(id, epoch_end, now));
        placeless.trim(log.start());
        // All of them, whatever the first ones say.
        erasures.seal() | room.seal() | is_new
    }

    /// What the room is like.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// What set each slot of the room.
    pub(crate) fn on_room(&mut self, events: &[Event]) {
        self.room.fill(events);
    }

    /// What the video's numbers are, of which so many viewers are here.
    pub(crate) fn on_tally(&mut self, tally: &Tally, here: u64) {
        self.numbers.take(tally, here, &mut self.log);
    }

    /// What newcomers are told after their replay: frames without `id:`.
    pub(crate) fn snapshot(&self) -> Option<Bytes> {
        let room = self.room.snapshot();
        let frames = room.iter().chain(self.numbers.snapshot());
        let bytes: Vec<u8> = frames.flatten().copied().collect();
        (!bytes.is_empty()).then(|| bytes.into())
    }

    /// Whether viewers of this place and the one after it were told of reactions in between.
    pub(crate) fn has_reactions_between(&self, from: Place, to: Place) -> bool {
        self.numbers.has_reactions_between(from.offset, to.offset)
    }

    /// Whether the room may have changed unnoticed since this was asked last.
    pub(crate) fn doubts_room(&mut self) -> bool {
        std::mem::take(&mut self.doubts_room)
    }

    /// A comment line for everybody.
    pub(crate) fn heartbeat(&mut self, now: Millis) {
        self.log.append_latest(Latest::Heartbeat, Bytes::from_static(frame::HEARTBEAT));
        self.placeless.forget(now);
        self.erasures.forget(now);
    }

    /// Entries pushed by a dispatcher: in order or not, new or not.
    pub(crate) fn on_pushed(&mut self, mut entries: Vec<Entry>, now: Millis) {
        self.take_effect(&mut entries, now);
        for entry in entries {
            if !entry.position.is_given() {
                self.show_until_placed(&entry, now);
            } else if entry.position.epoch < self.head.epoch {
                self.pass_late(&entry, now);
            } else if self.follows(entry.position) {
                self.pass(&entry);
                self.pass_held();
            } else if entry.position > self.head {
                self.hold(entry, now);
            } else {
                metrics::counter!("chorus_gateway_repeats_total").increment(1);
            }
        }
        self.note_behind(now);
    }

    /// The live log's head, heard of from the index of changes; tells whether it was news.
    pub(crate) fn on_head(&mut self, head: Position, now: Millis) -> bool {
        let is_news = head > self.known;
        self.known = self.known.max(head);
        self.note_behind(now);
        is_news
    }

    /// The read that a wish asked for begins: what is asked for from now on takes another.
    pub(crate) fn on_read_begun(&mut self) {
        self.read_asked = false;
    }

    /// A page that a wish asked for.
    pub(crate) fn on_page(&mut self, mut page: LogPage, now: Millis) {
        self.take_effect(&mut page.entries, now);
        self.read_failures = 0;
        if let Some(adrift) = self.adrift.take() {
            return self.find(*adrift, page, now);
        }
        let before = self.head;
        if page.head >= self.head {
            self.take(page, now);
        }
        if self.head == before {
            // Whoever told of more was ahead of the log, or wrong: no reason to spin.
            self.read_not_before = now + READ_RETRY_MS;
        }
        self.read_more(now);
    }

    /// What the log is known to hold beyond a page that was read needs no grace.
    fn read_more(&mut self, now: Millis) {
        self.behind_since = self.is_behind().then(|| now.saturating_sub(HOLE_MS));
    }

    fn take(&mut self, page: LogPage, now: Millis) {
        if page.head.epoch > self.head.epoch {
            self.enter_epoch(Position { epoch: page.head.epoch, seq: page.first - 1 }, now);
        } else if page.first > self.head.seq + 1 {
            self.skip_to(Position { seq: page.first - 1, ..self.head });
        }
        for entry in page.entries.iter().filter(|e| e.position.epoch == page.head.epoch) {
            if self.follows(entry.position) {
                self.pass(entry);
            }
        }
        self.known = self.known.max(page.head);
        self.pass_held();
    }

    /// The read that a wish asked for failed. What waits behind a hole waits no longer: the log is
    /// away, who knows for how long.
    pub(crate) fn on_read_failed(&mut self, now: Millis) {
        let wait = READ_RETRY_MS << self.read_failures.min(8);
        self.read_not_before = now + wait.min(READ_RETRY_MAX_MS);
        self.read_failures += 1;
        let held = std::mem::take(&mut self.held);
        for entry in held.values() {
            self.show_until_placed(entry, now);
        }
        self.held = held;
    }

    /// Whether the last read failed.
    fn is_log_away(&self) -> bool {
        self.read_failures > 0
    }

    /// Asks for a read even though nothing is known to be missing.
    pub(crate) fn ask_read(&mut self) {
        self.read_asked = true;
    }

    /// Whether the log is known to hold more than was passed on, or nothing is known of it.
    pub(crate) fn is_behind(&self) -> bool {
        self.known > self.head || self.adrift.is_some()
    }

    /// What to do next.
    pub(crate) fn wish(&self, now: Millis) -> Wish {
        let due = match self.behind_since {
            _ if self.read_asked || self.adrift.is_some() => self.read_not_before,
            Some(since) => (since + HOLE_MS).max(self.read_not_before),
            None => return Wish::Wait,
        };
        match &self.adrift {
            _ if due > now => Wish::WaitUntil(due),
            Some(adrift) => Wish::Find(adrift.look_len()),
            None => Wish::Read(From::After(self.head)),
        }
    }

    /// What entries take away or set counts at once, before their turn to be shown.
    fn take_effect(&mut self, entries: &mut [Entry], now: Millis) {
        self.erase_for(entries, now);
        entries.iter().for_each(|entry| self.room.take(&entry.event));
    }

    fn follows(&self, position: Position) -> bool {
        position.epoch == self.head.epoch && position.seq == self.head.seq + 1
    }

    /// An entry beyond a hole waits for what fills it, unless the log is away.
    fn hold(&mut self, entry: Entry, now: Millis) {
        self.known = self.known.max(entry.position);
        if self.is_log_away() {
            self.show_until_placed(&entry, now);
        }
        if self.held.len() < HELD_MAX {
            self.held.insert(entry.position, entry);
        }
    }

    fn note_behind(&mut self, now: Millis) {
        self.behind_since = self.is_behind().then(|| self.behind_since.unwrap_or(now));
    }
}

#[cfg(test)]
mod tests;
