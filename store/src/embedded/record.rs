//! Keys and values of the embedded store. A value is `version, CRC32, payload`; the checksum covers
//! the key too, so that a record that ended up under another key is noticed as well.

use common::{
    comment_store::{Claim, Deletion, Pending},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
};
use uuid::Uuid;

/// First byte of every value. A chorus that changes the form of payloads counts it up.
const VERSION: u8 = 1;
/// Length of what stands before the payload.
const HEADER_LEN: usize = 5;
/// Parts names in keys. Neither video ids nor user ids may hold it, so no name runs into the next.
const SEPARATOR: u8 = 0;
/// Length of an id in keys and values.
pub(super) const ID_LEN: usize = 16;
/// Begins the payload of a deletion. No two tables' payloads can be taken for each other: when a
/// journal is damaged, only they tell which table a record is of.
pub(super) const DELETION: u8 = b'D';
/// Length of the SHA-256 in a claim.
const DIGEST_LEN: usize = 32;

/// Why a value can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("cut short")]
    Short,
    #[error("its checksum doesn't match")]
    Checksum,
    #[error("written in form {0}, which a newer chorus may know")]
    Version(u8),
    #[error("its content can't be read")]
    Content,
}

/// The value to store under `key`.
pub(super) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER_LEN + payload.len());
    value.push(VERSION);
    value.extend_from_slice(&checksum(key, payload).to_le_bytes());
    value.extend_from_slice(payload);
    value
}

/// The payload of a value that was stored under `key`.
pub(super) fn unseal<'value>(key: &[u8], value: &'value [u8]) -> Result<&'value [u8], Flaw> {
    let (header, payload) = value.split_at_checked(HEADER_LEN).ok_or(Flaw::Short)?;
    let (version, sum) = header.split_first().ok_or(Flaw::Short)?;
    if sum != checksum(key, payload).to_le_bytes() {
        return Err(Flaw::Checksum);
    }
    if *version == VERSION { Ok(payload) } else { Err(Flaw::Version(*version)) }
}

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

/// What a video's comment keys begin with; no other video's keys do.
pub(super) fn video_prefix(video: &VideoId) -> Vec<u8> {
    let mut key = Vec::with_capacity(video.as_str().len() + 1 + ID_LEN);
    key.extend_from_slice(video.as_str().as_bytes());
    key.push(SEPARATOR);
    key
}

/// A comment's key: within its video, keys sort as ids do.
pub(super) fn comment_key(video: &VideoId, id: CommentId) -> Vec<u8> {
    let mut key = video_prefix(video);
    key.extend_from_slice(id.as_bytes());
    key
}

/// The comment of a [`comment_key`].
pub(super) fn comment_of(key: &[u8]) -> Result<CommentId, Flaw> {
    let at = key.len().checked_sub(ID_LEN).ok_or(Flaw::Content)?;
    let (_, id) = key.split_at_checked(at).ok_or(Flaw::Content)?;
    parse_id(id)
}

/// A claim's key.
pub(super) fn claim_key(author: &UserId, key: &IdempotencyKey) -> Vec<u8> {
    [author.as_str().as_bytes(), &[SEPARATOR], key.as_str().as_bytes()].concat()
}

/// A claim's payload.
pub(super) fn claim_payload(claim: &Claim) -> Vec<u8> {
    [claim.comment.as_bytes().as_slice(), &claim.digest].concat()
}

/// Reads [`claim_payload`] back.
pub(super) fn parse_claim(payload: &[u8]) -> Result<Claim, Flaw> {
    let (id, digest) = payload.split_at_checked(ID_LEN).ok_or(Flaw::Content)?;
    let digest: [u8; DIGEST_LEN] = digest.try_into().map_err(|_| Flaw::Content)?;
    Ok(Claim { comment: parse_id(id)?, digest })
}

/// A deletion's payload. Its key is that of its comment.
pub(super) fn deletion_payload(deletion: &Deletion) -> Vec<u8> {
    // Three strings: there is nothing in it that could fail to serialise.
    let json = serde_json::to_vec(deletion).unwrap_or_default();
    [&[DELETION], json.as_slice()].concat()
}

/// Reads [`deletion_payload`] back.
pub(super) fn parse_deletion(payload: &[u8]) -> Result<Deletion, Flaw> {
    let json = payload.strip_prefix(&[DELETION]).ok_or(Flaw::Content)?;
    serde_json::from_slice(json).map_err(|_| Flaw::Content)
}

