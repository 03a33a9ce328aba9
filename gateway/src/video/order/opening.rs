//! Where a viewer begins: the `resume` verdict.

use common::position::{Cursor, Position};

use super::Order;
use crate::{
    byte_log::Place,
    frame::{Resume, Status},
};

/// Where a viewer wants to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// After a cursor (`None`: what was given is no cursor of ours).
    After(Option<Cursor>),
    /// With the newest events.
    Newest,
}

/// Where a viewer does begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// The verdict.
    pub(crate) resume: Resume,
    /// Where reading begins.
    pub(crate) place: Place,
    /// The viewer's position is older than the byte log. If the live log still has what follows
    /// it, the verdict is `continued` from here, and `place` is not where reading begins.
    pub(crate) older: Option<Position>,
}

impl Order {
    /// Where a viewer begins who asked for `start`, and for `recent` events unless it continues.
    /// `None`: its position is beyond all that is known here, so this gateway may be behind. Read,
    /// then ask [`Order::resume_settled`].
    pub(crate) fn resume(&self, start: &Start, recent: u64) -> Option<Opening> {
        let cursor = match start {
            Start::Newest => return Some(self.newest(Status::New, recent)),
            Start::After(cursor) => cursor.as_ref(),
        };
        let reset = self.newest(Status::Reset, recent);
        let Some((cursor, position)) =
            cursor.and_then(|cursor| Some((cursor, cursor.at(self.encoder.origin())?)))
        else {
            return Some(reset);
        };
        let continued = |place| self.opening(Status::Continued, place);
        if let Some(ordinal) = self.placeless.ordinal(cursor.mark()) {
            // Its viewer has seen some events without a position, which nothing but this log tells.
            return Some(self.log.place_at(position, ordinal).map_or(reset, continued));
        }
        if !position.is_given() {
            return Some(reset); // another gateway's, which did not know where the live log was
        }
        match self.log.place_after(position) {
            None if position >= self.head => None,
            Some(place) if !self.placeless.misses(place) => Some(continued(place)),
            _ => Some(Opening { older: self.is_in_pages(position).then_some(position), ..reset }),
        }
    }

    /// The place after a position that another gateway may have given: none when the byte log has
    /// something after it that only stands for an event shown before.
    pub(crate) fn place_after(&self, position: Position) -> Option<Place> {
        self.log.place_after(position).filter(|place| !self.placeless.misses(*place))
    }

    /// Whether pages of the live log lead from `position` to a place in the byte log.
    fn is_in_pages(&self, position: Position) -> bool {
        position.epoch == self.pages_until().epoch && !self.placeless.are_awaited()
    }

    /// Up to where a viewer is served pages of the live log before the byte log goes on: its start, or
    /// behind all that only stands for an event shown before.
    pub(crate) fn pages_until(&self) -> Position {
        self.placeless.last_substitute().unwrap_or(self.log.start()).position
    }

    /// As [`Order::resume`], after a read: who is still ahead has a position that nobody gave.
    pub(crate) fn resume_settled(&self, start: &Start, recent: u64) -> Opening {
        self.resume(start, recent).unwrap_or_else(|| self.newest(Status::Reset, recent))
    }

    fn newest(&self, status: Status, recent: u64) -> Opening {
        self.opening(status, self.log.place_of_newest(recent))
    }

    fn opening(&self, status: Status, place: Place) -> Opening {
        let end = self.log.end();
        let replayed = end.ordinal - place.ordinal;
        let (from, to) = (self.spot(place), self.spot(end));
        let resume = Resume { status, from, to, replayed };
        Opening { resume, place, older: None }
    }
}
