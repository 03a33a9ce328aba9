//! Reads of the live log for viewers whose cursor is older than the byte log: in aligned pages, each
//! read and encoded once, so that a herd with neighbouring cursors shares them.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use bytes::{Bytes, BytesMut};
use common::{
    event::{EventId, Kind},
    ids::VideoId,
    live_log::{From, LiveLog, LiveLogError, LogPage},
    position::{Epoch, Position, Seq},
};
use dashmap::DashMap;
use tokio::sync::OnceCell;

use crate::{
    frame::Encoder,
    tier::{self, Sample, Tier},
};

/// Entries of a page: at 300 bytes each 40 KB.
const PAGE_LEN: u64 = 128;
/// Sweeps for which a page is kept that nobody asks for: a herd comes back within some seconds.
const IDLE_SWEEPS_MAX: u32 = 5;
/// Pages kept: usually 10 MB. While there are more, none outlives those who wait for it.
const PAGES_MAX: usize = 256;

type Key = (VideoId, Epoch, u64);

/// Pages that are being read or were lately.
pub(crate) struct Pages {
    live_log: Arc<dyn LiveLog>,
    encoder: Encoder,
    slots: DashMap<Key, Arc<Slot>>,
}

/// One page, or why there is none: either way all who waited for the one read get it.
#[derive(Default)]
struct Slot {
    page: OnceCell<Result<Page, LiveLogError>>,
    idle_sweeps: AtomicU32,
}

/// Part of a log, encoded.
struct Page {
    epoch: Epoch,
    /// Seq of the oldest entry that the log held.
    first: Seq,
    frames: Bytes,
    items: Vec<Item>,
    /// The comments in it.
    ids: Arc<[EventId]>,
}

/// An entry of a page.
struct Item {
    position: Position,
    /// Where its frame ends.
    end: usize,
    /// Tiers above this show it.
    above: u8,
}

/// What a page has for a viewer.
pub(crate) struct Part {
    pub(crate) frames: Bytes,
    /// Where they end.
    pub(crate) end: Position,
    /// Comments that may be among them.
    pub(crate) ids: Arc<[EventId]>,
}

/// The answer to a viewer.
pub(crate) enum Replay {
    /// Everything after the position, as far as the page goes.
    Part(Part),
    /// The live log holds this no longer.
    Trimmed,
}

impl Pages {
    pub(crate) fn new(live_log: Arc<dyn LiveLog>, encoder: Encoder) -> Self {
        Self { live_log, encoder, slots: DashMap::new() }
    }

    /// What follows `position` up to `until`, where the byte log begins: at least one entry. What
    /// the byte log has is left to it, for the live log may be ahead of what was passed on here. A
    /// tier gets its sample of it.
    pub(crate) async fn after(
        &self,
        video: &VideoId,
        position: Position,
        until: Position,
        tier: Option<Tier>,
    ) -> Result<Replay, LiveLogError> {
        let number = position.seq / PAGE_LEN;
        let key = (video.clone(), position.epoch, number);
        let needed = until.seq.min((number + 1) * PAGE_LEN);
        let mut slot = self.read(&key).await;
        match slot.page.get() {
            // Whoever asks next tries again.
            Some(Err(_)) => self.forget(&key, &slot),
            Some(Ok(page)) if !page.settles(position, needed) => {
                self.forget(&key, &slot);
                slot = self.read(&key).await;
            }
            _ => {}
        }
        slot.with_page(|page| page.after(position, until, tier, &self.encoder))
    }

    /// Forgets the page that follows `position`: something in it was taken away.
    pub(crate) fn spoil(&self, video: &VideoId, position: Position) {
        self.slots.remove(&(video.clone(), position.epoch, position.seq / PAGE_LEN));
    }

