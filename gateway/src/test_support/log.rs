//! A live log of one epoch that is only read.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::{
    event::VideoEvents,
    ids::VideoId,
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage},
    position::{Position, Seq},
};

use super::{entry, position};

/// A log that holds entries of epoch 1 and counts its reads; it can be away, and
/// panic.
pub(crate) struct CountingLog {
    /// First and last.
    held: Mutex<(Seq, Seq)>,
    is_away: AtomicBool,
    panics: AtomicBool,
    reads: AtomicU32,
}

impl CountingLog {
    pub(crate) fn new(first: Seq, head: Seq) -> Self {
        let (is_away, panics) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { held: Mutex::new((first, head)), is_away, panics, reads: AtomicU32::new(0) }
    }

    pub(crate) fn hold(&self, first: Seq, head: Seq) {
        *self.held.lock().unwrap() = (first, head);
    }

    pub(crate) fn be_away(&self, is_away: bool) {
        self.is_away.store(is_away, Relaxed);
    }

    /// The next read panics.
    pub(crate) fn panic_once(&self) {
        self.panics.store(true, Relaxed);
    }

    pub(crate) fn reads(&self) -> u32 {
        self.reads.load(Relaxed)
    }
}

#[async_trait]
impl LiveLog for CountingLog {
    async fn append(&self, _: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        vec![]
    }

    async fn read(&self, _: &VideoId, from: From, limit: usize) -> Result<LogPage, LiveLogError> {
        self.reads.fetch_add(1, Relaxed);
        // Long enough for everybody else to come and wait.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(!self.panics.swap(false, Relaxed), "told to panic");
        if self.is_away.load(Relaxed) {
            return Err(LiveLogError::Unavailable("told to be away".into()));
        }
        let (first, head) = *self.held.lock().unwrap();
        let after = match from {
            From::After(position) => position.seq,
            From::Newest => head.saturating_sub(limit as u64),
        };
        let seqs = first.max(after + 1)..=head;
        let entries = seqs.take(limit).map(|seq| entry(1, seq)).collect();
        Ok(LogPage { head: position(1, head), first, entries })
    }

    async fn heads(&self, _: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        Ok(vec![])
    }

    async fn changed(&self, _: &[u16], _: u64) -> Result<Changes, LiveLogError> {
        Err(LiveLogError::Unavailable("it has no index".into()))
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        Ok(())
    }
}
