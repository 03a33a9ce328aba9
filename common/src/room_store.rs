//! What is known of a video's room beside its comments: contract [`RoomStore`].

use async_trait::async_trait;

use crate::{
    comment_store::StoreError,
    ids::{ActionId, VideoId},
};

mod slot;

pub use slot::{InvalidSlotName, Slot, SlotKind, SlotName, VALUE_LEN_MAX};

/// A list that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Journal {
    /// What moderators did.
    Moderation,
    /// What viewers reported.
    Reports,
    /// What producers had shown.
    Events,
}

impl Journal {
    /// Its name: `moderation`, `reports` or `events`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Moderation => "moderation",
            Self::Reports => "reports",
            Self::Events => "events",
        }
    }
}

/// An entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it tells of, and when that was.
    pub id: ActionId,
    /// JSON, at most [`VALUE_LEN_MAX`] bytes: callers see to that.
    pub value: String,
}

/// Where rooms' settings, pins, bans and journals live. Every write is idempotent, and durable when
/// the call returns: one process or node may die right after.
#[async_trait]
pub trait RoomStore: Send + Sync + 'static {
    /// Puts the value into its slot, unless a later version is there: the latest one stays,
    /// whatever the order of the writes.
    async fn set(&self, video: &VideoId, slot: &Slot) -> Result<(), StoreError>;

    /// Those of these slots that have a value, in the names' order. One round trip: every post
    /// waits for it. A slot whose time is over may still come.
    async fn slots(&self, video: &VideoId, names: &[SlotName]) -> Result<Vec<Slot>, StoreError>;

    /// At most `limit` slots of the kind that have a value, in the names' order, from behind
    /// `after` on. A slot whose time is over may still come.
    async fn all(
        &self,
        video: &VideoId,
        kind: SlotKind,
        after: Option<&SlotName>,
        limit: usize,
    ) -> Result<Vec<Slot>, StoreError>;

    /// Adds to a journal. An id stands for one note: the same one again changes nothing.
    async fn note(&self, video: &VideoId, journal: Journal, note: &Note) -> Result<(), StoreError>;

    /// At most `limit` notes, newest first: of those older than `before`, or of all.
    async fn notes(
        &self,
        video: &VideoId,
        journal: Journal,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Note>, StoreError>;

    /// One note, or `None` when it is unknown.
    async fn note_of(
        &self,
        video: &VideoId,
        journal: Journal,
        id: ActionId,
    ) -> Result<Option<Note>, StoreError>;
}
