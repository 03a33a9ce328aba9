//! `bench load`: the cheapest viewers and commenters there can be, on one thread, so that what is
//! measured is the server. `bench compare` runs one beside each server.
//!
//! [`seat`]s watch and [`posts`] are made, both spoken in a server's [`dialect`]; comments carry a
//! [`marker`] each, and all viewers of a video must have them in one [`order`].

#![expect(clippy::print_stdout, reason = "what it found is this command's output")]

use std::io::{BufRead, ErrorKind, stdin};
use std::time::Duration;

use anyhow::Result;
use mio::{Events, Poll, Token};

use crate::args::LoadArgs;
use crate::clock::Clock;
use crate::closed_loop::micros;
use crate::machine::{allow_open_files, thread_cpu};
use crate::replay::FILES_SPARE;

use ledger::Ledger;
use outcome::in_seconds;
use posts::Posts;
use seat::{Buffer, Seat, State};

pub(crate) use outcome::{Delivered, Opened};

pub(crate) mod dialect;
mod ledger;
mod marker;
mod order;
mod outcome;
mod posts;
mod seat;

/// Viewers who are on their way at a time, unless all come at once.
const COMING_MAX: usize = 64;
/// Sockets that are seen to between two looks at what is due.
const EVENTS_MAX: usize = 64;
/// How often to look for an end when nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Opens the streams, says so, waits for a line on stdin (or its end), posts, and says what came of
/// it; each in a line of JSON.
pub(crate) fn run(args: &LoadArgs) -> Result<()> {
    let mut load = Load::new(args)?;
    println!("{}", serde_json::to_string(&load.open()?)?);
    if args.posts()? > 0 {
        stdin().lock().read_line(&mut String::new())?;
        println!("{}", serde_json::to_string(&load.post()?)?);
    }
    // Streams stay open until whoever started this has measured what they cost.
    stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

struct Load<'a> {
    args: &'a LoadArgs,
    poll: Poll,
    events: Events,
    buffer: Buffer,
    seats: Vec<Seat>,
    /// Seats that have their stream, or won't get one.
    settled: usize,
    /// By video.
    requests: Vec<String>,
    posts: Posts,
    ledger: Ledger,
    /// Deliveries that there should be, once all posts are answered.
    expected: Option<u64>,
    clock: Clock,
}

impl<'a> Load<'a> {
    fn new(args: &'a LoadArgs) -> Result<Self> {
        allow_open_files(args.viewers + args.stuck + args.in_flight + FILES_SPARE)?;
        let (poll, posts) = (Poll::new()?, args.posts()?);
        let lines = if posts > 0 { args.in_flight } else { 0 };
        let first = args.viewers + args.stuck;
        Ok(Self {
            args,
            posts: Posts::new(args.server, lines, posts, (poll.registry(), first))?,
            ledger: Ledger::new(args.videos, posts)?,
            requests: (0..args.videos).map(|video| args.dialect.stream(video)).collect(),
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            buffer: Buffer::new(),
            seats: Vec::new(),
            settled: 0,
            expected: None,
            clock: Clock::start(),
        })
    }

    /// Opens every stream.
    fn open(&mut self) -> Result<Opened> {
        let total = self.args.viewers + self.args.stuck;
        let coming_max = if self.args.herd { total } else { COMING_MAX };
        let began_us = self.clock.micros();
        let mut last_us = began_us;
        while self.settled < total && self.clock.micros() - last_us < self.silence_us() {
            while self.seats.len() < total.min(self.settled + coming_max) {
                self.invite()?;
            }
            let before = self.settled;
            self.turn(LOOK_EVERY)?;
            if self.settled > before {
                last_us = self.clock.micros();
            }
        }
        let watching = self.seats.iter().filter(|seat| seat.state == State::Watching).count();
        Ok(Opened { open_s: in_seconds(last_us - began_us), refused: (total - watching) as u64 })
    }

    /// The next viewer.
    fn invite(&mut self) -> Result<()> {
        let LoadArgs { server, viewers, videos, source, .. } = self.args;
        let number = self.seats.len();
        let source = source.get(number % source.len().max(1)).copied();
        let register = (self.poll.registry(), Token(number));
        let (video, is_stuck) = (number % videos, number >= *viewers);
        self.seats.push(Seat::new(*server, source, video, is_stuck, register)?);
        Ok(())
    }

    /// Sees to the sockets that have something.
    fn turn(&mut self, wait: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let Token(at) = event.token();
            let Some(seat) = self.seats.get_mut(at) else {
                self.posts.act(at - self.args.viewers - self.args.stuck);
                continue;
            };
            let was_settled = seat.is_settled();
            let request = &self.requests[seat.video];
            seat.act(request, &mut self.buffer, &mut self.ledger, self.clock);
            self.settled += usize::from(seat.is_settled() && !was_settled);
        }
        Ok(())
    }

    /// Posts every comment when it is due, and waits until all have what they should.
    fn post(&mut self) -> Result<Delivered> {
        let (posts, cpu_before) = (self.args.posts()?, thread_cpu());
        let start_us = self.clock.micros();
        self.ledger.begin((0..posts).map(|number| start_us + self.args.due_us(number)).collect());
        let mut next = 0;
        while !self.has_ended(next) {
            let now_us = self.clock.micros();
            while self.ledger.due_us(next).is_some_and(|due_us| due_us <= now_us) {
                self.posts.due(next);
                next += 1;
            }
            let LoadArgs { videos, dialect, .. } = *self.args;
            self.posts.send(|number| dialect.post(number as usize % videos, number));
            let until_due = self.ledger.due_us(next).map(|due_us| due_us.saturating_sub(now_us));
            self.turn(until_due.map_or(LOOK_EVERY, Duration::from_micros).min(LOOK_EVERY))?;
        }
        Ok(Delivered {
            last_s: in_seconds(self.ledger.last_us.saturating_sub(start_us)),
            tool_cpu_s: thread_cpu().saturating_sub(cpu_before).as_secs_f64(),
            ..Delivered::of(&self.ledger, &self.seats, &self.posts.answers, self.args.videos)
        })
    }

    /// Everything is where it should be, or nothing has come for long.
    fn has_ended(&mut self, next: u32) -> bool {
        if self.ledger.due_us(next).is_some() {
            return false;
        }
        if self.expected.is_none() && self.posts.are_answered() {
            self.expected =
                Some(outcome::expected(&self.seats, &self.posts.answers, self.args.videos));
        }
        let silence_us = self.clock.micros().saturating_sub(self.ledger.last_us);
        self.expected == Some(self.ledger.in_turn()) || silence_us > self.silence_us()
    }

    fn silence_us(&self) -> u64 {
        micros(self.args.silence_seconds)
    }
}
