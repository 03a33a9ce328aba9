//! Has a stored comment announced: by its video's first choice of dispatcher, or the next.

use std::time::Duration;

use common::{
    comment::Comment,
    event::{Event, Kind},
    link::LinkError,
};
use tokio::time::Instant;

use crate::{dispatchers::Dispatchers, outbox::NotTaken};

/// For all attempts together.
const DEADLINE: Duration = Duration::from_secs(2);
/// Before the round begins again.
const PAUSE: Duration = Duration::from_millis(50);

/// Announces comments.
pub(crate) struct Announcer {
    dispatchers: Dispatchers,
}

impl Announcer {
    pub(crate) fn new(dispatchers: Dispatchers) -> Self {
        Self { dispatchers }
    }

    /// Whether a dispatcher has taken it within the deadline. `false` says nothing about whether
    /// viewers see it; announcing again is harmless.
    pub(crate) async fn announce(&self, comment: &Comment) -> bool {
        let event =
            Event { id: comment.id.into(), kind: Kind::COMMENT, data: comment.to_json().into() };
        let deadline = Instant::now() + DEADLINE;
        loop {
            for outbox in self.dispatchers.ranked(&comment.video) {
                match outbox.send(comment.video.clone(), event.clone(), deadline).await {
                    Ok(()) => return true,
                    Err(NotTaken::Unsent) => {}
                    Err(NotTaken::Failed(error)) => failed(&error),
                }
            }
            if Instant::now() + PAUSE >= deadline {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn failed(error: &LinkError) {
    metrics::counter!("chorus_ingest_announce_failed_total").increment(1);
    tracing::debug!(%error, "a dispatcher did not take a comment");
}
