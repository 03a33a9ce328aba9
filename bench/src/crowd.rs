//! All viewers of a run, on all their threads: seated, waited for, sent home.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use tokio::time::{Instant, sleep};

use crate::args::ReplayArgs;
use crate::audience::{self, Audience, Pulse};
use crate::clock::Clock;
use crate::hall::{Mishaps, View};
use crate::open_loop::Schedule;
use crate::outcome::Outcome;
use crate::progress;
use crate::tally::Tally;

/// How often to look whether something is there yet.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The threads.
pub(crate) struct Crowd(Vec<Audience>);

impl Crowd {
    pub(crate) fn open(args: &ReplayArgs, clock: Clock, schedule: &Schedule) -> Result<Self> {
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
    pub(crate) async fn gather(&self, args: &ReplayArgs) -> bool {
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
    pub(crate) fn explain(self, args: &ReplayArgs) -> Error {
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
    pub(crate) async fn settle(&self, args: &ReplayArgs, outcomes: &[Outcome]) -> Result<()> {
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
    pub(crate) fn say(&self, tally: &Tally) -> (u64, String) {
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

    pub(crate) fn close(self) -> Result<audience::Report> {
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
