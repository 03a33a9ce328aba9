//! What rooms are like at present, for gateways: contract [`LiveRooms`].

use async_trait::async_trait;

use crate::{event::Event, ids::VideoId, live_log::LiveLogError};

/// The slots of rooms as the live log's events have set them ([`Event::slot`]): appending such an
/// event sets its slot in the same step. They are lost with the log, and then filled again from the
/// comment store, which is what counts. Every call is safe to repeat.
#[async_trait]
pub trait LiveRooms: Send + Sync + 'static {
    /// What set each slot of these videos' rooms, in the order asked; `None` for one that was not
    /// filled yet, which is noted as wanted.
    async fn rooms(&self, videos: &[VideoId]) -> Result<Vec<Option<Vec<Event>>>, LiveLogError>;

    /// Fills a room: sets the slots of these events, unless a later one has set them.
    async fn fill(&self, video: &VideoId, events: &[Event]) -> Result<(), LiveLogError>;

    /// At most `limit` of the videos whose rooms are wanted; they are noted no longer.
    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError>;
}
