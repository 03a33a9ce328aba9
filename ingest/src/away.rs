//! Whether the live log is away: what all dispatchers said lately.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use common::outage::Outage;
use tokio::time::Instant;

/// For so long after all dispatchers have said so, comments ask one of them only, to have it show
/// them all the same. Then the next ones ask all of them again.
const AWAY: Duration = Duration::from_millis(500);

/// What is known of the live log from here.
pub(crate) struct LogWatch {
    away_until: Mutex<Option<Instant>>,
    outage: Outage,
}

impl LogWatch {
    pub(crate) fn new() -> Self {
        let outage = Outage::new("have comments appended to the live log");
        Self { away_until: Mutex::new(None), outage }
    }

    /// A comment was appended, or nobody that answered could append it.
    pub(crate) fn note(&self, is_away: bool) {
        let until = is_away.then(|| Instant::now() + AWAY);
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.outage.note(&if is_away { Err("no dispatcher reaches it") } else { Ok(()) });
    }

    /// Whether asking all dispatchers is of no use for now.
    pub(crate) fn is_away(&self) -> bool {
        let until = self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}
