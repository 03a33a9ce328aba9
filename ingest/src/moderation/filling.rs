//! Fills rooms that gateways ask for, from the store: a live log that was lost, or never had them.

use std::sync::Arc;

use common::{
    ambient,
    comment_store::StoreError,
    event::Event,
    ids::VideoId,
    live_log::LiveLogError,
    live_rooms::LiveRooms,
    room_store::{RoomStore, SlotKind, SlotName},
};
use futures_util::{StreamExt, stream};

use super::action::event_of;

/// Rooms of one look, and of them, filled at once.
const LOOK_LEN: usize = 1_024;
const AT_ONCE: usize = 16;
/// Slots read at a time.
const PAGE_LEN: usize = 1_000;
/// Slots of one room that gateways are told of: bans above all, which cost them some 200 bytes each.
const SLOTS_MAX: usize = 20_000;

/// Why a room could not be filled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFilled {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The live log could not be reached.
    #[error(transparent)]
    Live(#[from] LiveLogError),
}

/// What it takes to fill rooms.
pub(crate) struct Filler {
    pub(crate) rooms: Arc<dyn RoomStore>,
    pub(crate) live: Arc<dyn LiveRooms>,
}

impl Filler {
    /// Fills what is wanted now. What fails is wanted again by gateways.
    pub(crate) async fn fill_wanted(&self) -> Result<(), NotFilled> {
        let wanted = self.live.wanted(LOOK_LEN).await?;
        let filled = stream::iter(wanted).map(async |video| self.fill(&video).await);
        let filled: Vec<_> = filled.buffer_unordered(AT_ONCE).collect().await;
        filled.into_iter().collect()
    }

    async fn fill(&self, video: &VideoId) -> Result<(), NotFilled> {
        let now_ms = ambient::unix_ms();
        let (mut events, mut after): (Vec<Event>, Option<SlotName>) = (Vec::new(), None);
        loop {
            let any = SlotKind::Any;
            let slots = self.rooms.all(video, any, after.as_ref(), PAGE_LEN).await?;
            events.extend(slots.iter().filter_map(|slot| event_of(slot, now_ms)));
            match slots.last() {
                Some(last) if slots.len() == PAGE_LEN && events.len() < SLOTS_MAX => {
                    after = Some(last.name.clone());
                }
                Some(_) if slots.len() == PAGE_LEN => {
                    tracing::warn!(%video, "more bans than gateways are told of");
                    break;
                }
                _ => break,
            }
        }
        Ok(self.live.fill(video, &events).await?)
    }
}
