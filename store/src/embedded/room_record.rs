//! Keys and payloads of slots and notes; [`record`](super::record) seals them.

use common::{
    ids::{ActionId, VideoId},
    room_store::{Journal, Note, Slot, SlotName},
};
use uuid::Uuid;

use super::record::{Flaw, ID_LEN, video_prefix};

/// Begins a slot's payload.
pub(super) const SLOT: u8 = b'S';
/// Begins a note's payload.
pub(super) const NOTE: u8 = b'N';
/// The time of a slot that is never of no use.
const FOR_EVER: u64 = u64::MAX;

/// A slot's key: within its video, keys sort as names do.
pub(super) fn slot_key(video: &VideoId, name: &SlotName) -> Vec<u8> {
    [video_prefix(video).as_slice(), name.to_string().as_bytes()].concat()
}

/// The name in a [`slot_key`].
pub(super) fn slot_name(key: &[u8]) -> Result<SlotName, Flaw> {
    let (_, name) = split(key)?;
    let name = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    name.ok_or(Flaw::Content)
}

/// A slot's payload: its version, when its time is over, its value.
pub(super) fn slot_payload(slot: &Slot) -> Vec<u8> {
    let until = slot.until_ms.unwrap_or(FOR_EVER).to_be_bytes();
    [&[SLOT], slot.version.as_bytes().as_slice(), &until, slot.value.as_bytes()].concat()
}

/// The slot of a key and payload.
pub(super) fn parse_slot(key: &[u8], payload: &[u8]) -> Result<Slot, Flaw> {
    let Head { version, until_ms, value } = parse_head(payload)?;
    let value = text(value)?;
    Ok(Slot { name: slot_name(key)?, version, value, until_ms })
}

/// The version in a slot's payload.
pub(super) fn slot_version(payload: &[u8]) -> Result<ActionId, Flaw> {
    parse_head(payload).map(|head| head.version)
}

/// When the slot with this payload is of no use any more; `None`: never.
pub(super) fn slot_until_ms(payload: &[u8]) -> Result<Option<u64>, Flaw> {
    parse_head(payload).map(|head| head.until_ms)
}

struct Head<'p> {
    version: ActionId,
    until_ms: Option<u64>,
    value: &'p [u8],
}

fn parse_head(payload: &[u8]) -> Result<Head<'_>, Flaw> {
    let rest = payload.strip_prefix(&[SLOT]).ok_or(Flaw::Content)?;
    let (version, rest) = rest.split_at_checked(ID_LEN).ok_or(Flaw::Content)?;
    let (until, value) = rest.split_first_chunk().ok_or(Flaw::Content)?;
    let until_ms = Some(u64::from_be_bytes(*until)).filter(|until| *until != FOR_EVER);
    Ok(Head { version: action(version)?, until_ms, value })
}

/// What the keys of a journal begin with; those of no other journal or video do.
pub(super) fn journal_prefix(video: &VideoId, journal: Journal) -> Vec<u8> {
    [video_prefix(video).as_slice(), &[letter(journal)]].concat()
}

fn letter(journal: Journal) -> u8 {
    match journal {
        Journal::Moderation => b'm',
        Journal::Reports => b'r',
        Journal::Events => b'e',
    }
}

/// A note's key: within its journal, keys sort as ids do.
pub(super) fn note_key(video: &VideoId, journal: Journal, id: ActionId) -> Vec<u8> {
    [journal_prefix(video, journal).as_slice(), id.as_bytes()].concat()
}

/// The id in a [`note_key`].
pub(super) fn note_id(key: &[u8]) -> Result<ActionId, Flaw> {
    let (_, rest) = split(key)?;
    match rest {
        [b'm' | b'r' | b'e', id @ ..] => action(id),
        _ => Err(Flaw::Content),
    }
}

/// A note's payload.
pub(super) fn note_payload(note: &Note) -> Vec<u8> {
    [&[NOTE], note.value.as_bytes()].concat()
}

/// The note of a key and payload.
pub(super) fn parse_note(key: &[u8], payload: &[u8]) -> Result<Note, Flaw> {
    let value = payload.strip_prefix(&[NOTE]).ok_or(Flaw::Content)?;
    Ok(Note { id: note_id(key)?, value: text(value)? })
}

/// A key's video and what follows it.
fn split(key: &[u8]) -> Result<(VideoId, &[u8]), Flaw> {
    let at = key.iter().position(|byte| *byte == 0).ok_or(Flaw::Content)?;
    let (video, rest) = key.split_at_checked(at).ok_or(Flaw::Content)?;
    let video = std::str::from_utf8(video).ok().and_then(|video| video.parse().ok());
    Ok((video.ok_or(Flaw::Content)?, rest.get(1..).unwrap_or_default()))
}

fn action(bytes: &[u8]) -> Result<ActionId, Flaw> {
    let uuid = Uuid::from_slice(bytes).map_err(|_| Flaw::Content)?;
    ActionId::try_from(uuid).map_err(|_| Flaw::Content)
}

fn text(bytes: &[u8]) -> Result<String, Flaw> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Flaw::Content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slots_come_back() {
        let video: VideoId = "v".parse().unwrap();
        for (name, until_ms) in [("ban/ü \"x\"", None), ("pin", Some(0)), ("video", Some(7))] {
            let name: SlotName = name.parse().unwrap();
            let slot = Slot { name, version: ActionId::now(), value: "{\"a\":1}".into(), until_ms };
            let (key, payload) = (slot_key(&video, &slot.name), slot_payload(&slot));
            assert_eq!(slot_version(&payload), Ok(slot.version));
            assert_eq!(slot_until_ms(&payload), Ok(until_ms));
            assert_eq!(parse_slot(&key, &payload), Ok(slot));
        }
    }

    #[test]
    fn notes_come_back_and_journals_stay_apart() {
        let video: VideoId = "v".parse().unwrap();
        let note = Note { id: ActionId::now(), value: "{}".into() };
        let key = note_key(&video, Journal::Reports, note.id);
        assert_eq!(parse_note(&key, &note_payload(&note)), Ok(note));
        assert!(key.starts_with(&journal_prefix(&video, Journal::Reports)));
        assert!(!key.starts_with(&journal_prefix(&video, Journal::Moderation)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (slot_name(&bytes), note_id(&bytes), slot_version(&bytes));
            let _ = (parse_slot(b"v\0pin", &bytes), parse_note(b"v\0m", &bytes));
        }
    }
}
