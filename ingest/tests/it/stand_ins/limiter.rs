//! A limiter that has no limits, but knows keys.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::limiter::{Ask, Key, Limiter, LimiterError, Verdict};
use tokio::time::sleep;

/// How long one takes that is slow: a part of what is waited for it.
pub(crate) const SLOW: Duration = Duration::from_millis(100);

/// Knows each key from when it was admitted.
#[derive(Default)]
pub(crate) struct Unlimited {
    known: Mutex<HashMap<Key, Key>>,
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
        let known = ask.token.and_then(|token| {
            let mut known = self.known.lock().unwrap();
            match known.get(&token.key) {
                Some(request) if *request == token.request => Some(Verdict::Known),
                Some(_) => Some(Verdict::Reused),
                None => {
                    known.insert(token.key, token.request);
                    None
                }
            }
        });
        if self.is_slow.load(Ordering::SeqCst) {
            sleep(SLOW).await;
        }
        Ok(known.unwrap_or(Verdict::Admitted))
    }
}
