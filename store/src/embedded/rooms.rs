//! Slots and journals of rooms on the local disk.

use async_trait::async_trait;
use common::{
    comment_store::StoreError,
    ids::{ActionId, VideoId},
    room_store::{Journal, Note, RoomStore, Slot, SlotKind, SlotName},
};

use super::{EmbeddedStore, journal::Write, reads, record, room_record};

#[async_trait]
impl RoomStore for EmbeddedStore {
    async fn set(&self, video: &VideoId, slot: &Slot) -> Result<(), StoreError> {
        let key = room_record::slot_key(video, &slot.name);
        let value = record::seal(&key, &room_record::slot_payload(slot));
        self.commit.write(Write::Set { key, version: slot.version, value }).await.map(drop)
    }

    async fn slots(&self, video: &VideoId, names: &[SlotName]) -> Result<Vec<Slot>, StoreError> {
        let (video, mut names) = (video.clone(), names.to_vec());
        names.sort_unstable();
        names.dedup();
        self.read(move |tables| reads::slots(tables, &video, &names)).await
    }

    async fn all(
        &self,
        video: &VideoId,
        kind: SlotKind,
        after: Option<&SlotName>,
        limit: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        let (video, after) = (video.clone(), after.cloned());
        self.read(move |tables| reads::all_slots(tables, &video, kind, after.as_ref(), limit)).await
    }

    async fn note(&self, video: &VideoId, journal: Journal, note: &Note) -> Result<(), StoreError> {
        let key = room_record::note_key(video, journal, note.id);
        let value = record::seal(&key, &room_record::note_payload(note));
        self.commit.write(Write::Note { key, value }).await.map(drop)
    }

    async fn notes(
        &self,
        video: &VideoId,
        journal: Journal,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Note>, StoreError> {
        let video = video.clone();
        self.read(move |tables| reads::notes(tables, &video, journal, before, limit)).await
    }

    async fn note_of(
        &self,
        video: &VideoId,
        journal: Journal,
        id: ActionId,
    ) -> Result<Option<Note>, StoreError> {
        let key = room_record::note_key(video, journal, id);
        self.read(move |tables| reads::note(tables, &key)).await
    }
}
