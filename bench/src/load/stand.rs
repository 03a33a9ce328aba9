//! All viewers of this process, on one thread and one epoll.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use mio::{Events, Poll, Registry, Token};

use super::LOOK_EVERY;
use super::dialect::Ask;
use super::outcome::{Opened, in_seconds};
use super::seat::{Buffer, Seat, State};
use crate::clock::Clock;
use crate::closed_loop::micros;

/// Viewers who are on their way at a time, unless all come at once.
const COMING_MAX: usize = 64;
/// Sockets that are seen to between two looks at what is due.
const EVENTS_MAX: usize = 64;

/// Who is told of deliveries.
pub(super) trait Note {
    /// A viewer of `video` who had `place` comments gets `number`.
    fn note(&mut self, video: usize, place: &mut u32, number: u32, now_us: u64);
}

/// Who watches what.
pub(super) struct Plan {
    /// Taken in turn.
    pub(super) servers: Vec<SocketAddr>,
    /// Addresses that viewers connect from, taken in turn; the system's choice when there are none.
    pub(super) sources: Vec<IpAddr>,
    /// By video, which are taken in turn.
    pub(super) asks: Vec<Ask>,
    pub(super) viewers: usize,
    /// So many more never read.
    pub(super) stuck: usize,
    /// All come at once.
    pub(super) herd: bool,
    /// Who gets no stream for so long won't.
    pub(super) silence: Duration,
}

pub(super) struct Stand {
    plan: Plan,
    poll: Poll,
    events: Events,
    buffer: Buffer,
    pub(super) seats: Vec<Seat>,
    /// Seats that have their stream, or won't get one.
    settled: usize,
    clock: Clock,
}

impl Stand {
    pub(super) fn new(plan: Plan, clock: Clock) -> Result<Self> {
        Ok(Self {
            plan,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            buffer: Buffer::new(),
            seats: Vec::new(),
            settled: 0,
            clock,
        })
    }

    /// Where others register, with tokens from [`seats_max`](Self::seats_max) on.
    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    pub(super) fn seats_max(&self) -> usize {
        self.plan.viewers + self.plan.stuck
    }

    /// Opens every stream.
    pub(super) fn open(
        &mut self,
        notes: &mut impl Note,
        mut other: impl FnMut(usize),
    ) -> Result<Opened> {
        let (total, silence_us) = (self.seats_max(), micros(self.plan.silence));
        let coming_max = if self.plan.herd { total } else { COMING_MAX };
        let began_us = self.clock.micros();
        let mut last_us = began_us;
        while self.settled < total && self.clock.micros() - last_us < silence_us {
            while self.seats.len() < total.min(self.settled + coming_max) {
                self.invite()?;
            }
            let before = self.settled;
            self.turn(LOOK_EVERY, notes, &mut other)?;
            if self.settled > before {
                last_us = self.clock.micros();
            }
        }
        let watching = self.seats.iter().filter(|seat| seat.state == State::Watching).count();
        Ok(Opened { open_s: in_seconds(last_us - began_us), refused: (total - watching) as u64 })
    }

    /// The next viewer.
    fn invite(&mut self) -> Result<()> {
        let Plan { servers, sources, asks, viewers, .. } = &self.plan;
        let number = self.seats.len();
        let server = servers[number % servers.len()];
        // All sources at each server, also where there are as many of both.
        let turn = number / servers.len();
        let source = sources.get(turn % sources.len().max(1)).copied();
        let (video, is_stuck) = (number % asks.len(), number >= *viewers);
        let register = (self.poll.registry(), Token(number));
        self.seats.push(Seat::new(server, source, video, is_stuck, register)?);
        Ok(())
    }

    /// Sees to the sockets that have something; `other` to those that aren't a viewer's, by how
    /// many come before them.
    pub(super) fn turn(
        &mut self,
        wait: Duration,
        notes: &mut impl Note,
        mut other: impl FnMut(usize),
    ) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let seats_max = self.seats_max();
        for event in &self.events {
            let Token(at) = event.token();
            let Some(seat) = self.seats.get_mut(at) else {
                other(at - seats_max);
                continue;
            };
            let was_settled = seat.is_settled();
            let ask = &self.plan.asks[seat.video];
            seat.act(ask, &mut self.buffer, notes, self.clock);
            if event.is_read_closed() {
                // The end came with the last bytes, and nothing will tell of it again.
                seat.act(ask, &mut self.buffer, notes, self.clock);
            }
            self.settled += usize::from(seat.is_settled() && !was_settled);
        }
        Ok(())
    }
}
