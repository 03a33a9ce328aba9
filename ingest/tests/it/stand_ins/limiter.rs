//! A limiter that has no limits, but knows keys.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::limiter::{Ask, Limiter, LimiterError, Verdict};
use tokio::time::sleep;

/// How long one takes that is slow: a part of what is waited for it.
pub(crate) const SLOW: Duration = Duration::from_millis(100);

/// Knows each key from when it was admitted.
#[derive(Default)]
pub(crate) struct Unlimited {
    known: Mutex<BTreeSet<[u8; 16]>>,
    is_slow: AtomicBool,
    is_away: AtomicBool,
}

impl Unlimited {
    /// From now on a verdict is known here for a while before it is told.
    pub(crate) fn slow_down(&self) {
        self.is_slow.store(true, Ordering::SeqCst);
    }

    pub(crate) fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }
}

#[async_trait]
impl Limiter for Unlimited {
    async fn admit(&self, ask: &Ask) -> Result<Verdict, LimiterError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(LimiterError::Unavailable("away".into()));
        }
        let is_new =
            ask.token.is_none_or(|token| self.known.lock().unwrap().insert(*token.as_bytes()));
        if self.is_slow.load(Ordering::SeqCst) {
            sleep(SLOW).await;
        }
        Ok(if is_new { Verdict::Admitted } else { Verdict::Known })
    }
}
