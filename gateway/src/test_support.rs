//! Entries, positions and a log of them, short to write in tests.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use common::{
    event::{Entry, Event, EventId, Kind, VideoEvents},
    ids::VideoId,
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage},
    position::{Epoch, Origin, Position, Seq},
};

use crate::frame::Encoder;

pub(crate) fn origin() -> Arc<Origin> {
    Arc::new("dc1".parse().unwrap())
}

pub(crate) fn encoder() -> Encoder {
    Encoder::new(origin())
}

pub(crate) fn position(epoch: u64, seq: Seq) -> Position {
    Position { epoch: Epoch(epoch), seq }
}

/// The entry at a place; its id and data are made of the place, so that repeats are equal.
pub(crate) fn entry(epoch: u64, seq: Seq) -> Entry {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&epoch.to_be_bytes());
    id[8..].copy_from_slice(&seq.to_be_bytes());
    let data = Bytes::from(format!("{{\"n\":{seq},\"e\":{epoch}}}"));
    let event = Event { id: EventId::from_bytes(id), kind: Kind::COMMENT, data };
    Entry { origin: origin(), position: position(epoch, seq), at_ms: 0, event }
}

/// A log that holds entries of epoch 1 and counts its reads; it can be away.
pub(crate) struct CountingLog {
    /// First and last.
    held: Mutex<(Seq, Seq)>,
    is_away: AtomicBool,
    reads: AtomicU32,
}

impl CountingLog {
    pub(crate) fn new(first: Seq, head: Seq) -> Self {
        let (is_away, reads) = (AtomicBool::new(false), AtomicU32::new(0));
        Self { held: Mutex::new((first, head)), is_away, reads }
    }

    pub(crate) fn hold(&self, first: Seq, head: Seq) {
        *self.held.lock().unwrap() = (first, head);
    }

    pub(crate) fn be_away(&self, is_away: bool) {
        self.is_away.store(is_away, Relaxed);
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
        if self.is_away.load(Relaxed) {
            return Err(LiveLogError("told to be away".into()));
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
        Err(LiveLogError("it has no index".into()))
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        Ok(())
    }
}
