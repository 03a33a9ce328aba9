//! How entries go out: in their place, without one, or told of as skipped.

use common::{
    event::{Entry, Event, Kind, Stamp},
    position::Position,
};

use super::{Millis, Order};
use crate::{
    frame::{self, Spot},
    tier::shown_above,
};

/// Epochs remembered to tell whether one of their entries was passed on.
const PAST_EPOCHS_MAX: usize = 8;

impl Order {
    /// The next entry of the log. Of an event that was shown already only the position is news.
    pub(super) fn pass(&mut self, entry: &Entry) {
        self.head = entry.position;
        if let Some(since) = self.shown_before(&entry.event) {
            self.move_positions(entry.position);
            self.placeless.substitute(self.log.end(), since);
            return;
        }
        let mark = self.mark(entry.position, self.log.end().ordinal + 1);
        let event = (entry.event.id, shown_above(&entry.event, entry.stamp));
        let Self { encoder, log, .. } = self;
        log.append(event, entry.position, |out| encoder.entry(out, entry, mark));
    }

    /// From which offset on a position doesn't tell whether a viewer has seen the event, if it was shown.
    /// Who has seen a comment is not told that it is skipped.
    fn shown_before(&mut self, event: &Event) -> Option<u64> {
        let told = (event.kind == Kind::SKIPPED).then(|| event.id.of_told());
        let mut ids = told.into_iter().chain([event.id]);
        ids.find_map(|id| self.placeless.take(&id).or(self.log.epoch_end(&id)))
    }

    pub(super) fn pass_held(&mut self) {
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

    /// Shows an event that has no position, or none that could be told yet, unless it was shown. Its
    /// position follows when it comes.
    pub(super) fn show_until_placed(&mut self, entry: &Entry, now: Millis) {
        let id = entry.event.id;
        if entry.event.kind == Kind::BARE || self.log.has(&id) || self.placeless.has(&id) {
            return;
        }
        if let Some(stamp) = self.placeless.await_place((id, entry.stamp), self.log.end(), now) {
            metrics::counter!("chorus_gateway_placeless_total").increment(1);
            self.show_without_place(entry, stamp);
        } else {
            // Shown now it would be shown twice: it comes with its position.
            metrics::counter!("chorus_gateway_placeless_refused_total").increment(1);
        }
    }

    /// An entry of an epoch that is over goes out without a position, unless it went out before.
    pub(super) fn pass_late(&mut self, entry: &Entry, now: Millis) {
        let passed = self
            .past
            .iter()
            .any(|last| last.epoch == entry.position.epoch && entry.position.seq <= last.seq);
        let id = entry.event.id;
        let is_bare = entry.event.kind == Kind::BARE;
        if is_bare || passed || self.log.has(&id) || self.placeless.has(&id) {
            return;
        }
        metrics::counter!("chorus_gateway_late_total").increment(1);
        self.placeless.shows(self.log.end());
        self.placeless.remember(id, self.log.end().offset + 1, now);
        self.show_without_place(entry, entry.stamp);
    }

    /// The block has no `id:` of its own. One that moves only the mark follows it, so that who comes
    /// back to this gateway is not shown it again.
    fn show_without_place(&mut self, entry: &Entry, stamp: Stamp) {
        let mark = self.mark(self.head, self.log.end().ordinal + 1);
        let spot = Spot { position: self.head, mark };
        let event = (entry.event.id, shown_above(&entry.event, stamp));
        let Self { encoder, log, .. } = self;
        log.append(event, spot.position, |out| {
            frame::unpositioned(out, entry);
            encoder.bare(out, spot);
        });
    }

    /// The log was lost or replaced: viewers' positions move into the new epoch at once, or all of
    /// them would be reset when they come back. What is held of the old epoch goes out without a
    /// position, for it can't get its place any more; what was only heard of is told, and what is
    /// trimmed.
    pub(super) fn enter_epoch(&mut self, start: Position, now: Millis) {
        metrics::counter!("chorus_gateway_epochs_total").increment(1);
        let old = self.head;
        self.doubts_room = true;
        self.past.push(old);
        if self.past.len() > PAST_EPOCHS_MAX {
            self.past.remove(0);
        }
        self.head = start;
        let newer = self.held.split_off(&Position { epoch: start.epoch, seq: 0 });
        let stranded = std::mem::replace(&mut self.held, newer);
        let is_heard = self.known.epoch == old.epoch;
        let heard = if is_heard { self.known.seq.saturating_sub(old.seq) } else { 0 };
        let unseen = heard.saturating_sub(stranded.len() as u64);
        // What the new log has had and trimmed already is before its start. This comes first: what
        // has no position is shown at the new one.
        self.tell_skipped(unseen + start.seq, old, start);
        for entry in stranded.values() {
            self.pass_late(entry, now);
        }
    }

    /// The live log was trimmed past the hole: said, never hidden. What is held of it is shown.
    pub(super) fn skip_to(&mut self, to: Position) {
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
            self.doubts_room = true;
            self.tell_skipped(to.seq - from.seq, from, to);
        }
    }

    /// Moves viewers' positions to `to`, and tells them of what was left out, if anything was.
    pub(super) fn tell_skipped(&mut self, count: u64, from: Position, to: Position) {
        metrics::counter!("chorus_gateway_skipped_total").increment(count);
        let spot = Spot { position: to, mark: self.mark(to, self.log.end().ordinal) };
        let Self { encoder, log, .. } = self;
        log.append_bare(to, |out| {
            if count > 0 {
                encoder.skipped(out, count, from, to);
            }
            encoder.bare(out, spot);
        });
    }

    /// Moves viewers' positions, and shows nothing.
    fn move_positions(&mut self, to: Position) {
        self.tell_skipped(0, to, to);
    }
}
