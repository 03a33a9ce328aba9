//! The decisions of one video: what goes out, in which order, when to read the live log, and
//! ([`opening`]) where a viewer begins. No I/O and no clock: `now` comes in, wishes go out.

use std::collections::BTreeMap;

use common::{
    event::Entry,
    live_log::{From, LogPage},
    position::Position,
};

use crate::{
    byte_log::ByteLog,
    frame::{self, Encoder},
    tier::shown_above,
};

pub(crate) use opening::{Opening, Start};

mod opening;

/// How long a hole may stay open for a late batch, milliseconds.
const HOLE_MS: u64 = 20;
/// How long after a failed read the next one waits, milliseconds.
const READ_RETRY_MS: u64 = 200;
/// Entries kept beyond a hole; more are dropped, for the read that heals it brings them too.
const HELD_MAX: usize = 1024;
/// Epochs remembered to tell whether one of their entries was passed on.
const PAST_EPOCHS_MAX: usize = 8;

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
}

impl Order {
    /// Begins with what the live log holds now.
    pub(crate) fn new(encoder: Encoder, page: LogPage) -> Self {
        let head = match page.entries.first() {
            Some(oldest) => Position { seq: oldest.position.seq - 1, ..oldest.position },
            None => page.head,
        };
        let mut order = Self {
            encoder,
            log: ByteLog::new(head),
            head,
            known: page.head,
            held: BTreeMap::new(),
            past: Vec::new(),
            behind_since: None,
            read_not_before: 0,
            read_asked: false,
        };
        order.on_page(page, 0);
        order
    }

    /// What writes the frames.
    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The bytes, for viewers to read.
    pub(crate) fn log(&self) -> &ByteLog {
        &self.log
    }

    /// Ends a pass; tells whether viewers have anything new to read.
    pub(crate) fn seal(&mut self) -> bool {
        self.log.seal()
    }

    /// A comment line for everybody.
    pub(crate) fn heartbeat(&mut self) {
        self.log.append_unordered(frame::HEARTBEAT);
    }

