//! A live log of one epoch that is only read: how often is counted, and a read can be made to panic.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use common::{
    event::VideoEvents,
    ids::VideoId,
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage},
    position::Position,
};

use super::{entry, position};

/// Every video's; epoch 1, entries from 1 on.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) head: u64,
    pub(crate) reads: AtomicU64,
    pub(crate) panics_once: AtomicBool,
}

#[async_trait]
impl LiveLog for Log {
    async fn append(&self, _: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        vec![]
    }

    async fn read(&self, _: &VideoId, from: From, limit: usize) -> Result<LogPage, LiveLogError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await; // others may come meanwhile
        assert!(!self.panics_once.swap(false, Ordering::Relaxed), "told to panic");
        let limit = u64::try_from(limit).unwrap();
        let after = match from {
            From::After(position) => position.seq,
            From::Newest => self.head.saturating_sub(limit),
        };
        let last = self.head.min(after + limit);
        let entries = (after + 1..=last).map(|seq| entry(1, seq)).collect();
        Ok(LogPage { head: position(1, self.head), first: 1, entries })
    }

    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        Ok(vec![position(1, self.head); videos.len()])
    }

    async fn changed(&self, _: &[u16], _: u64) -> Result<Changes, LiveLogError> {
        Ok(Changes { run: "run".into(), now_ms: 0, heads: vec![] })
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        Ok(())
    }
}
