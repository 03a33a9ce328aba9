//! `bench replay`: one run, from seating the viewers to the verdict.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use crate::args::ReplayArgs;
use crate::audience::{self, Party};
use crate::clock::{Clock, RUN_MAX};
use crate::crowd::Crowd;
use crate::hall::View;
use crate::machine::{allow_open_files, thread_cpu};
use crate::open_loop::{Schedule, scaled_us};
use crate::outcome::Outcome;
use crate::poster::Poster;
use crate::progress;
use crate::replay_report::{self, Run};
use crate::report::Report;
use crate::tally::Tally;
use crate::trace::{self, Arrival};

/// Descriptors that are neither a viewer's nor a post's.
pub(crate) const FILES_SPARE: usize = 64;
/// From the last viewer being ready to the first instant of the trace.
const HEAD_START: Duration = Duration::from_millis(200);

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &ReplayArgs, number: u32) -> Result<Report> {
    // Each viewer and each post under way has a socket.
    allow_open_files(args.viewers + args.in_flight + FILES_SPARE)?;
    let cpu_before = thread_cpu();
    let clock = Clock::start();
    let schedule = schedule(args, number)?;
    let tally = Rc::new(Tally::default());
    let poster = Rc::new(Poster::new(args.common.policy()?, clock, Rc::clone(&tally))?);
    let crowd = Crowd::open(clock, parties(args, &schedule))?;
    if !crowd.gather(args.silence_seconds).await {
        return Err(crowd.explain());
    }

    let start_us = clock.micros() + u64::try_from(HEAD_START.as_micros())?;
    let work = async {
        let outcomes = schedule.play(&poster, start_us).await?;
        let acknowledged: Arc<[u128]> = outcomes.iter().filter_map(Outcome::id).collect();
        let acknowledged = vec![acknowledged; args.viewer_threads];
        if crowd.settle(&acknowledged, args.silence_seconds).await? {
            sleep(args.linger_seconds).await;
        }
        anyhow::Ok(outcomes)
    };
    let total = schedule.arrivals.len() as u64;
    let outcomes = progress::beside(total, || say(&crowd, &tally), work).await?;
    let mut watched = audience::Report::default();
    crowd.close()?.into_iter().for_each(|party| watched.absorb(party));
    let posting_cpu = thread_cpu().saturating_sub(cpu_before);
    replay_report::report(&Run { args, outcomes, watched, posting_cpu })
}

/// The viewers, as evenly as can be on their threads.
fn parties(args: &ReplayArgs, schedule: &Schedule) -> Vec<Party> {
    let threads = args.viewer_threads.min(args.viewers);
    let first_seat = |thread: usize| thread * args.viewers / threads;
    let party = |thread| Party {
        view: View {
            origins: args.stream.clone(),
            spread: true,
            sources: args.source.clone(),
            video: schedule.videos.concat(),
            comments: schedule.arrivals.len(),
        },
        first_seat: first_seat(thread),
        seats: first_seat(thread + 1) - first_seat(thread),
    };
    (0..threads).map(party).collect()
}

/// Progress: posts due, and a line.
fn say(crowd: &Crowd, tally: &Tally) -> (u64, String) {
    let line = format!(
        "due {} · posted {} ({} ms late) · acknowledged {} · failed {} · {} deliveries · slowest viewer {} comments behind",
        tally.due.get(),
        tally.posted.get(),
        tally.behind_us.get() / 1_000,
        tally.acknowledged.get(),
        tally.failed.get(),
        crowd.deliveries(),
        crowd.lag(),
    );
    (tally.due.get(), line)
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
        videos: vec![video.into()],
        seed: args.common.run.seed,
        in_flight: args.in_flight,
    })
}

/// A video of this run's own: nothing of an earlier one is in it.
pub(crate) fn new_video(number: u32) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(format!("bench-{now:x}-{number}"))
}
