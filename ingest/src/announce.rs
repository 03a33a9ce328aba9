//! Has a stored comment announced: by its video's first choice of dispatcher, or the next.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use common::{
    comment::Comment,
    event::{Event, Kind},
    link::LinkError,
};
use tokio::time::Instant;

use crate::{budget::Budget, dispatchers::Dispatchers, outbox::NotTaken};

/// For all attempts together.
const DEADLINE: Duration = Duration::from_secs(2);
/// Before all dispatchers are asked again; twice as long each time.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Announces comments.
pub(crate) struct Announcer {
    dispatchers: Dispatchers,
    budget: Mutex<Budget>,
}

impl Announcer {
    pub(crate) fn new(dispatchers: Dispatchers) -> Self {
        Self { dispatchers, budget: Mutex::new(Budget::new(Instant::now())) }
    }

    /// Whether a dispatcher has taken it within the deadline and the budget for retries. `false`
    /// says nothing about whether viewers see it; announcing again is harmless.
    pub(crate) async fn announce(&self, comment: &Comment) -> bool {
        let event =
            Event { id: comment.id.into(), kind: Kind::COMMENT, data: comment.to_json().into() };
        let deadline = Instant::now() + DEADLINE;
        self.budget(|budget, _| budget.deposit());
        let (mut was_sent, mut pause) = (false, PAUSE_MIN);
        loop {
            for outbox in self.dispatchers.ranked(&comment.video) {
                if was_sent && !self.may_repeat() {
                    return false;
                }
                match outbox.send(comment.video.clone(), event.clone(), deadline).await {
                    Ok(()) => return true,
                    Err(NotTaken::Unsent) => {}
                    Err(NotTaken::Failed(error)) => {
                        was_sent = true;
                        failed(&error);
                    }
                }
            }
            if Instant::now() + pause >= deadline {
                return false;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// Whether a dispatcher has taken it at the first attempt.
    pub(crate) async fn announce_once(&self, comment: &Comment) -> bool {
        let event =
            Event { id: comment.id.into(), kind: Kind::COMMENT, data: comment.to_json().into() };
        let Some(outbox) = self.dispatchers.ranked(&comment.video).into_iter().next() else {
            return false;
        };
        let deadline = Instant::now() + DEADLINE;
        outbox.send(comment.video.clone(), event, deadline).await.is_ok()
    }

    fn may_repeat(&self) -> bool {
        let may = self.budget(Budget::withdraw);
        if !may {
            metrics::counter!("chorus_ingest_retries_refused_total").increment(1);
        }
        may
    }

    fn budget<T>(&self, act: impl FnOnce(&mut Budget, Instant) -> T) -> T {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut budget, Instant::now())
    }
}

fn failed(error: &LinkError) {
    metrics::counter!("chorus_ingest_announce_failed_total").increment(1);
    tracing::debug!(%error, "a dispatcher did not take a comment");
}