    /// Entries pushed by a dispatcher: in order or not, new or not.
    pub(crate) fn on_pushed(&mut self, entries: Vec<Entry>, now: Millis) {
        for entry in entries {
            if entry.position.epoch < self.head.epoch {
                self.pass_late(&entry);
            } else if self.follows(entry.position) {
                self.pass(&entry);
                self.pass_held();
            } else if entry.position > self.head {
                self.hold(entry);
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

    /// The read that [`Wish::Read`] asked for begins: what is asked for from now on takes another.
    pub(crate) fn on_read_begun(&mut self) {
        self.read_asked = false;
    }

    /// A page that [`Wish::Read`] asked for.
    pub(crate) fn on_page(&mut self, page: LogPage, now: Millis) {
        let before = self.head;
        if page.head >= self.head {
            self.take(page);
        }
        if self.head == before {
            // Whoever told of more was ahead of the log, or wrong: no reason to spin.
            self.read_not_before = now + READ_RETRY_MS;
        }
        // What the log is known to hold beyond this page needs no grace.
        self.behind_since = self.is_behind().then(|| now.saturating_sub(HOLE_MS));
    }

    fn take(&mut self, page: LogPage) {
        if page.head.epoch > self.head.epoch {
            self.enter_epoch(Position { epoch: page.head.epoch, seq: page.first - 1 });
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

    /// The read that [`Wish::Read`] asked for failed.
    pub(crate) fn on_read_failed(&mut self, now: Millis) {
        self.read_not_before = now + READ_RETRY_MS;
    }

    /// Asks for a read even though nothing is known to be missing.
    pub(crate) fn ask_read(&mut self) {
        self.read_asked = true;
    }

    /// Whether the log is known to hold more than was passed on.
    pub(crate) fn is_behind(&self) -> bool {
        self.known > self.head
    }

    /// What to do next.
    pub(crate) fn wish(&self, now: Millis) -> Wish {
        let due = match self.behind_since {
            _ if self.read_asked => self.read_not_before,
            Some(since) => (since + HOLE_MS).max(self.read_not_before),
            None => return Wish::Wait,
        };
        if due <= now { Wish::Read(From::After(self.head)) } else { Wish::WaitUntil(due) }
    }

    fn follows(&self, position: Position) -> bool {
        position.epoch == self.head.epoch && position.seq == self.head.seq + 1
    }

    fn pass(&mut self, entry: &Entry) {
        let Self { encoder, log, .. } = self;
        self.head = entry.position;
        if log.has(&entry.event.id) {
            // Shown already, without a position: only the position is news.
            log.append_bare(entry.position, |out| encoder.bare(out, entry.position));
        } else {
            let event = (entry.event.id, shown_above(entry));
            log.append(event, entry.position, |out| encoder.entry(out, entry));
        }
    }

    fn pass_held(&mut self) {
        while let Some(next) = self.held.first_entry() {
            if *next.key() > self.head {
                let position = *next.key();
                if !self.follows(position) {
                    break;
                }
                if let Some(entry) = self.held.remove(&position) {
                    self.pass(&entry);
                }
            } else {
                next.remove();
            }
        }
    }

    /// An entry of an epoch that is over goes out without a position, unless it went out before.
    fn pass_late(&mut self, entry: &Entry) {
        let passed = self
            .past
            .iter()
            .any(|last| last.epoch == entry.position.epoch && entry.position.seq <= last.seq);
        if passed || self.log.has(&entry.event.id) {
            return;
        }
        metrics::counter!("chorus_gateway_late_total").increment(1);
        let head = self.head;
        let event = (entry.event.id, shown_above(entry));
        self.log.append(event, head, |out| frame::unpositioned(out, entry));
    }

    fn hold(&mut self, entry: Entry) {
        self.known = self.known.max(entry.position);
        if self.held.len() < HELD_MAX {
            self.held.insert(entry.position, entry);
        }
    }

    /// The log was lost or replaced: viewers' positions move into the new epoch at once, or all of
    /// them would be reset when they come back. What is held of the old epoch goes out without a
    /// position, for it can't get its place any more; what was only heard of is told.
    fn enter_epoch(&mut self, start: Position) {
        metrics::counter!("chorus_gateway_epochs_total").increment(1);
        let old = self.head;
        self.past.push(old);
        if self.past.len() > PAST_EPOCHS_MAX {
            self.past.remove(0);
        }
        self.head = start;
        let newer = self.held.split_off(&Position { epoch: start.epoch, seq: 0 });
        let stranded = std::mem::replace(&mut self.held, newer);
        for entry in stranded.values() {
            self.pass_late(entry);
        }
        let heard = if self.known.epoch == old.epoch { self.known.seq - old.seq } else { 0 };
        self.tell_skipped(heard.saturating_sub(stranded.len() as u64), old, start);
    }

    /// The live log was trimmed past the hole: said, never hidden. What is held of it is shown.
    fn skip_to(&mut self, to: Position) {
        while let Some(next) = self.held.first_entry().filter(|next| *next.key() <= to) {
            let entry = next.remove();
            if entry.position > self.head {
                self.skip(Position { seq: entry.position.seq - 1, ..to });
                self.pass(&entry);
            }
        }
        self.skip(to);
    }

    fn skip(&mut self, to: Position) {
        if to > self.head {
            let from = std::mem::replace(&mut self.head, to);
            self.tell_skipped(to.seq - from.seq, from, to);
        }
    }

    /// Moves viewers' positions to `to`, and tells them of what was left out, if anything was.
    fn tell_skipped(&mut self, count: u64, from: Position, to: Position) {
        metrics::counter!("chorus_gateway_skipped_total").increment(count);
        let Self { encoder, log, .. } = self;
        log.append_bare(to, |out| {
            if count > 0 {
                encoder.skipped(out, count, from, to);
            }
            encoder.bare(out, to);
        });
    }

    fn note_behind(&mut self, now: Millis) {
        self.behind_since = self.is_behind().then(|| self.behind_since.unwrap_or(now));
    }
}

#[cfg(test)]
mod tests;
