//! A simulated process: tasks that are killed or stopped together, a wall clock and chance of their
//! own.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use common::{
    ambient::{self, World},
    task,
};
use tokio::{
    task::{AbortHandle, JoinHandle},
    time::Instant,
};

use crate::dice::Dice;

/// When a simulation begins, milliseconds since 1970.
pub(crate) const EPOCH_MS: i64 = 1_800_000_000_000;
/// Handles kept before those of ended tasks are let go.
const TASKS_SWEPT_AT: usize = 256;

pub(crate) struct Process {
    began: Instant,
    /// Of the wall clock, milliseconds.
    skew_ms: AtomicI64,
    stopped: AtomicBool,
    dead: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
    tasks: Mutex<Vec<AbortHandle>>,
    dice: Mutex<Dice>,
}

impl Process {
    /// `began` is when the simulation did, not this process.
    pub(crate) fn new(began: Instant, dice: Dice) -> Arc<Self> {
        Arc::new(Self {
            began,
            skew_ms: AtomicI64::new(0),
            stopped: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            waiting: Mutex::default(),
            tasks: Mutex::default(),
            dice: Mutex::new(dice),
        })
    }

    /// Starts a task of this process.
    pub(crate) fn spawn<F>(self: &Arc<Self>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.within(|| task::spawn("simulated", future))
    }

    /// Starts a task with chance of its own: what it draws doesn't depend on when it runs.
    pub(crate) fn spawn_apart<F>(self: &Arc<Self>, dice: Dice, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let apart = Arc::new(Apart { process: self.clone(), dice: Mutex::new(dice) });
        ambient::start_within(apart, || task::spawn("simulated", future))
    }

    pub(crate) fn within<T>(self: &Arc<Self>, start: impl FnOnce() -> T) -> T {
        ambient::start_within(self.clone(), start)
    }

    /// kill -9.
    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
        for task in self.tasks.lock().unwrap().drain(..) {
            task.abort();
        }
    }

    /// SIGSTOP and SIGCONT.
    pub(crate) fn stop(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
        if !stopped {
            self.waiting.lock().unwrap().drain(..).for_each(Waker::wake);
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn skew(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }
}

impl World for Process {
    fn since_1970(&self) -> Duration {
        let now = EPOCH_MS + self.skew_ms.load(Ordering::Relaxed);
        Duration::from_millis(u64::try_from(now).unwrap()) + self.began.elapsed()
    }

    fn random(&self) -> u64 {
        self.dice.lock().unwrap().next()
    }

    fn started(&self, task: AbortHandle) {
        if self.dead.load(Ordering::Relaxed) {
            return task.abort();
        }
        let mut tasks = self.tasks.lock().unwrap();
        if tasks.len() % TASKS_SWEPT_AT == TASKS_SWEPT_AT - 1 {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(task);
    }

    fn poll_running(&self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_stopped() {
            return Poll::Ready(());
        }
        self.waiting.lock().unwrap().push(context.waker().clone());
        Poll::Pending
    }
}

/// A task of a process that draws its own numbers.
struct Apart {
    process: Arc<Process>,
    dice: Mutex<Dice>,
}

impl World for Apart {
    fn since_1970(&self) -> Duration {
        self.process.since_1970()
    }

    fn random(&self) -> u64 {
        self.dice.lock().unwrap().next()
    }

    fn started(&self, task: AbortHandle) {
        self.process.started(task);
    }

    fn poll_running(&self, context: &mut Context<'_>) -> Poll<()> {
        self.process.poll_running(context)
    }
}