/// A pending record's key: the oldest comment first, whatever its video.
pub(super) fn pending_key(pending: &Pending) -> Vec<u8> {
    [pending.comment.as_bytes().as_slice(), pending.video.as_str().as_bytes()].concat()
}

/// Reads [`pending_key`] back.
pub(super) fn parse_pending(key: &[u8]) -> Result<Pending, Flaw> {
    let (id, video) = key.split_at_checked(ID_LEN).ok_or(Flaw::Content)?;
    let video = std::str::from_utf8(video).ok().and_then(|video| video.parse().ok());
    Ok(Pending { video: video.ok_or(Flaw::Content)?, comment: parse_id(id)? })
}

/// All pending keys of comments made before `unix_ms` sort before this: ids begin with their time,
/// 48 bits of it.
pub(super) fn pending_end(unix_ms: u64) -> Vec<u8> {
    const TIME_MAX: u64 = (1 << 48) - 1;
    unix_ms.min(TIME_MAX).to_be_bytes().into_iter().skip(2).collect()
}

fn parse_id(bytes: &[u8]) -> Result<CommentId, Flaw> {
    let uuid = Uuid::from_slice(bytes).map_err(|_| Flaw::Content)?;
    CommentId::try_from(uuid).map_err(|_| Flaw::Content)
}

/// A key for people: a comment's as `video/id`, others with what isn't printable escaped.
pub(super) fn describe(key: &[u8]) -> String {
    let id = key.len().checked_sub(ID_LEN).and_then(|at| key.split_at_checked(at));
    let comment = id.and_then(|(video, id)| {
        let video = std::str::from_utf8(video.strip_suffix(&[SEPARATOR])?).ok()?;
        Some(format!("{video}/{}", parse_id(id).ok()?))
    });
    comment.unwrap_or_else(|| key.escape_ascii().to_string())
}

#[cfg(test)]
mod tests {
    use common::ids::ActionId;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_bound_to_its_key() {
        let value = seal(b"key", b"payload");
        assert_eq!(unseal(b"key", &value), Ok(b"payload".as_slice()));
        assert_eq!(unseal(b"kez", &value), Err(Flaw::Checksum));
        assert_eq!(unseal(b"key", &value[..4]), Err(Flaw::Short));
    }

    #[test]
    fn a_newer_form_is_told_from_damage() {
        let mut value = seal(b"key", b"payload");
        value[0] = 9;
        assert_eq!(unseal(b"key", &value), Err(Flaw::Version(9)));
    }

    #[test]
    fn comment_keys_sort_by_id_and_videos_stay_apart() {
        let (first, second) = (CommentId::now(), CommentId::now());
        let (short, long) = ("a".parse().unwrap(), "a-b".parse().unwrap());
        assert!(comment_key(&short, first) < comment_key(&short, second));
        assert!(!comment_key(&long, first).starts_with(&video_prefix(&short)));
        assert_eq!(describe(&comment_key(&long, first)), format!("a-b/{first}"));
        assert_eq!(comment_of(&comment_key(&long, first)), Ok(first));
    }

    #[test]
    fn deletions_come_back() {
        let (author, by) = ("ü \u{200d}".parse().unwrap(), "\"mod\"".parse().unwrap());
        let deletion = Deletion { author, by, action: ActionId::now() };
        let payload = deletion_payload(&deletion);
        assert_eq!(parse_deletion(&payload), Ok(deletion));
        assert_eq!(parse_deletion(&payload[1..]), Err(Flaw::Content));
    }

    #[test]
    fn claims_and_pending_records_come_back() {
        let claim = Claim { comment: CommentId::now(), digest: [7; 32] };
        assert_eq!(parse_claim(&claim_payload(&claim)), Ok(claim));
        let pending = Pending { video: "v".parse().unwrap(), comment: claim.comment };
        let key = pending_key(&pending);
        assert_eq!(parse_pending(&key), Ok(pending));
        let made = claim.comment.unix_ms();
        assert!(pending_end(made) <= key && key < pending_end(made + 1));
        assert!(key < pending_end(u64::MAX));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_of_checksum_or_payload_is_noticed(
            payload in prop::collection::vec(any::<u8>(), 1..300), at in 1usize..300, bit in 0u8..8,
        ) {
            let mut value = seal(b"key", &payload);
            let at = at.min(value.len() - 1);
            value[at] ^= 1 << bit;
            prop_assert_eq!(unseal(b"key", &value), Err(Flaw::Checksum));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (unseal(b"key", &bytes), parse_claim(&bytes), parse_pending(&bytes));
            let _ = (describe(&bytes), comment_of(&bytes), parse_deletion(&bytes));
        }
    }
}