    /// The page's slot, filled by whoever came first.
    async fn read(&self, key: &Key) -> Arc<Slot> {
        let slot = self.slots.entry(key.clone()).or_default().clone();
        slot.idle_sweeps.store(0, Relaxed);
        let (video, epoch, number) = key;
        let read = async || {
            metrics::counter!("chorus_gateway_log_reads_total", "why" => "page").increment(1);
            let before = Position { epoch: *epoch, seq: number * PAGE_LEN };
            let limit = usize::try_from(PAGE_LEN).unwrap_or(usize::MAX);
            let page = self.live_log.read(video, From::After(before), limit).await?;
            Ok(Page::encode(&page, &self.encoder))
        };
        slot.page.get_or_init(read).await;
        if self.slots.len() > PAGES_MAX {
            self.forget(key, &slot);
        }
        slot
    }

    fn forget(&self, key: &Key, slot: &Arc<Slot>) {
        self.slots.remove_if(key, |_, stored| Arc::ptr_eq(stored, slot));
    }

    /// Forgets what nobody has asked for lately. Called every second.
    pub(crate) fn sweep(&self) {
        self.slots.retain(|_, slot| {
            let is_in_use = Arc::strong_count(slot) > 1;
            is_in_use || slot.idle_sweeps.fetch_add(1, Relaxed) < IDLE_SWEEPS_MAX
        });
    }
}

impl Slot {
    fn with_page<T>(&self, act: impl FnOnce(&Page) -> T) -> Result<T, LiveLogError> {
        match self.page.get() {
            Some(Ok(page)) => Ok(act(page)),
            Some(Err(error)) => Err(error.clone()),
            None => Err(LiveLogError::Unavailable("nobody has read it".to_owned())),
        }
    }
}

impl Page {
    fn encode(page: &LogPage, encoder: &Encoder) -> Self {
        let comments = page.entries.iter().filter(|entry| entry.event.kind == Kind::COMMENT);
        let ids = comments.map(|entry| entry.event.id).collect();
        let (mut frames, mut items) = (BytesMut::new(), Vec::with_capacity(page.entries.len()));
        for entry in &page.entries {
            encoder.entry(&mut frames, entry, None);
            let (position, above) = (entry.position, tier::shown_above(&entry.event, entry.stamp));
            items.push(Item { position, end: frames.len(), above });
        }
        Self { epoch: page.head.epoch, first: page.first, frames: frames.freeze(), items, ids }
    }

    /// Whether another read could tell no more of what is between `position` and `needed`: all of
    /// it is here, or what follows `position` is gone for good.
    fn settles(&self, position: Position, needed: Seq) -> bool {
        let is_gone = self.epoch != position.epoch || self.first > position.seq + 1;
        is_gone || self.items.last().is_some_and(|last| last.position.seq >= needed)
    }

    fn after(
        &self,
        position: Position,
        until: Position,
        tier: Option<Tier>,
        encoder: &Encoder,
    ) -> Replay {
        let up_to = |position: Position| self.items.partition_point(|i| i.position <= position);
        let (first, next) = (up_to(position), up_to(until));
        let wanted = self.items.get(first..next).unwrap_or_default();
        let (Some(oldest), Some(newest)) = (wanted.first(), wanted.last()) else {
            return Replay::Trimmed;
        };
        if position.epoch != self.epoch || oldest.position.seq != position.seq + 1 {
            return Replay::Trimmed;
        }
        let begin = first.checked_sub(1).map_or(0, |before| self.items[before].end);
        let frames = match tier {
            None => self.frames.slice(begin..newest.end),
            Some(tier) => {
                let mut sample = Sample::new(encoder, position);
                self.sample(&mut sample, wanted, begin, tier);
                sample.into_bytes()
            }
        };
        Replay::Part(Part { frames, end: newest.position, ids: self.ids.clone() })
    }

    /// Some items, of which the first begins at `begin`.
    fn sample(&self, sample: &mut Sample<'_>, items: &[Item], mut begin: usize, tier: Tier) {
        for Item { position, end, above } in items {
            if tier.shows(*above) {
                sample.show([self.frames.slice(begin..*end)], *position);
            } else {
                sample.leave_out(1, *position);
            }
            begin = *end;
        }
        sample.tell_last();
    }
}

#[cfg(test)]
mod tests;
