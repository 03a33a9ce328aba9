//! Rooms' journals in CQL: each is one partition, newest first, of rows that are inserted and never
//! changed.

use common::{
    comment_store::StoreError,
    ids::{ActionId, VideoId},
    room_store::{Journal, Note},
};
use scylla::errors::PrepareError;
use uuid::Uuid;

use super::link::{Kind, Link, Query, row_limit};

/// The greatest id there can be; nobody's.
const LAST: Uuid = Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_ffff_ffff_ffff);

/// The prepared statements about notes.
pub(super) struct Notes {
    insert: Query,
    newest_first: Query,
    get: Query,
}

impl Notes {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let [insert, newest_first, get] = link
            .prepare([
                (
                    "note",
                    Kind::Write,
                    "INSERT INTO room_notes (video, journal, id, value) VALUES (?, ?, ?, ?)",
                ),
                (
                    "notes",
                    Kind::Read,
                    "SELECT id, value FROM room_notes \
                     WHERE video = ? AND journal = ? AND id < ? LIMIT ?",
                ),
                (
                    "note_of",
                    Kind::Read,
                    "SELECT id, value FROM room_notes WHERE video = ? AND journal = ? AND id = ?",
                ),
            ])
            .await?;
        Ok(Self { insert, newest_first, get })
    }

    pub(super) async fn add(
        &self,
        link: &Link,
        video: &VideoId,
        journal: Journal,
        note: &Note,
    ) -> Result<(), StoreError> {
        let values = (video.as_str(), journal.as_str(), note.id.as_uuid(), note.value.as_str());
        link.run(&self.insert, values).await?;
        Ok(())
    }

    pub(super) async fn page(
        &self,
        link: &Link,
        video: &VideoId,
        journal: Journal,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Note>, StoreError> {
        let before = before.map_or(LAST, ActionId::as_uuid);
        let values = (video.as_str(), journal.as_str(), before, row_limit(limit));
        let rows = link.rows::<(Uuid, String)>(&self.newest_first, values).await?;
        rows.into_iter().take(limit).map(|row| parse(video, row)).collect()
    }

    pub(super) async fn get(
        &self,
        link: &Link,
        video: &VideoId,
        journal: Journal,
        id: ActionId,
    ) -> Result<Option<Note>, StoreError> {
        let values = (video.as_str(), journal.as_str(), id.as_uuid());
        let row = link.rows::<(Uuid, String)>(&self.get, values).await?.pop();
        row.map(|row| parse(video, row)).transpose()
    }
}

fn parse(video: &VideoId, (id, value): (Uuid, String)) -> Result<Note, StoreError> {
    let id = ActionId::try_from(id);
    let id = id.map_err(|_| StoreError::Damaged(format!("note of {video}: it isn't one")))?;
    Ok(Note { id, value })
}
