//! Places for work that is under way. Who finds none waits for one, for a while and among so many:
//! overload sheds new work first, and keeps most of it waiting instead of refusing it, because a
//! refusal costs half of what it would have cost to accept.

use std::{sync::Arc, time::Duration};

use common::problem::Problem;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Longest wait for a place. Whoever waits keeps one connection busy meanwhile, so that clients
/// that send anew as soon as they are answered can't do so more often than this.
const PATIENCE: Duration = Duration::from_secs(1);
/// Seconds after which a client that was refused may try again.
const RETRY_AFTER_S: u32 = 1;

/// So many places for one kind of work, and a waiting room.
pub(crate) struct Places {
    /// What is counted as refused.
    work: &'static str,
    free: Arc<Semaphore>,
    room: Semaphore,
}

/// A place, until it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl Places {
    /// `places` may work at once and as many as `room` wait for that, in the order in which they
    /// came.
    pub(crate) fn new(work: &'static str, places: usize, room: usize) -> Self {
        Self { work, free: Arc::new(Semaphore::new(places)), room: Semaphore::new(room) }
    }

    /// Takes a place, perhaps after a wait.
    pub(crate) async fn enter(&self) -> Result<Place, Problem> {
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _seat = self.room.try_acquire().map_err(|_| self.refusal())?;
        let place = timeout(PATIENCE, self.free.clone().acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or_else(|| self.refusal())
    }

    /// Refuses when there is no place left even to wait: before any work is done.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.room.available_permits() == 0 { Err(self.refusal()) } else { Ok(()) }
    }

    fn refusal(&self) -> Problem {
        metrics::counter!("chorus_ingest_shed_total", "work" => self.work).increment(1);
        Problem::unavailable("too many requests at once", RETRY_AFTER_S)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LITTLE: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_let_in_by_turns() {
        let places = Places::new("test", 1, 2);
        let held = places.enter().await.unwrap();
        let (mut first, mut second) = (Box::pin(places.enter()), Box::pin(places.enter()));
        assert!(
            timeout(LITTLE, &mut first).await.is_err() && (&mut second).now_or_never().is_none()
        );
        drop(held);
        assert!(timeout(LITTLE, &mut second).await.is_err(), "the place is the first one's");
        drop(first.await.unwrap());
        assert!(second.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let places = Places::new("test", 1, 1);
        let _held = places.enter().await.unwrap();
        let began = tokio::time::Instant::now();
        assert!(places.enter().await.is_err());
        assert!((PATIENCE..PATIENCE + 10 * LITTLE).contains(&began.elapsed()));
        assert!(places.check().is_ok(), "the seat is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_room_refuses_at_once() {
        let places = Places::new("test", 1, 1);
        let _held = places.enter().await.unwrap();
        assert!(places.check().is_ok(), "there is a seat");
        let mut waiting = Box::pin(places.enter());
        assert!(timeout(LITTLE, &mut waiting).await.is_err());
        assert!(places.check().is_err());
        assert!(places.enter().now_or_never().is_some_and(|refused| refused.is_err()));
    }
}
