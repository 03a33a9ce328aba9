//! `bench replay`: one run, from seating the viewers to the verdict.

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::args::ReplayArgs;
use crate::clock::{Clock, RUN_MAX};
use crate::crowd::Crowd;
use crate::machine::{open_files_max, thread_cpu};
use crate::open_loop::{Schedule, scaled_us};
use crate::poster::Poster;
use crate::progress;
use crate::replay_report::{self, Run};
use crate::report::Report;
use crate::tally::Tally;
use crate::trace::{self, Arrival};

/// From the last viewer being ready to the first instant of the trace.
const HEAD_START: Duration = Duration::from_millis(200);

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &ReplayArgs, number: u32) -> Result<Report> {
    check_open_files(args)?;
    let cpu_before = thread_cpu();
    let clock = Clock::start();
    let schedule = schedule(args, number)?;
    let tally = Rc::new(Tally::default());
    let poster = Rc::new(Poster::new(args.common.policy()?, clock, Rc::clone(&tally))?);
    let crowd = Crowd::open(args, clock, &schedule)?;
    if !crowd.gather(args).await {
        return Err(crowd.explain(args));
    }

    let start_us = clock.micros() + u64::try_from(HEAD_START.as_micros())?;
    let work = async {
        let outcomes = schedule.play(&poster, start_us).await?;
        crowd.settle(args, &outcomes).await?;
        anyhow::Ok(outcomes)
    };
    let total = schedule.arrivals.len() as u64;
    let outcomes = progress::beside(total, || crowd.say(&tally), work).await?;
    let watched = crowd.close()?;
    let posting_cpu = thread_cpu().saturating_sub(cpu_before);
    replay_report::report(&Run { args, outcomes, watched, posting_cpu })
}

/// The trace as asked for.
fn schedule(args: &ReplayArgs, number: u32) -> Result<Schedule> {
    let file = args.trace.display();
    let text = std::fs::read_to_string(&args.trace).with_context(|| format!("reading {file}"))?;
    let mut arrivals: Vec<Arrival> = trace::parse(&text).with_context(|| file.to_string())?;
    if let Some(limit) = args.limit_seconds {
        let limit_us = u64::try_from(limit.as_micros())?;
        arrivals.retain(|arrival| scaled_us(arrival.at_ms, args.speed) <= limit_us);
    }
    let Some(last) = arrivals.last() else {
        bail!("nothing in {file} is due that early: raise --limit-seconds");
    };
    if Duration::from_micros(scaled_us(last.at_ms, args.speed)) > RUN_MAX {
        bail!("the replay would take more than 11 hours: raise --speed or give --limit-seconds");
    }
    let video = match &args.video {
        Some(video) => video.clone(),
        None => new_video(number)?,
    };
    Ok(Schedule {
        arrivals,
        speed: args.speed,
        video: video.into(),
        seed: args.common.run.seed,
        in_flight: args.in_flight,
    })
}

/// Each viewer and each post under way has a socket.
fn check_open_files(args: &ReplayArgs) -> Result<()> {
    const SPARE: usize = 32;
    let needed = args.viewers + args.in_flight + SPARE;
    match open_files_max() {
        Some(limit) if limit < needed => bail!(
            "{needed} open files are needed and {limit} allowed: raise it (ulimit -n), or spread \
             the viewers over several processes"
        ),
        _ => Ok(()),
    }
}

/// A video of this run's own: nothing of an earlier one is in it.
pub(crate) fn new_video(number: u32) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(format!("bench-{now:x}-{number}"))
}
