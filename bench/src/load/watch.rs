//! `bench watch`: viewers alone, of a video that other processes watch too. `bench many` starts as
//! many as it needs; what passes between the two is a line at a time.

use std::io::{Write, stdin, stdout};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::LOOK_EVERY;
use super::dialect::Dialect;
use super::order::Orders;
use super::seat::{Seat, State};
use super::stand::{Note, Plan, Stand};
use crate::args::WatchArgs;
use crate::clock::Clock;
use crate::machine::{allow_open_files, thread_cpu};
use crate::replay::FILES_SPARE;

/// What viewers had.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// By comment: when viewers got it, by the clock that the process was given.
    pub(crate) arrivals_us: Vec<Vec<u64>>,
    /// Deliveries of what was posted that are missing.
    pub(crate) lost: u64,
    /// … that came again, or not in their turn.
    pub(crate) misplaced: u64,
    /// Streams that ended.
    pub(crate) gone: u64,
    /// CPU of the process since the streams were open.
    pub(crate) cpu_s: f64,
}

/// Opens the streams and says so ([`Opened`](super::Opened)), says each comment's number once all
/// have it, and, when a line tells how many were posted, what came of it ([`Seen`]).
pub(crate) fn run(args: &WatchArgs) -> Result<()> {
    allow_open_files(args.viewers + FILES_SPARE)?;
    let mut stand = Stand::new(plan(args), Clock::of(args.zero_us))?;
    let mut arrivals = Arrivals::new(args);
    say(&stand.open(&mut arrivals, |_| {})?)?;
    let cpu_before = thread_cpu();
    let posted = hear();
    let (watching, mut told) = (watching(&stand.seats), 0);
    while posted.get().is_none() {
        stand.turn(LOOK_EVERY, &mut arrivals, |_| {})?;
        while arrivals.have(told, watching) {
            say(&told)?;
            told += 1;
        }
    }
    let posted = posted.get().map_or("", |line| line.trim());
    let posted = posted.parse().context("nobody asks any more what came of it")?;
    let cpu_s = thread_cpu().saturating_sub(cpu_before).as_secs_f64();
    say(&Seen { cpu_s, ..arrivals.seen(&stand.seats, posted) })
}

fn plan(args: &WatchArgs) -> Plan {
    Plan {
        servers: args.server.clone(),
        sources: args.source.clone(),
        asks: vec![Dialect::Chorus.stream(&args.video)],
        viewers: args.viewers,
        stuck: 0,
        herd: false,
        silence: args.silence_seconds,
    }
}

fn watching(seats: &[Seat]) -> usize {
    seats.iter().filter(|seat| seat.state == State::Watching).count()
}

/// The next line of standard input once it is there; empty when whoever started this has ended.
fn hear() -> Arc<OnceLock<String>> {
    let heard = Arc::new(OnceLock::new());
    let line = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut text = String::new();
        // What can't be read is as good as nobody there.
        let _ = stdin().read_line(&mut text);
        line.get_or_init(|| text);
    });
    heard
}

fn say(value: &impl Serialize) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Every delivery in its turn, and when it came.
struct Arrivals {
    orders: Orders,
    /// By comment.
    times_us: Vec<Vec<u64>>,
}

impl Arrivals {
    fn new(args: &WatchArgs) -> Self {
        // With room for all: nothing is moved while deliveries come.
        let times_us = (0..args.comments).map(|_| Vec::with_capacity(args.viewers)).collect();
        Self { orders: Orders::by_number(args.comments), times_us }
    }

    /// Whether so many viewers have comment `number`.
    fn have(&self, number: usize, viewers: usize) -> bool {
        self.times_us.get(number).is_some_and(|times| times.len() >= viewers)
    }

    /// What came of the first `posted` comments.
    fn seen(self, seats: &[Seat], posted: u32) -> Seen {
        let stay = seats.iter().filter(|seat| seat.state == State::Watching);
        let behind: u64 = stay.map(|seat| u64::from(posted.saturating_sub(seat.place))).sum();
        Seen {
            arrivals_us: self.times_us,
            lost: self.orders.mishaps.left_out + behind,
            misplaced: self.orders.mishaps.misplaced,
            gone: (seats.len() - watching(seats)) as u64,
            cpu_s: 0.0,
        }
    }
}

impl Note for Arrivals {
    fn note(&mut self, video: usize, place: &mut u32, number: u32, now_us: u64) {
        let misplaced = self.orders.mishaps.misplaced;
        self.orders.next(video, place, number);
        if self.orders.mishaps.misplaced == misplaced
            && let Some(times) = self.times_us.get_mut(number as usize)
        {
            times.push(now_us);
        }
    }
}
