//! Reads of the live log for viewers whose cursor is older than the byte log: in aligned pages, so
//! that a herd with neighbouring cursors shares them.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use common::{
    event::Entry,
    ids::VideoId,
    live_log::{From, LiveLog, LiveLogError, LogPage},
    position::{Epoch, Position},
};
use dashmap::DashMap;
use tokio::sync::OnceCell;

use crate::frame::Encoder;

/// Entries of a page: at 300 bytes each 40 KB.
const PAGE_LEN: u64 = 128;

type Key = (VideoId, Epoch, u64);

/// Pages that are being read or were just now.
pub(crate) struct Pages {
    live_log: Arc<dyn LiveLog>,
    pages: DashMap<Key, Arc<OnceCell<Arc<LogPage>>>>,
}

/// The answer to a viewer.
pub(crate) enum Replay {
    /// Everything after the position, as far as the page goes: frames, and where they end.
    Frames(Bytes, Position),
    /// The live log holds this no longer.
    Trimmed,
}

impl Pages {
    pub(crate) fn new(live_log: Arc<dyn LiveLog>) -> Self {
        Self { live_log, pages: DashMap::new() }
    }

    /// What follows `position` up to `until`, where the byte log begins: at least one entry. What
    /// the byte log has is left to it, for the live log may be ahead of what was passed on here.
    pub(crate) async fn after(
        &self,
        video: &VideoId,
        position: Position,
        until: Position,
        encoder: &Encoder,
    ) -> Result<Replay, LiveLogError> {
        let page = self.page(video, position).await?;
        let missing = page.entries.iter().filter(|e| e.position > position && e.position <= until);
        let missing: Vec<&Entry> = missing.collect();
        let contiguous = missing.first().is_some_and(|e| e.position.seq == position.seq + 1);
        if position.epoch != page.head.epoch || !contiguous {
            return Ok(Replay::Trimmed);
        }
        let mut frames = BytesMut::new();
        for entry in &missing {
            encoder.entry(&mut frames, entry);
        }
        let end = missing.last().map_or(position, |entry| entry.position);
        Ok(Replay::Frames(frames.freeze(), end))
    }

    /// The page that the entry after `position` is on.
    async fn page(
        &self,
        video: &VideoId,
        position: Position,
    ) -> Result<Arc<LogPage>, LiveLogError> {
        let number = position.seq / PAGE_LEN;
        let key = (video.clone(), position.epoch, number);
        let cell = self.pages.entry(key.clone()).or_default().clone();
        let page = cell
            .get_or_try_init(|| async {
                metrics::counter!("chorus_gateway_log_reads_total", "why" => "page").increment(1);
                let before = Position { epoch: position.epoch, seq: number * PAGE_LEN };
                let limit = usize::try_from(PAGE_LEN).unwrap_or(usize::MAX);
                self.live_log.read(video, From::After(before), limit).await.map(Arc::new)
            })
            .await?;
        if page.entries.last().is_none_or(|last| last.position.seq < (number + 1) * PAGE_LEN) {
            // Not full yet: good for those who wait for it now, stale for the next one.
            self.pages.remove_if(&key, |_, stored| Arc::ptr_eq(stored, &cell));
        }
        Ok(page.clone())
    }

    /// Forgets what nobody is reading. Called every second.
    pub(crate) fn sweep(&self) {
        self.pages.retain(|_, cell| Arc::strong_count(cell) > 1);
    }
}
