//! Something that fails for a while, told by one line when it begins and one when it is over: a
//! thousand calls a second may fail while Redis is away.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long nothing must have failed when a success ends an outage: where a part is away (one server
/// of a cluster), calls succeed and fail by turns. Several times what lies between two calls of those
/// who call once a second.
const CALM: Duration = Duration::from_secs(5);

/// Watches the outcomes of one kind of call.
#[derive(Debug)]
pub struct Outage {
    what: &'static str,
    /// While there is one: when it began, and when the last call failed.
    since: Mutex<Option<(Instant, Instant)>>,
}

impl Outage {
    /// Nothing has failed yet. `what` says what can't be done, for the log: "forward to gateways".
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self { what, since: Mutex::new(None) }
    }

    /// Notes an outcome; tells whether an outage begins or ends with it.
    pub fn note<T, E: Display>(&self, outcome: &Result<T, E>) -> bool {
        let now = Instant::now();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        match (outcome, &mut *since) {
            (Ok(_), Some((began, failed))) if now - *failed >= CALM => {
                let lasted_s = (*failed - *began).as_secs_f32();
                tracing::info!(lasted_s, "can {} again", self.what);
                *since = None;
                true
            }
            (Err(error), None) => {
                *since = Some((now, now));
                tracing::warn!(%error, "can't {}", self.what);
                true
            }
            (Err(_), Some((_, failed))) => {
                *failed = now;
                false
            }
            (Ok(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_its_beginning_and_its_end_are_told() {
        let outage = Outage::new("do it");
        let mut told = Vec::new();
        for ok in [true, false, false, true, true, false] {
            told.push(outage.note(&if ok { Ok(()) } else { Err("away") }));
            advance(CALM).await;
        }
        assert_eq!(told, [false, true, false, true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_a_part_is_away_it_is_one_outage() {
        let outage = Outage::new("do it");
        let mut told = 0;
        for nth in 0..1_000 {
            told += usize::from(outage.note(&if nth % 2 == 0 { Ok(()) } else { Err("away") }));
            advance(CALM / 10).await;
        }
        assert_eq!(told, 1);
        advance(CALM).await;
        assert!(outage.note::<_, &str>(&Ok(())), "it is over");
    }
}
