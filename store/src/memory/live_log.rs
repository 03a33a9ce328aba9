//! [`LiveLog`] over the slots.

use async_trait::async_trait;
use common::{
    comment_store::{Page, StoreError},
    event::{Event, Kind, VideoEvents},
    ids::VideoId,
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage},
    position::Position,
};

use super::{HISTORY_LEN, MemoryStore, Slot, Video, lock};

#[async_trait]
impl LiveLog for MemoryStore {
    async fn append(&self, batches: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        let mut answers = Vec::with_capacity(batches.len());
        for batch in batches {
            let video = batch.video.clone();
            let append = |video: &mut Video, now_ms| self.append_all(video, batch, now_ms);
            answers.push(self.with(&video, append).await.flatten());
        }
        answers
    }

    async fn read(
        &self,
        video: &VideoId,
        from: From,
        limit: usize,
    ) -> Result<LogPage, LiveLogError> {
        let read = |video: &mut Video, now_ms| {
            self.trim(&mut video.log, now_ms);
            video.log.read(from, limit)
        };
        self.with(video, read).await
    }

    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        let mut heads = Vec::with_capacity(videos.len());
        for video in videos {
            heads.push(self.with(video, |video, _| video.log.head()).await?);
        }
        Ok(heads)
    }

    /// Looks at all videos of the buckets, 100,000 of them in 3 ms: there is no index to keep.
    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<Changes, LiveLogError> {
        let now_ms = self.clock.now_ms();
        let mut heads = Vec::new();
        for bucket in buckets.iter().filter_map(|bucket| self.buckets.get(usize::from(*bucket))) {
            for (id, slot) in &*lock(bucket) {
                let log = &lock(&slot.video).log;
                if log.appended_ms().is_some_and(|appended_ms| appended_ms >= since_ms) {
                    heads.push((id.clone(), log.head()));
                }
            }
        }
        Ok(Changes { run: self.run.clone(), now_ms, heads })
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        Ok(())
    }
}

impl MemoryStore {
    /// Runs `act` on the video, once its log has begun.
    pub(super) async fn with<T>(
        &self,
        id: &VideoId,
        act: impl FnOnce(&mut Video, u64) -> T,
    ) -> Result<T, LiveLogError> {
        let slot = self.slot(id);
        // One load at a time, and the others wait for it; after a failure the next one tries.
        slot.begun
            .get_or_try_init(|| self.begin(id, &slot))
            .await
            .map_err(|error| LiveLogError::Unavailable(format!("the video's history: {error}")))?;
        let mut video = lock(&slot.video);
        let now_ms = self.clock.now_ms();
        video.touched_ms = now_ms;
        Ok(act(&mut video, now_ms))
    }

    async fn begin(&self, id: &VideoId, slot: &Slot) -> Result<(), StoreError> {
        let Some(history) = &self.history else { return Ok(()) };
        let newest_first = history.list(id, Page::Newest, HISTORY_LEN).await?;
        let now_ms = self.clock.now_ms();
        let mut video = lock(&slot.video);
        for comment in newest_first.into_iter().rev() {
            let at_ms = comment.id.unix_ms().min(now_ms);
            let event = Event {
                id: comment.id.into(),
                kind: Kind::COMMENT,
                data: comment.to_json().into(),
            };
            video.log.begin(&self.origin, event, at_ms);
        }
        Ok(())
    }

    fn append_all(
        &self,
        video: &mut Video,
        VideoEvents { events, until_ms, .. }: VideoEvents,
        now_ms: u64,
    ) -> Result<Appended, LiveLogError> {
        self.trim(&mut video.log, now_ms);
        let is_late = until_ms.is_some_and(|until_ms| now_ms > until_ms);
        if is_late && !events.iter().all(|event| video.log.knows(event)) {
            return Err(LiveLogError::TooLate);
        }
        let append = |event: Event| {
            video.room.set(&event);
            video.log.append(&self.origin, event, now_ms)
        };
        let entries = events.into_iter().map(append).collect();
        self.trim(&mut video.log, now_ms);
        Ok(Appended { entries, subscribers: video.subscribers.iter().cloned().collect() })
    }
}
