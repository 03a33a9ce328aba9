//! What the viewers of one thread share. No locks: they take turns on that thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::origin::Origin;
use crate::recording::{Recording, Viewed};
use crate::response::Refusal;

/// Connections being opened at a time; half of a common accept queue.
const CONNECTS_MAX: usize = 64;
/// One read takes at most this much.
const READ_LEN_MAX: usize = 256 * 1024;

/// Where to watch, and from where.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Gateways; whoever finds nobody listening at one goes on to the next.
    pub(crate) origins: Vec<Origin>,
    /// Viewers begin at different ones, in turn; otherwise all begin at the first.
    pub(crate) spread: bool,
    /// Source addresses, taken in turn; empty lets the system choose.
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) video: String,
    /// Comments to expect, to make room at the start.
    pub(crate) comments: usize,
}

/// How often things happened to viewers' connections.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    /// Connections tried, first ones and later ones.
    pub(crate) attempts: u64,
    /// Answers that were no stream, by status (0: not HTTP or not `text/event-stream`).
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Why the last one failed that failed in the network.
    pub(crate) last_error: Option<io::Error>,
}

impl Mishaps {
    pub(crate) fn absorb(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.last_error = other.last_error.or(self.last_error.take());
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
    }
}

/// The viewers' common ground.
pub(crate) struct Hall {
    pub(crate) clock: Clock,
    pub(crate) path: String,
    pub(crate) buffer: RefCell<Box<[u8]>>,
    pub(crate) recording: RefCell<Recording>,
    pub(crate) mishaps: RefCell<Mishaps>,
    pub(crate) connects: Semaphore,
    view: View,
    /// Number of the first seat: seats are numbered over all halls, to spread them evenly.
    first_seat: usize,
}

impl Hall {
    pub(crate) fn new(clock: Clock, view: View, first_seat: usize, seats: usize) -> Self {
        let room = || Viewed { sightings: Vec::with_capacity(view.comments), ..Viewed::default() };
        let viewers = std::iter::repeat_with(room).take(seats).collect();
        Self {
            clock,
            path: format!("/v1/videos/{}/stream?recent=0", view.video),
            buffer: RefCell::new(vec![0; READ_LEN_MAX].into_boxed_slice()),
            recording: RefCell::new(Recording { viewers, ..Recording::default() }),
            mishaps: RefCell::default(),
            connects: Semaphore::new(CONNECTS_MAX),
            view,
            first_seat,
        }
    }

    /// Where this viewer watches after so many gateways were found gone.
    pub(crate) fn origin(&self, seat: usize, gone: usize) -> &Origin {
        let home = if self.view.spread { self.first_seat + seat } else { 0 };
        &self.view.origins[home.wrapping_add(gone) % self.view.origins.len()]
    }

    pub(crate) fn origins(&self) -> usize {
        self.view.origins.len()
    }

    pub(crate) fn source(&self, seat: usize) -> Option<IpAddr> {
        let sources = &self.view.sources;
        sources.get((self.first_seat + seat) % sources.len().max(1)).copied()
    }

    pub(crate) fn has_ended(&self, seat: usize) -> bool {
        self.recording.borrow().viewers[seat].ended
    }

    pub(crate) fn tried(&self) {
        self.mishaps.borrow_mut().attempts += 1;
    }

    pub(crate) fn broke(&self, error: io::Error) {
        self.mishaps.borrow_mut().last_error = Some(error);
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        let status = match refusal {
            Refusal::Status(status) => status,
            Refusal::ContentType | Refusal::Protocol => 0,
        };
        *self.mishaps.borrow_mut().refused.entry(status).or_default() += 1;
    }
}
