//! What is read of the tables. Blocks while the disk is waited for.

use common::{
    comment::Comment,
    comment_store::{Claim, Page, Pending, StoreError, Stored},
    ids::{ActionId, VideoId},
    room_store::{Journal, Note, Slot, SlotKind, SlotName},
    totals::Row,
};
use fjall::{Guard, Keyspace};

use super::{
    expiry,
    record::{self, Flaw},
    room_record,
    tables::Tables,
    totals_record,
};

/// What stands under a comment's key. The deletion last: it holds, whatever else is found.
pub(super) fn stored(tables: &Tables, key: &[u8]) -> Result<Option<Stored>, StoreError> {
    let comment = tables.comments.get(key).map_err(|why| unread("comment", key, why))?;
    let deletion = tables.deleted.get(key).map_err(|why| unread("deletion", key, why))?;
    if let Some(value) = deletion {
        let deletion = record::unseal(key, &value).and_then(record::parse_deletion);
        return deletion
            .map(|deletion| Some(Stored::Deleted(deletion)))
            .map_err(|flaw| damaged("deletion", key, flaw));
    }
    comment.map(|value| parse_comment(key, &value).map(Stored::Comment)).transpose()
}

/// A page of comments.
pub(super) fn page(
    tables: &Tables,
    video: &VideoId,
    page: Page,
    limit: usize,
) -> Result<Vec<Comment>, StoreError> {
    let prefix = record::video_prefix(video);
    let at = |id| record::comment_key(video, id);
    // One past the last key: ids are 16 bytes, so nothing of this video sorts behind 17.
    let end = [prefix.as_slice(), &[0xff; 17]].concat();
    let newest_first = |to| tables.comments.range(prefix.clone()..to).rev().take(limit);
    let parse = |entry: Guard| {
        let (key, value) = entry.into_inner().map_err(|why| unread("comments of", &prefix, why))?;
        parse_comment(&key, &value)
    };
    match page {
        Page::Newest => newest_first(end).map(parse).collect(),
        Page::Before(id) => newest_first(at(id)).map(parse).collect(),
        Page::After(id) => {
            let from = behind(at(id));
            tables.comments.range(from..end).take(limit).map(parse).collect()
        }
    }
}

/// The first key behind this one.
fn behind(key: Vec<u8>) -> Vec<u8> {
    [key.as_slice(), &[0]].concat()
}

/// The claim in force, where there is one.
pub(super) fn claim_in_force(tables: &Tables, key: &[u8]) -> Result<Option<Claim>, StoreError> {
    let value = tables.claims.get(key).map_err(|why| unread("claim", key, why))?;
    let Some(value) = value else { return Ok(None) };
    let claim = record::unseal(key, &value).and_then(record::parse_claim);
    let claim = claim.map_err(|flaw| damaged("claim", key, flaw))?;
    Ok(expiry::holds(&claim, expiry::now_ms()).then_some(claim))
}

/// The oldest pending records.
pub(super) fn pending(
    tables: &Tables,
    older_than_ms: u64,
    limit: usize,
) -> Result<Vec<Pending>, StoreError> {
    let mut found = Vec::new();
    for entry in tables.pending.range(..record::pending_end(older_than_ms)) {
        if found.len() == limit {
            break;
        }
        let (key, value) = entry.into_inner().map_err(|why| unread("pending record", &[], why))?;
        match record::unseal(&key, &value).and_then(|_| record::parse_pending(&key)) {
            Ok(pending) => found.push(pending),
            // Passed over: an error here would hold up the live delivery of all the others.
            Err(flaw) => tracing::error!(error = %damaged("pending record", &key, flaw)),
        }
    }
    Ok(found)
}

/// Whether a table has the key.
pub(super) fn has(table: &Keyspace, what: &str, key: &[u8]) -> Result<bool, StoreError> {
    table.contains_key(key).map_err(|why| unread(what, key, why))
}

/// Those of the slots that there are.
pub(super) fn slots(
    tables: &Tables,
    video: &VideoId,
    names: &[SlotName],
) -> Result<Vec<Slot>, StoreError> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let key = room_record::slot_key(video, name);
        if let Some(value) = tables.slots.get(&key).map_err(|why| unread("slot", &key, why))? {
            found.push(parse_slot(&key, &value)?);
        }
    }
    Ok(found)
}

