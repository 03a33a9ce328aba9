//! Has every gateway take something away, and waits until each has done so or is dead.

use std::time::Duration;

use common::{
    event::EventId,
    ids::VideoId,
    link::{Endpoint, Incarnation},
};
use futures_util::future::{join, join_all};
use tokio::time::{Instant, sleep, timeout};

use crate::Dispatcher;

/// For all gateways together: as long as a lease runs, and a little more.
const DEADLINE: Duration = Duration::from_secs(4);
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Before a gateway that did not answer is asked again.
const PAUSE: Duration = Duration::from_millis(100);

impl Dispatcher {
    /// Whether no gateway holds anything of the event any more. Who subscribes from now on reads a
    /// live log that it is gone from.
    ///
    /// All others that lived lately are told as well, once: a store that was lost has forgotten for a
    /// while who is subscribed.
    pub(crate) async fn erase_everywhere(&self, video: &VideoId, event: EventId) -> bool {
        let subscribed = self.gateways.subscribed(video).await;
        let is_known = subscribed.is_ok();
        let subscribed = subscribed.unwrap_or_default();
        let mut others = self.gateways.lately_alive();
        others.retain(|endpoint| !subscribed.contains(&endpoint.incarnation));
        let others = others.iter().map(|endpoint| self.erase_at(endpoint, video, event));
        let (are_gone, _) =
            join(self.erase_by_all(&subscribed, video, event), join_all(others)).await;
        is_known && are_gone
    }

    async fn erase_by_all(
        &self,
        subscribed: &[Incarnation],
        video: &VideoId,
        event: EventId,
    ) -> bool {
        let deadline = Instant::now() + DEADLINE;
        let erased = subscribed.iter().map(async |incarnation| {
            let is_gone = self.erase_by(incarnation, (video, event), deadline).await;
            if !is_gone {
                tracing::warn!(%video, gateway = %incarnation.0, "lives, and did not erase");
            }
            is_gone
        });
        join_all(erased).await.into_iter().all(|is_gone| is_gone)
    }

    async fn erase_by(
        &self,
        incarnation: &Incarnation,
        (video, event): (&VideoId, EventId),
        deadline: Instant,
    ) -> bool {
        loop {
            if let Some(endpoint) = self.gateways.find(incarnation).await
                && self.erase_at(&endpoint, video, event).await
            {
                return true;
            }
            if self.gateways.is_dead(incarnation).await == Ok(true) {
                return true;
            }
            if Instant::now() + PAUSE >= deadline {
                return false;
            }
            sleep(PAUSE).await;
        }
    }

    async fn erase_at(&self, endpoint: &Endpoint, video: &VideoId, event: EventId) -> bool {
        let erased = timeout(PATIENCE, self.deliver.erase(endpoint, video, event)).await;
        matches!(erased, Ok(Ok(())))
    }
}
