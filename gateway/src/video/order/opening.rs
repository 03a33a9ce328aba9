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
        let Some(position) = cursor.and_then(|cursor| cursor.at(self.encoder.origin())) else {
            return Some(reset);
        };
        if let Some(place) = self.log.place_after(position) {
            return Some(self.opening(Status::Continued, place));
        }
        let older = position.epoch == self.log.start().position.epoch;
        let opening = Opening { older: older.then_some(position), ..reset };
        (position < self.head).then_some(opening)
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
        let resume = Resume { status, from: place.position, to: end.position, replayed };
        Opening { resume, place, older: None }
    }
}
