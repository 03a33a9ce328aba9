//! The public keys of tokens, kept fresh: read anew every minute, and at once when a token names a
//! key that nobody knows.
//!
//! A handle and the task that owns the reading: one read at a time, however many ask for it. A read
//! that fails leaves the keys as they were.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{KeySource, KeysError, key_set::KeySet};
use crate::{outage::Outage, task};

/// When keys are read, and how long a request waits for that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From one read to the next.
    pub(super) period: Duration,
    /// At least, whatever tokens name; and while reads fail.
    pub(super) period_min: Duration,
    /// Longest that one request waits.
    pub(super) patience: Duration,
}

impl Pace {
    pub(super) const DEFAULT: Self = Self {
        period: Duration::from_secs(60),
        period_min: Duration::from_secs(5),
        patience: Duration::from_secs(2),
    };
}

/// What the last read left.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) set: Arc<KeySet>,
    /// Whether it failed, so that there may be other keys by now.
    pub(super) away: bool,
    /// When it ended.
    read: Instant,
}

/// Keys that a task keeps fresh.
pub(super) struct Keys {
    known: watch::Receiver<Known>,
    wanted: Arc<Notify>,
    pace: Pace,
}

impl Keys {
    /// Reads the keys, and goes on doing so until `stop`. A URL that is away is waited for
    /// meanwhile: there are no keys until it was read.
    pub(super) async fn start(
        source: KeySource,
        pace: Pace,
        stop: CancellationToken,
    ) -> Result<Self, KeysError> {
        let nothing = Known { set: Arc::default(), away: true, read: Instant::now() };
        let (publish, known) = watch::channel(nothing);
        let wanted = Arc::new(Notify::new());
        let outage = Outage::new("read the keys of tokens");
        let wants = wanted.clone();
        let mut reader = Reader { source, pace, wanted: wants, publish, document: None, outage };
        match reader.read().await {
            Err(error) if !matches!(error, KeysError::Away { .. }) => return Err(error),
            Ok(Some(set)) if set.len() == 0 => {
                return Err(KeysError::NoneUsable { place: reader.source.place() });
            }
            read => reader.publish(read),
        }
        task::spawn("auth.keys", async move {
            stop.run_until_cancelled(reader.keep_fresh()).await;
        });
        Ok(Self { known, wanted, pace })
    }

    /// The keys as they are.
    pub(super) fn known(&self) -> Known {
        self.known.borrow().clone()
    }

    /// The keys after another read, since one that a token names is not among them; as they are when
    /// the last read ended a moment ago, or the next one takes too long.
    pub(super) async fn renewed(&self) -> Known {
        let mut known = self.known.clone();
        let read = known.borrow_and_update().read;
        self.wanted.notify_one();
        if read.elapsed() >= self.pace.period_min {
            // Whether it came in time or not, what is there now counts.
            let _ = timeout(self.pace.patience, known.changed()).await;
        }
        self.known()
    }
}

/// Reads the keys, one time after the other.
struct Reader {
    source: KeySource,
    pace: Pace,
    /// Somebody asks for the next read. Any number of them ask for one.
    wanted: Arc<Notify>,
    publish: watch::Sender<Known>,
    /// What was read last.
    document: Option<Bytes>,
    outage: Outage,
}

impl Reader {
    async fn keep_fresh(mut self) {
        loop {
            let (last, away) = {
                let known = self.publish.borrow();
                (known.read, known.away)
            };
            sleep_until(last + self.pace.period_min).await;
            if !away {
                let _ = timeout_at(last + self.pace.period, self.wanted.notified()).await;
            }
            let read = self.read().await;
            self.publish(read);
            // Whoever asked during the read has been answered by it.
            let _ = self.wanted.notified().now_or_never();
        }
    }

    /// The keys, or `None` when they are still the same.
    async fn read(&mut self) -> Result<Option<KeySet>, KeysError> {
        let document = self.source.read().await?;
        if self.document.as_ref() == Some(&document) {
            return Ok(None);
        }
        let set = KeySet::parse(&document)
            .map_err(|error| KeysError::Malformed { place: self.source.place(), error })?;
        self.document = Some(document);
        Ok(Some(set))
    }

    fn publish(&self, read: Result<Option<KeySet>, KeysError>) {
        self.outage.note(&read);
        let outcome = if read.is_ok() { "ok" } else { "failed" };
        metrics::counter!("chorus_auth_key_reads_total", "outcome" => outcome).increment(1);
        self.publish.send_modify(|known| {
            known.away = read.is_err();
            known.read = Instant::now();
            if let Ok(Some(set)) = read {
                let (keys, ignored) = (set.len(), set.ignored);
                if keys == 0 {
                    tracing::warn!(ignored, "there are no more keys to check tokens with");
                } else {
                    tracing::info!(keys, ignored, "new keys to check tokens with");
                }
                known.set = Arc::new(set);
            }
        });
    }
}
