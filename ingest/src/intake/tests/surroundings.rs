//! The comment store and the way to the live log, as the schedule lets them happen.

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Deletion, Page, Pending, StoreError, Stored},
    event::{EventId, Kind},
    ids::{ActionId, CommentId, IdempotencyKey, UserId, VideoId},
    room_store::{Journal, Note, RoomStore, Slot, SlotKind, SlotName},
};

use super::world::{DEDUP_S, Mutant, Row, World, now_ms, video};
use crate::announce::{Announce, Announcement};

#[async_trait]
impl CommentStore for World {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        let comment = comment.clone();
        self.stored(move |state, _| {
            if state.deletions.contains_key(&comment.id) {
                return;
            }
            state.put(comment.id, Row::Comment(comment));
        })
        .await
    }

    async fn get(&self, _: &VideoId, id: CommentId) -> Result<Option<Stored>, StoreError> {
        self.stored(move |state, _| match state.deletions.get(&id) {
            Some(deletion) => Some(Stored::Deleted(deletion.clone())),
            None => match state.rows.get(&id) {
                Some(Row::Comment(comment)) => Some(Stored::Comment(comment.clone())),
                Some(Row::Note(_)) | None => None,
            },
        })
        .await
    }

    async fn delete(
        &self,
        _: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError> {
        let deletion = deletion.clone();
        self.stored(move |state, _| {
            state.rows.remove(&id);
            state.deletions.entry(id).or_insert_with(|| deletion.clone());
        })
        .await
    }

    async fn list(&self, _: &VideoId, _: Page, _: usize) -> Result<Vec<Comment>, StoreError> {
        unimplemented!("nothing that is tested here lists")
    }

    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        let key = (author.clone(), key.clone());
        self.stored(move |state, mutant| {
            if mutant == Some(Mutant::ClaimsAreForgotten) {
                state.claims.remove(&key);
            }
            *state.claims.entry(key).or_insert(claim)
        })
        .await
    }

    async fn claimed(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError> {
        let key = (author.clone(), key.clone());
        self.stored(move |state, _| state.claims.get(&key).copied()).await
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let comment = pending.comment;
        self.stored(move |state, mutant| {
            if mutant != Some(Mutant::RecordsAreForgotten) {
                state.pending.insert(comment);
            }
        })
        .await
    }

    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.stored(move |state, mutant| {
            let old = state.pending.iter().filter(|id| id.unix_ms() < older_than_ms);
            let found: Vec<_> = old.take(limit).copied().collect();
            if mutant == Some(Mutant::RecordsGoWhenRead) {
                state.pending.retain(|id| !found.contains(id));
            }
            found.into_iter().map(|comment| Pending { video: video(), comment }).collect()
        })
        .await
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        let comment = pending.comment;
        self.stored(move |state, _| state.pending.contains(&comment)).await
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let comment = pending.comment;
        self.stored(move |state, _| {
            if state.pending.remove(&comment) && !state.has_told(comment) {
                state.broken.push(format!("{comment} is struck off, but nobody was told"));
            }
        })
        .await
    }

    async fn settle(&self, _: &VideoId, comment: CommentId) -> Result<(), StoreError> {
        self.stored(move |state, _| {
            if !state.has_told(comment) {
                state.broken.push(format!("{comment} is settled, but nobody was told"));
            }
            state.settled.insert(comment);
        })
        .await
    }

    async fn is_settled(&self, _: &VideoId, comment: CommentId) -> Result<bool, StoreError> {
        self.stored(move |state, _| state.settled.contains(&comment)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// No moderator does anything here; producers' events are noted.
#[async_trait]
impl RoomStore for World {
    async fn set(&self, _: &VideoId, _: &Slot) -> Result<(), StoreError> {
        unimplemented!("nobody moderates")
    }

    async fn slots(&self, _: &VideoId, _: &[SlotName]) -> Result<Vec<Slot>, StoreError> {
        unimplemented!("nobody moderates")
    }

    async fn all(
        &self,
        _: &VideoId,
        _: SlotKind,
        _: Option<&SlotName>,
        _: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        unimplemented!("nobody moderates")
    }

    async fn note(&self, _: &VideoId, journal: Journal, note: &Note) -> Result<(), StoreError> {
        assert_eq!(journal, Journal::Events, "nobody moderates");
        let note = note.clone();
        self.stored(move |state, _| state.put(note.id.into(), Row::Note(note))).await
    }

    async fn notes(
        &self,
        _: &VideoId,
        _: Journal,
        _: Option<ActionId>,
        _: usize,
    ) -> Result<Vec<Note>, StoreError> {
        unimplemented!("nobody moderates")
    }

    async fn note_of(
        &self,
        _: &VideoId,
        journal: Journal,
        id: ActionId,
    ) -> Result<Option<Note>, StoreError> {
        if journal != Journal::Events {
            return Ok(None);
        }
        self.stored(move |state, _| match state.rows.get(&id.into()) {
            Some(Row::Note(note)) => Some(note.clone()),
            Some(Row::Comment(_)) | None => None,
        })
        .await
    }
}

impl Announce for World {
    /// The announcement's window is looked at when it leaves, as the outbox does.
    async fn announce(&self, Announcement { event, until, .. }: Announcement) -> bool {
        let fate = self.turn().await;
        !until.is_past()
            && self.act(fate, move |state, mutant| state.append(&event, mutant)).is_some()
    }

    async fn erase(&self, _: &VideoId, _: EventId) -> bool {
        unimplemented!("nobody deletes")
    }

    /// Only the drain announces like this: never what is too old.
    async fn announce_once(&self, announcement: Announcement) -> bool {
        let Announcement { event, until, .. } = announcement;
        let fate = self.turn().await;
        let is_posted = event.kind != Kind::SKIPPED;
        if !until.is_past() && is_posted && now_ms() - made_ms(event.id) > 1000 * DEDUP_S {
            self.state().broken.push(format!("{} is too old to be announced", event.id));
        }
        !until.is_past()
            && self.act(fate, move |state, mutant| state.append(&event, mutant)).is_some()
    }
}

/// When an event was made.
fn made_ms(id: EventId) -> u64 {
    id.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}
