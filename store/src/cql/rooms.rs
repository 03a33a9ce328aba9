//! Slots and journals of rooms in a CQL keyspace.

use async_trait::async_trait;
use common::{
    comment_store::StoreError,
    ids::{ActionId, VideoId},
    room_store::{Journal, Note, RoomStore, Slot, SlotKind, SlotName},
};

use super::CqlStore;

#[async_trait]
impl RoomStore for CqlStore {
    async fn set(&self, video: &VideoId, slot: &Slot) -> Result<(), StoreError> {
        self.slots.set(&self.link, video, slot).await
    }

    async fn slots(&self, video: &VideoId, names: &[SlotName]) -> Result<Vec<Slot>, StoreError> {
        self.slots.some(&self.link, video, names).await
    }

    async fn all(
        &self,
        video: &VideoId,
        kind: SlotKind,
        after: Option<&SlotName>,
        limit: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        self.slots.all(&self.link, video, kind, after, limit).await
    }

    async fn note(&self, video: &VideoId, journal: Journal, note: &Note) -> Result<(), StoreError> {
        self.notes.add(&self.link, video, journal, note).await
    }

    async fn notes(
        &self,
        video: &VideoId,
        journal: Journal,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Note>, StoreError> {
        self.notes.page(&self.link, video, journal, before, limit).await
    }

    async fn note_of(
        &self,
        video: &VideoId,
        journal: Journal,
        id: ActionId,
    ) -> Result<Option<Note>, StoreError> {
        self.notes.get(&self.link, video, journal, id).await
    }
}
