//! `bench replay`: one run, from seating the viewers to the verdict.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Error, Result, anyhow, bail};
use tokio::time::{Instant, sleep};

use crate::args::ReplayArgs;
use crate::audience::{self, Audience, Pulse};
use crate::clock::{Clock, RUN_MAX};
use crate::hall::{Mishaps, View};
use crate::machine::{open_files_max, thread_cpu};
use crate::open_loop::{Schedule, scaled_us};
use crate::outcome::Outcome;
use crate::poster::Poster;
use crate::progress;
use crate::replay_report::{self, Run};
use crate::report::Report;
use crate::tally::Tally;
use crate::trace::{self, Arrival};

/// From the last viewer being ready to the first instant of the trace.
const HEAD_START: Duration = Duration::from_millis(200);
/// How often to look whether something is there yet.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
        seed: args.common.seed,
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

/// All viewers, on all their threads.
struct Crowd(Vec<Audience>);

impl Crowd {
    fn open(args: &ReplayArgs, clock: Clock, schedule: &Schedule) -> Result<Self> {
        let threads = args.viewer_threads.min(args.viewers);
        let first_seat = |thread: usize| thread * args.viewers / threads;
        let open = |thread| {
            let view = View {
                origins: args.stream.clone(),
                sources: args.source.clone(),
                video: schedule.video.to_string(),
                comments: schedule.arrivals.len(),
            };
            let (first, next) = (first_seat(thread), first_seat(thread + 1));
            Audience::open(clock, view, first, next - first)
        };
        Ok(Self((0..threads).map(open).collect::<Result<_>>()?))
    }

    fn sum(&self, count: impl Fn(&Pulse) -> u64) -> u64 {
        self.0.iter().map(|audience| count(&audience.pulse)).sum()
    }

    /// Waits until all viewers have their first `resume`; false when that doesn't come about.
    async fn gather(&self, args: &ReplayArgs) -> bool {
        progress::note(&format!("seating {} viewers", args.viewers));
        let ready = || self.sum(|pulse| pulse.ready.load(Relaxed));
        let mut silence = Silence::new(ready());
        while ready() < args.viewers as u64 {
            if silence.lasts(ready()) > args.silence_seconds || self.has_died() {
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
        true
    }

    /// Why the viewers could not be seated.
    fn explain(self, args: &ReplayArgs) -> Error {
        let ready = self.sum(|pulse| pulse.ready.load(Relaxed));
        match self.close() {
            Ok(watched) => {
                let Mishaps { refused, last_error, .. } = watched.mishaps;
                let error = last_error.map(|error| format!("; last error: {error}"));
                anyhow!(
                    "only {ready} of {} viewers got their `resume`; refused by status: {refused:?}{}",
                    args.viewers,
                    error.unwrap_or_default()
                )
            }
            Err(error) => error,
        }
    }

    /// Waits until every acknowledged comment is everywhere, or nothing more comes.
    async fn settle(&self, args: &ReplayArgs, outcomes: &[Outcome]) -> Result<()> {
        let acknowledged: Arc<[u128]> = outcomes.iter().filter_map(Outcome::id).collect();
        for audience in &self.0 {
            audience.pulse.expect(Arc::clone(&acknowledged));
        }
        let deliveries = || self.sum(|pulse| pulse.deliveries.load(Relaxed));
        let mut silence = Silence::new(deliveries());
        while !self.0.iter().all(|audience| audience.pulse.has_all.load(Relaxed)) {
            if self.has_died() {
                bail!("the viewers' thread ended early");
            }
            if silence.lasts(deliveries()) > args.silence_seconds {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
        sleep(args.linger_seconds).await;
        Ok(())
    }

    fn has_died(&self) -> bool {
        self.0.iter().any(Audience::has_died)
    }

    /// Progress: posts due, and a line.
    fn say(&self, tally: &Tally) -> (u64, String) {
        let lag = self.0.iter().map(|audience| audience.pulse.lag.load(Relaxed)).max();
        let line = format!(
            "due {} · posted {} ({} ms late) · acknowledged {} · failed {} · {} deliveries · slowest viewer {} comments behind",
            tally.due.get(),
            tally.posted.get(),
            tally.behind_us.get() / 1_000,
            tally.acknowledged.get(),
            tally.failed.get(),
            self.sum(|pulse| pulse.deliveries.load(Relaxed)),
            lag.unwrap_or_default(),
        );
        (tally.due.get(), line)
    }

    fn close(self) -> Result<audience::Report> {
        let mut all = audience::Report::default();
        for audience in self.0 {
            let one = audience.close()?;
            all.recording.absorb(one.recording);
            all.mishaps.absorb(one.mishaps);
            all.cpu += one.cpu;
        }
        Ok(all)
    }
}

/// How long a count has stood still.
struct Silence {
    count: u64,
    since: Instant,
}

impl Silence {
    fn new(count: u64) -> Self {
        Self { count, since: Instant::now() }
    }

    fn lasts(&mut self, count: u64) -> Duration {
        if count != self.count {
            *self = Self::new(count);
        }
        self.since.elapsed()
    }
}
