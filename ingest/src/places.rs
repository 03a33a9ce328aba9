//! Places for work that is under way. Who finds none is refused at once, while what has one goes on
//! as if nothing were: overload sheds new work first.

use std::sync::Arc;

use common::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Seconds after which a client that was refused may try again.
const RETRY_AFTER_S: u32 = 1;

/// So many places for one kind of work.
pub(crate) struct Places {
    /// What is counted as refused.
    work: &'static str,
    free: Arc<Semaphore>,
}

impl Places {
    pub(crate) fn new(work: &'static str, count: usize) -> Self {
        Self { work, free: Arc::new(Semaphore::new(count)) }
    }

    /// Takes a place, until what is returned is dropped.
    pub(crate) fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.free.clone().try_acquire_owned().map_err(|_| self.refusal())
    }

    /// Refuses when there is no place: before any work is done for who will need one.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.free.available_permits() == 0 { Err(self.refusal()) } else { Ok(()) }
    }

    fn refusal(&self) -> Problem {
        metrics::counter!("chorus_ingest_shed_total", "work" => self.work).increment(1);
        Problem::unavailable("too many requests at once", RETRY_AFTER_S)
    }
}
