//! A limiter that lets everything happen once, or is away.

use std::{collections::HashSet, sync::Mutex, time::Duration};

use async_trait::async_trait;
use common::limiter::{Ask, Key, Limiter, LimiterError, Verdict};

#[derive(Default)]
pub(crate) struct Once {
    pub(crate) used: Mutex<HashSet<Key>>,
    pub(crate) is_away: bool,
}

#[async_trait]
impl Limiter for Once {
    async fn admit(&self, ask: &Ask) -> Result<Verdict, LimiterError> {
        if self.is_away {
            return Err(LimiterError::Unavailable("told to be".into()));
        }
        let retry_after = Duration::from_secs(1);
        let is_first = self.used.lock().unwrap().insert(ask.own[0].key);
        Ok(if is_first { Verdict::Admitted } else { Verdict::Refused { nth: 0, retry_after } })
    }
}
