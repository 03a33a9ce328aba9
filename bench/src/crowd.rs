//! All viewers of a run, on all their threads: seated, waited for, sent home.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use tokio::time::{Instant, sleep};

use crate::audience::{self, Audience, Party, Pulse};
use crate::clock::Clock;
use crate::hall::Mishaps;
use crate::progress;

/// How often to look whether something is there yet.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The threads, and how many sit there.
pub(crate) struct Crowd {
    audiences: Vec<Audience>,
    seats: u64,
}

impl Crowd {
    pub(crate) fn open(clock: Clock, parties: Vec<Party>) -> Result<Self> {
        let seats = parties.iter().map(|party| party.seats as u64).sum();
        let open = |party| Audience::open(clock, party);
        Ok(Self { audiences: parties.into_iter().map(open).collect::<Result<_>>()?, seats })
    }

    pub(crate) fn seats(&self) -> u64 {
        self.seats
    }

    pub(crate) fn sum(&self, count: impl Fn(&Pulse) -> u64) -> u64 {
        self.audiences.iter().map(|audience| count(&audience.pulse)).sum()
    }

    fn ready(&self) -> u64 {
        self.sum(|pulse| pulse.ready.load(Relaxed))
    }

    pub(crate) fn back(&self) -> u64 {
        self.sum(|pulse| pulse.back.load(Relaxed))
    }

    pub(crate) fn deliveries(&self) -> u64 {
        self.sum(|pulse| pulse.deliveries.load(Relaxed))
    }

    /// Comments that the slowest viewer is behind.
    pub(crate) fn lag(&self) -> u64 {
        let lags = self.audiences.iter().map(|audience| audience.pulse.lag.load(Relaxed));
        lags.max().unwrap_or_default()
    }

    /// Waits until all viewers have their first `resume`; false when that doesn't come about.
    pub(crate) async fn gather(&self, silence_max: Duration) -> bool {
        if self.seats > 0 {
            progress::note(&format!("seating {} viewers", self.seats));
        }
        self.reached(|crowd| crowd.ready() >= crowd.seats, Self::ready, silence_max).await
    }

    /// Has viewers counted that come back from now on.
    pub(crate) fn count_back(&self, since_us: u64) {
        self.audiences.iter().for_each(|audience| audience.pulse.count_back(since_us));
    }

    /// Waits until all viewers are back; false when that doesn't come about.
    pub(crate) async fn return_all(&self, silence_max: Duration) -> bool {
        self.reached(|crowd| crowd.back() >= crowd.seats, Self::back, silence_max).await
    }

    /// Waits until each party has every comment of its list; false when nothing more comes though
    /// something is missing.
    pub(crate) async fn settle(
        &self,
        acknowledged: &[Arc<[u128]>],
        silence_max: Duration,
    ) -> Result<bool> {
        for (audience, acknowledged) in self.audiences.iter().zip(acknowledged) {
            audience.pulse.expect(Arc::clone(acknowledged));
        }
        let has_all = |crowd: &Self| {
            crowd.audiences.iter().all(|audience| audience.pulse.has_all.load(Relaxed))
        };
        let settled = self.reached(has_all, Self::deliveries, silence_max).await;
        if !settled && self.has_died() {
            bail!("the viewers' thread ended early");
        }
        Ok(settled)
    }

    /// Waits for `done`; false when `count` has stood still for too long, or a thread has ended.
    async fn reached(
        &self,
        done: impl Fn(&Self) -> bool,
        count: impl Fn(&Self) -> u64,
        silence_max: Duration,
    ) -> bool {
        let mut silence = Silence::new(count(self));
        while !done(self) {
            if silence.lasts(count(self)) > silence_max || self.has_died() {
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
        true
    }

    fn has_died(&self) -> bool {
        self.audiences.iter().any(Audience::has_died)
    }

    /// Why the viewers could not be seated.
    pub(crate) fn explain(self) -> Error {
        let (ready, seats) = (self.ready(), self.seats);
        match self.close() {
            Ok(parties) => {
                let mut all = Mishaps::default();
                parties.into_iter().for_each(|party| all.absorb(party.mishaps));
                let Mishaps { refused, last_error, .. } = all;
                let error = last_error.map(|error| format!("; last error: {error}"));
                anyhow!(
                    "only {ready} of {seats} viewers got their `resume`; refused by status: {refused:?}{}",
                    error.unwrap_or_default()
                )
            }
            Err(error) => error,
        }
    }

    /// Ends the watching; what each party saw.
    pub(crate) fn close(self) -> Result<Vec<audience::Report>> {
        self.audiences.into_iter().map(Audience::close).collect()
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
