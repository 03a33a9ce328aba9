//! `bench load`: the cheapest viewers and commenters there can be, on one thread, so that what is
//! measured is the server. `bench compare` runs one beside each server.
//!
//! [`seat`]s of a [`stand`] watch and [`posts`] are made, both spoken in a server's [`dialect`];
//! comments carry a [`marker`] each, and all viewers of a video must have them in one [`order`].
//! [`watch`] has viewers alone, of a video that other processes watch too.

#![expect(clippy::print_stdout, reason = "what it found is this command's output")]

use std::io::{BufRead, stdin};
use std::time::Duration;

use anyhow::Result;

use crate::args::LoadArgs;
use crate::clock::Clock;
use crate::closed_loop::micros;
use crate::machine::{allow_open_files, thread_cpu};
use crate::replay::FILES_SPARE;

use ledger::Ledger;
use outcome::in_seconds;
use posts::Posts;
use stand::{Plan, Stand};

pub(crate) use outcome::{Delivered, Opened};

pub(crate) mod dialect;
mod ledger;
mod marker;
mod order;
mod outcome;
mod posts;
mod seat;
mod stand;
pub(crate) mod watch;

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
    stand: Stand,
    posts: Posts,
    ledger: Ledger,
    /// Deliveries that there should be, once all posts are answered.
    expected: Option<u64>,
    clock: Clock,
}

impl<'a> Load<'a> {
    fn new(args: &'a LoadArgs) -> Result<Self> {
        allow_open_files(args.viewers + args.stuck + args.in_flight + FILES_SPARE)?;
        let (clock, posts) = (Clock::start(), args.posts()?);
        let stand = Stand::new(plan(args), clock)?;
        let lines = if posts > 0 { args.in_flight } else { 0 };
        let register = (stand.registry(), stand.seats_max());
        Ok(Self {
            args,
            posts: Posts::new(args.server, lines, posts, register)?,
            ledger: Ledger::new(args.videos, posts)?,
            stand,
            expected: None,
            clock,
        })
    }

    /// Opens every stream.
    fn open(&mut self) -> Result<Opened> {
        self.stand.open(&mut self.ledger, |line| self.posts.act(line))
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
            let wait = until_due.map_or(LOOK_EVERY, Duration::from_micros).min(LOOK_EVERY);
            self.stand.turn(wait, &mut self.ledger, |line| self.posts.act(line))?;
        }
        Ok(Delivered {
            last_s: in_seconds(self.ledger.last_us.saturating_sub(start_us)),
            tool_cpu_s: thread_cpu().saturating_sub(cpu_before).as_secs_f64(),
            ..Delivered::of(&self.ledger, &self.stand.seats, &self.posts.answers, self.args.videos)
        })
    }

    /// Everything is where it should be, or nothing has come for long.
    fn has_ended(&mut self, next: u32) -> bool {
        if self.ledger.due_us(next).is_some() {
            return false;
        }
        if self.expected.is_none() && self.posts.are_answered() {
            self.expected =
                Some(outcome::expected(&self.stand.seats, &self.posts.answers, self.args.videos));
        }
        let silence_us = self.clock.micros().saturating_sub(self.ledger.last_us);
        self.expected == Some(self.ledger.in_turn())
            || silence_us > micros(self.args.silence_seconds)
    }
}

/// Who watches what.
fn plan(args: &LoadArgs) -> Plan {
    Plan {
        servers: vec![args.server],
        sources: args.source.clone(),
        asks: (0..args.videos).map(|video| args.dialect.stream(&format!("v{video}"))).collect(),
        viewers: args.viewers,
        stuck: args.stuck,
        herd: args.herd,
        silence: args.silence_seconds,
    }
}
