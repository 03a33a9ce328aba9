//! `bench overload`: the best level and its peak by a closed loop, then twice that by an open one,
//! then half of it.
//!
//! [`offer`] is the open loop, [`usage`] what tool and server cost, [`report`] judges.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::args::OverloadArgs;
use crate::clock::Clock;
use crate::closed_loop::Load;
use crate::machine::{allow_open_files, load_average};
use crate::outcome::Outcome;
use crate::poster::Poster;
use crate::progress;
use crate::replay::{FILES_SPARE, new_video};
use crate::report::Report;
use crate::tally::Tally;

use offer::{Offer, Offered};
use usage::{Meter, Usage};

mod offer;
mod report;
mod usage;

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &OverloadArgs, number: u32) -> Result<Report> {
    // Answers to the overload may be outstanding while the calm after it needs its own.
    allow_open_files(2 * args.connections + FILES_SPARE)?;
    let load_before = load_average();
    let tally = Rc::new(Tally::default());
    let poster = Rc::new(Poster::new(args.target.policy()?, Clock::start(), Rc::clone(&tally))?);
    let stage = Stage { args, poster, load: load(args, number)?, at: Cell::new("levels") };
    let say = || {
        let (taken, failed) = (tally.acknowledged.get(), tally.failed.get());
        let line = format!("{} · acknowledged {taken} · failed {failed}", stage.at.get());
        (stage.poster.clock().micros() / 1_000_000, line)
    };
    let run = progress::beside(stage.seconds(), say, stage.play()).await?;
    report::report(args, run, load_before)
}

fn load(args: &OverloadArgs, number: u32) -> Result<Load> {
    let video = new_video(number)?;
    Ok(Load {
        in_flight: args.connections,
        warm_up: args.warm_up_seconds,
        measured: args.seconds,
        videos: (0..args.videos).map(|nth| format!("{video}-{nth}").into()).collect(),
        users: args.users,
        text_bytes: args.text_bytes,
        seed: args.run.seed,
    })
}

/// What was taken with so many posts under way.
struct Level {
    in_flight: usize,
    /// The measured part.
    window: Range<u64>,
    per_s: f64,
    outcomes: Vec<Outcome>,
    usage: Usage,
}

/// What is compared.
struct Phases {
    /// The best level once more: the best of several figures that vary is too high.
    peak: Level,
    overload: Phase,
    calm: Phase,
}

/// An open loop, with its answers.
struct Phase {
    offered: Offered,
    usage: Usage,
    outcomes: Vec<Outcome>,
}

/// All that a run left.
struct Run {
    levels: Vec<Level>,
    /// Nothing when no level took anything.
    phases: Option<Phases>,
}

struct Stage<'a> {
    args: &'a OverloadArgs,
    poster: Rc<Poster>,
    load: Load,
    /// What is going on.
    at: Cell<&'static str>,
}

impl Stage<'_> {
    fn seconds(&self) -> u64 {
        let args = self.args;
        let levels = u32::try_from(args.in_flight.len()).unwrap_or(u32::MAX);
        let levels = (args.warm_up_seconds + args.peak_seconds).saturating_mul(levels);
        (levels + 3 * args.warm_up_seconds + 2 * args.seconds + args.calm_seconds).as_secs()
    }

    async fn play(&self) -> Result<Run> {
        // The peak over as many connections as the overload: few warm ones would do better.
        self.poster.open(self.args.connections).await?;
        let mut levels = Vec::new();
        for &in_flight in &self.args.in_flight {
            levels.push(self.level(in_flight, self.args.peak_seconds).await?);
        }
        let best = levels.iter().max_by(|one, other| one.per_s.total_cmp(&other.per_s));
        let phases = match best.filter(|best| best.per_s > 0.0) {
            Some(best) => Some(self.phases(best.in_flight).await?),
            None => None,
        };
        Ok(Run { levels, phases })
    }

    async fn level(&self, in_flight: usize, measured: Duration) -> Result<Level> {
        let load = Load { in_flight, measured, ..self.load.clone() };
        let load = Rc::new(load);
        let meter = Meter::start(self.args.server_pid)?;
        let start_us = self.poster.clock().micros();
        let outcomes = Rc::clone(&load).run(&self.poster).await?;
        let usage = meter.stop()?;
        let (window, per_s) = (load.window(start_us), load.rate(&outcomes, start_us));
        Ok(Level { in_flight, window, per_s, outcomes, usage })
    }

    /// The calm begins at once, whatever is still unanswered.
    async fn phases(&self, in_flight: usize) -> Result<Phases> {
        let args = self.args;
        self.at.set("peak");
        let peak = self.level(in_flight, args.seconds).await?;
        let overload = self.offer("overload", peak.per_s * args.times, args.seconds).await?;
        let calm = self.offer("calm", peak.per_s * args.calm_times, args.calm_seconds).await?;
        Ok(Phases { peak, overload: overload.answered().await?, calm: calm.answered().await? })
    }

    async fn offer(&self, name: &'static str, per_s: f64, measured: Duration) -> Result<Phase> {
        self.at.set(name);
        let meter = Meter::start(self.args.server_pid)?;
        let offer = Offer { load: Load { measured, ..self.load.clone() }, per_s };
        let offered = offer.make(&self.poster).await.context(name)?;
        Ok(Phase { offered, usage: meter.stop()?, outcomes: Vec::new() })
    }
}

impl Phase {
    /// Waits for the last answers.
    async fn answered(mut self) -> Result<Self> {
        self.outcomes = self.offered.outcomes().await?;
        Ok(self)
    }

    /// Those that were due in the measured time.
    fn measured(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|post| self.offered.window.contains(&post.due_us))
    }
}
