//! Rooms as gateways would know them.

use std::sync::Mutex;

use async_trait::async_trait;
use common::{event::Event, ids::VideoId, live_log::LiveLogError, live_rooms::LiveRooms};

/// What is wanted, and what was filled.
#[derive(Default)]
pub(crate) struct LiveRoomBook {
    wanted: Mutex<Vec<VideoId>>,
    filled: Mutex<Vec<(VideoId, Vec<Event>)>>,
}

impl LiveRoomBook {
    pub(crate) fn want(&self, video: &str) {
        self.wanted.lock().unwrap().push(video.parse().unwrap());
    }

    pub(crate) fn filled(&self) -> Vec<(VideoId, Vec<Event>)> {
        self.filled.lock().unwrap().clone()
    }
}

#[async_trait]
impl LiveRooms for LiveRoomBook {
    async fn rooms(&self, _: &[VideoId]) -> Result<Vec<Option<Vec<Event>>>, LiveLogError> {
        panic!("gateways ask")
    }

    async fn fill(&self, video: &VideoId, events: &[Event]) -> Result<(), LiveLogError> {
        self.filled.lock().unwrap().push((video.clone(), events.to_vec()));
        Ok(())
    }

    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        let mut wanted = self.wanted.lock().unwrap();
        let some = limit.min(wanted.len());
        Ok(wanted.drain(..some).collect())
    }
}
