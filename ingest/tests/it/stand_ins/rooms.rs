//! Rooms in memory: every call is one atomic step.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use common::{
    comment_store::StoreError,
    ids::{ActionId, VideoId},
    room_store::{Journal, Note, RoomStore, Slot, SlotKind, SlotName},
};

#[derive(Default)]
pub(crate) struct Rooms {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    slots: BTreeMap<(VideoId, SlotName), Slot>,
    notes: BTreeMap<(VideoId, Journal, ActionId), Note>,
}

impl Rooms {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap()
    }
}

#[async_trait]
impl RoomStore for Rooms {
    async fn set(&self, video: &VideoId, slot: &Slot) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let there = tables.slots.entry((video.clone(), slot.name.clone()));
        let there = there.or_insert_with(|| slot.clone());
        if there.version < slot.version {
            there.clone_from(slot);
        }
        Ok(())
    }

    async fn slots(&self, video: &VideoId, names: &[SlotName]) -> Result<Vec<Slot>, StoreError> {
        let tables = self.tables();
        let mut names = names.to_vec();
        names.sort_unstable();
        let slots = names.into_iter().filter_map(|name| tables.slots.get(&(video.clone(), name)));
        Ok(slots.cloned().collect())
    }

    async fn all(
        &self,
        video: &VideoId,
        kind: SlotKind,
        after: Option<&SlotName>,
        limit: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        let tables = self.tables();
        let wanted = |(of, name): &(VideoId, SlotName)| {
            let is_of_kind = name.to_string().starts_with(kind.prefix());
            of == video && is_of_kind && after.is_none_or(|after| after < name)
        };
        let slots = tables.slots.iter().filter(|(key, _)| wanted(key));
        Ok(slots.take(limit).map(|(_, slot)| slot.clone()).collect())
    }

    async fn note(&self, video: &VideoId, journal: Journal, note: &Note) -> Result<(), StoreError> {
        self.tables().notes.insert((video.clone(), journal, note.id), note.clone());
        Ok(())
    }

    async fn notes(
        &self,
        video: &VideoId,
        journal: Journal,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Note>, StoreError> {
        let tables = self.tables();
        let wanted = |(of, in_journal, id): &(VideoId, Journal, ActionId)| {
            of == video && *in_journal == journal && before.is_none_or(|before| *id < before)
        };
        let newest_first = tables.notes.iter().rev().filter(|(key, _)| wanted(key));
        Ok(newest_first.take(limit).map(|(_, note)| note.clone()).collect())
    }

    async fn note_of(
        &self,
        video: &VideoId,
        journal: Journal,
        id: ActionId,
    ) -> Result<Option<Note>, StoreError> {
        Ok(self.tables().notes.get(&(video.clone(), journal, id)).cloned())
    }
}
