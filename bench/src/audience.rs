//! A thread full of viewers, and what it says of itself while it runs.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::runtime;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::{Clock, to_ticks};
use crate::hall::{Hall, Mishaps, View};
use crate::machine::thread_cpu;
use crate::recording::Recording;
use crate::viewer::Viewer;

/// How often a thread looks at its viewers.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Written by the thread at each look, read by the progress display and the waiting for the end.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Viewers that had their first `resume`.
    pub(crate) ready: AtomicU64,
    /// Viewers that had a `resume` since [`Pulse::count_back`].
    pub(crate) back: AtomicU64,
    pub(crate) deliveries: AtomicU64,
    /// Comments that the slowest viewer is behind the fastest.
    pub(crate) lag: AtomicU64,
    /// Every acknowledged comment has reached every viewer.
    pub(crate) has_all: AtomicBool,
    acknowledged: OnceLock<Arc<[u128]>>,
    /// In ticks of the clock.
    back_since: OnceLock<u32>,
    stop: AtomicBool,
}

impl Pulse {
    /// Says what was acknowledged, now that no more will be.
    pub(crate) fn expect(&self, acknowledged: Arc<[u128]>) {
        // Said once per run; a second time would change nothing.
        let _ = self.acknowledged.set(acknowledged);
    }

    /// Has viewers counted whose answer began at `since_us` or later.
    pub(crate) fn count_back(&self, since_us: u64) {
        // Said once per run, too.
        let _ = self.back_since.set(to_ticks(since_us));
    }

    fn look(&self, recording: &Recording) {
        let counts = || recording.viewers.iter().map(|viewed| viewed.sightings.len() as u64);
        let since = |ticks: u32| {
            let viewers = recording.viewers.iter();
            viewers.filter(|viewed| viewed.resume_since(ticks).is_some()).count() as u64
        };
        let slowest = counts().min().unwrap_or_default();
        self.ready.store(since(0), Ordering::Relaxed);
        let back = self.back_since.get().map_or(0, |&ticks| since(ticks));
        self.back.store(back, Ordering::Relaxed);
        self.deliveries.store(counts().sum(), Ordering::Relaxed);
        self.lag.store((recording.ids.len() as u64).saturating_sub(slowest), Ordering::Relaxed);
        if let Some(acknowledged) = self.acknowledged.get()
            && !self.has_all.load(Ordering::Relaxed)
        {
            self.has_all.store(recording.has_everywhere(acknowledged), Ordering::Relaxed);
        }
    }
}

/// Viewers of one thread.
pub(crate) struct Party {
    pub(crate) view: View,
    /// Seats are numbered over all parties.
    pub(crate) first_seat: usize,
    pub(crate) seats: usize,
}

/// What a thread leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) recording: Recording,
    pub(crate) mishaps: Mishaps,
    /// CPU that the viewers took.
    pub(crate) cpu: Duration,
}

impl Report {
    /// Adds another thread's.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.recording.absorb(other.recording);
        self.mishaps.absorb(other.mishaps);
        self.cpu += other.cpu;
    }
}

/// The handle of a thread of viewers. Dropping it stops the thread.
pub(crate) struct Audience {
    pub(crate) pulse: Arc<Pulse>,
    thread: Option<JoinHandle<Result<Report>>>,
}

impl Audience {
    /// Seats a party, who start to watch at once.
    pub(crate) fn open(clock: Clock, party: Party) -> Result<Self> {
        let Party { view, first_seat, seats } = party;
        let pulse = Arc::new(Pulse::default());
        let its_pulse = Arc::clone(&pulse);
        let run = move || run(&its_pulse, Hall::new(clock, view, first_seat, seats), seats);
        let thread = Builder::new().name("audience".to_owned()).spawn(run)?;
        Ok(Self { pulse, thread: Some(thread) })
    }

    /// True when the thread is gone, which is too early.
    pub(crate) fn has_died(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the watching.
    pub(crate) fn close(mut self) -> Result<Report> {
        self.pulse.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("closed already")?;
        thread.join().map_err(|_| anyhow!("the viewers' thread panicked"))?
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.pulse.stop.store(true, Ordering::Relaxed);
    }
}

fn run(pulse: &Pulse, hall: Hall, seats: usize) -> Result<Report> {
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    let hall = Rc::new(hall);
    runtime.block_on(async {
        for seat in 0..seats {
            spawn_local(Viewer::new(Rc::clone(&hall), seat).watch());
        }
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !pulse.stop.load(Ordering::Relaxed) {
            looks.tick().await;
            pulse.look(&hall.recording.borrow());
        }
    });
    // The viewers' tasks go with the runtime, and with them all other handles of the hall.
    drop(runtime);
    let hall = Rc::into_inner(hall).context("a viewer outlived its runtime")?;
    Ok(Report {
        recording: hall.recording.into_inner(),
        mishaps: hall.mishaps.into_inner(),
        cpu: thread_cpu(),
    })
}
