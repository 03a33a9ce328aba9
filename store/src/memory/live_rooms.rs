//! [`LiveRooms`] over the slots.

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::{
    event::Event, ids::VideoId, live_log::LiveLogError, live_rooms::LiveRooms, room_store::SlotName,
};

use super::{MemoryStore, Video, lock, pop};

/// What set each slot of a video's room.
#[derive(Default)]
pub(super) struct Room {
    slots: BTreeMap<SlotName, Event>,
    is_filled: bool,
}

impl Room {
    /// Takes an event in that sets a slot, unless a later one has.
    pub(super) fn set(&mut self, event: &Event) {
        let Some(name) = event.slot() else { return };
        if self.slots.get(&name).is_none_or(|there| there.id < event.id) {
            self.slots.insert(name, event.clone());
        }
    }
}

#[async_trait]
impl LiveRooms for MemoryStore {
    async fn rooms(&self, videos: &[VideoId]) -> Result<Vec<Option<Vec<Event>>>, LiveLogError> {
        let mut rooms = Vec::with_capacity(videos.len());
        for id in videos {
            let slots = |video: &mut Video, _| {
                let Room { slots, is_filled } = &video.room;
                is_filled.then(|| slots.values().cloned().collect())
            };
            let room: Option<Vec<Event>> = self.with(id, slots).await?;
            if room.is_none() {
                lock(&self.wanted).insert(id.clone());
            }
            rooms.push(room);
        }
        Ok(rooms)
    }

    async fn fill(&self, video: &VideoId, events: &[Event]) -> Result<(), LiveLogError> {
        let fill = |video: &mut Video, _| {
            events.iter().for_each(|event| video.room.set(event));
            video.room.is_filled = true;
        };
        self.with(video, fill).await
    }

    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        Ok(pop(&self.wanted, limit).into_iter().collect())
    }
}
