//! Something that fails for a while, told by one line when it begins and one when it is over: a
//! thousand calls a second may fail while Redis is away.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

/// Watches the outcomes of one kind of call.
#[derive(Debug)]
pub struct Outage {
    what: &'static str,
    since: Mutex<Option<Instant>>,
}

impl Outage {
    /// Nothing has failed yet. `what` says what can't be done, for the log: "forward to gateways".
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self { what, since: Mutex::new(None) }
    }

    /// Notes an outcome; tells whether an outage begins or ends with it.
    pub fn note<T, E: Display>(&self, outcome: &Result<T, E>) -> bool {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        match (outcome, *since) {
            (Ok(_), Some(began)) => {
                *since = None;
                let lasted_s = began.elapsed().as_secs_f32();
                tracing::info!(lasted_s, "can {} again", self.what);
                true
            }
            (Err(error), None) => {
                *since = Some(Instant::now());
                tracing::warn!(%error, "can't {}", self.what);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_beginning_and_its_end_are_told() {
        let outage = Outage::new("do it");
        let note = |ok: bool| outage.note(&if ok { Ok(()) } else { Err("away") });
        let told = [true, false, false, true, true, false].map(note);
        assert_eq!(told, [false, true, false, true, false, true]);
    }
}