/// Slots of a kind, from behind a name on.
pub(super) fn all_slots(
    tables: &Tables,
    video: &VideoId,
    kind: SlotKind,
    after: Option<&SlotName>,
    limit: usize,
) -> Result<Vec<Slot>, StoreError> {
    let prefix = [record::video_prefix(video).as_slice(), kind.prefix().as_bytes()].concat();
    let from = after.map_or_else(
        || prefix.clone(),
        |after| behind(room_record::slot_key(video, after)).max(prefix.clone()),
    );
    let entries = tables.slots.range(from..).take(limit).map(|entry| {
        let (key, value) = entry.into_inner().map_err(|why| unread("slots of", &prefix, why))?;
        if key.starts_with(&prefix) { parse_slot(&key, &value).map(Some) } else { Ok(None) }
    });
    entries.map_while(Result::transpose).collect()
}

fn parse_slot(key: &[u8], value: &[u8]) -> Result<Slot, StoreError> {
    let slot = record::unseal(key, value).and_then(|payload| room_record::parse_slot(key, payload));
    slot.map_err(|flaw| damaged("slot", key, flaw))
}

/// A page of a journal, newest first.
pub(super) fn notes(
    tables: &Tables,
    video: &VideoId,
    journal: Journal,
    before: Option<ActionId>,
    limit: usize,
) -> Result<Vec<Note>, StoreError> {
    let prefix = room_record::journal_prefix(video, journal);
    let end = match before {
        Some(before) => room_record::note_key(video, journal, before),
        None => [prefix.as_slice(), &[0xff; 17]].concat(),
    };
    let entries = tables.notes.range(prefix.clone()..end).rev().take(limit);
    let parse = |entry: Guard| {
        let (key, value) = entry.into_inner().map_err(|why| unread("notes of", &prefix, why))?;
        parse_note(&key, &value)
    };
    entries.map(parse).collect()
}

/// The note under a key.
pub(super) fn note(tables: &Tables, key: &[u8]) -> Result<Option<Note>, StoreError> {
    let value = tables.notes.get(key).map_err(|why| unread("note", key, why))?;
    value.map(|value| parse_note(key, &value)).transpose()
}

fn parse_note(key: &[u8], value: &[u8]) -> Result<Note, StoreError> {
    let note = record::unseal(key, value).and_then(|payload| room_record::parse_note(key, payload));
    note.map_err(|flaw| damaged("note", key, flaw))
}

/// What all sources have counted of a video.
pub(super) fn totals(tables: &Tables, video: &VideoId) -> Result<Vec<Row>, StoreError> {
    let prefix = record::video_prefix(video);
    let row = |entry: Guard| {
        let (key, value) = entry.into_inner().map_err(|why| unread("totals of", &prefix, why))?;
        let row = record::unseal(&key, &value);
        let row = row.and_then(|payload| totals_record::parse(&key, payload));
        row.map_err(|flaw| damaged("totals", &key, flaw))
    };
    tables.totals.prefix(&prefix).map(row).collect()
}

fn parse_comment(key: &[u8], value: &[u8]) -> Result<Comment, StoreError> {
    let comment = record::unseal(key, value)
        .and_then(|payload| serde_json::from_slice(payload).map_err(|_| Flaw::Content));
    comment.map_err(|flaw| damaged("comment", key, flaw))
}

/// A record that is not what was stored.
pub(super) fn damaged(what: &str, key: &[u8], flaw: Flaw) -> StoreError {
    StoreError::Damaged(format!("{what} {}: {flaw}", record::describe(key)))
}

/// An error of the engine while it read: of the disk, which may pass, or of what stands on it.
pub(super) fn unread(what: &str, key: &[u8], why: fjall::Error) -> StoreError {
    match why {
        fjall::Error::Io(why) | fjall::Error::Storage(fjall::LsmError::Io(why)) => {
            StoreError::Unavailable(format!("reading failed: {why}"))
        }
        why => StoreError::Damaged(format!("{what} {}: {why}", record::describe(key))),
    }
}
