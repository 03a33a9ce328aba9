//! Rooms' slots in CQL: a video's are one partition, by name. A slot is a single cell, so that it is
//! one write's or another's and never of both, written at its version's time: the later one stays
//! whenever it comes. Versions of one microsecond are told apart by the cell itself, which begins
//! with the version: of two cells of one time databases keep the greater.

use common::{
    ambient,
    comment_store::StoreError,
    ids::VideoId,
    room_store::{Slot, SlotKind, SlotName},
};
use scylla::errors::PrepareError;

use super::{
    link::{Kind, Link, Query, row_limit},
    stamp,
    tables::{RETENTION_DAYS_MAX, comment_ttl},
};

/// How long a slot stays when its time is over, in seconds: an hour, for clocks that are apart and
/// for writes of earlier versions that are still under way.
const SLACK_S: u64 = 3_600;
/// Written for "never".
const FOR_EVER: &str = "-";

/// The prepared statements about slots.
pub(super) struct Slots {
    set: Query,
    some: Query,
    all: Query,
}

impl Slots {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let [set, some, all] = link
            .prepare([
                (
                    "set_slot",
                    Kind::Write,
                    "UPDATE room_slots USING TIMESTAMP ? AND TTL ? SET slot = ? \
                     WHERE video = ? AND name = ?",
                ),
                (
                    "slots",
                    Kind::Read,
                    "SELECT name, slot FROM room_slots WHERE video = ? AND name IN ?",
                ),
                (
                    "all_slots",
                    Kind::Read,
                    "SELECT name, slot FROM room_slots WHERE video = ? AND name > ? AND name < ? \
                     LIMIT ?",
                ),
            ])
            .await?;
        Ok(Self { set, some, all })
    }

    pub(super) async fn set(
        &self,
        link: &Link,
        video: &VideoId,
        slot: &Slot,
    ) -> Result<(), StoreError> {
        let (stamp, ttl) = (stamp::of_version(slot.version), ttl(slot.until_ms));
        let values = (stamp, ttl, encode(slot), video.as_str(), slot.name.to_string());
        link.run(&self.set, values).await?;
        Ok(())
    }

    pub(super) async fn some(
        &self,
        link: &Link,
        video: &VideoId,
        names: &[SlotName],
    ) -> Result<Vec<Slot>, StoreError> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let rows = link.rows::<(String, String)>(&self.some, (video.as_str(), names)).await?;
        rows.into_iter().map(|row| parse(video, &row)).collect()
    }

    pub(super) async fn all(
        &self,
        link: &Link,
        video: &VideoId,
        kind: SlotKind,
        after: Option<&SlotName>,
        limit: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        let from = after.map_or_else(String::new, ToString::to_string);
        let from = from.max(kind.prefix().to_owned());
        let values = (video.as_str(), from, end(kind), row_limit(limit));
        let rows = link.rows::<(String, String)>(&self.all, values).await?;
        rows.into_iter().take(limit).map(|row| parse(video, &row)).collect()
    }
}

/// Sorts behind all names of the kind, and before those of the next.
fn end(kind: SlotKind) -> String {
    match kind.prefix().strip_suffix('/') {
        // The character after the slash.
        Some(stem) => format!("{stem}0"),
        None => char::MAX.into(),
    }
}

/// Seconds that a slot has to live; 0 = for ever.
fn ttl(until_ms: Option<u64>) -> i32 {
    let Some(until_ms) = until_ms else { return 0 };
    let left_s = until_ms.saturating_sub(ambient::unix_ms()).div_ceil(1_000) + SLACK_S;
    let left_s = left_s.min(u64::from(comment_ttl(RETENTION_DAYS_MAX)));
    i32::try_from(left_s).unwrap_or(i32::MAX)
}

/// Version, end, value.
fn encode(slot: &Slot) -> String {
    let until = slot.until_ms.map_or(FOR_EVER.into(), |until_ms| until_ms.to_string());
    format!("{} {until} {}", slot.version, slot.value)
}

fn parse(video: &VideoId, (name, cell): &(String, String)) -> Result<Slot, StoreError> {
    decode(name, cell)
        .ok_or_else(|| StoreError::Damaged(format!("slot {video}/{name}: it isn't one")))
}

fn decode(name: &str, cell: &str) -> Option<Slot> {
    let (version, rest) = cell.split_once(' ')?;
    let (until, value) = rest.split_once(' ')?;
    let until_ms = if until == FOR_EVER { None } else { Some(until.parse().ok()?) };
    let (name, version) = (name.parse().ok()?, version.parse().ok()?);
    Some(Slot { name, version, value: value.into(), until_ms })
}

#[cfg(test)]
mod tests {
    use common::ids::ActionId;

    use super::*;

    #[test]
    fn cells_come_back_and_sort_by_version() {
        let slot = |value: &str, until_ms| Slot {
            name: "ban/ü x".parse().unwrap(),
            version: ActionId::now(),
            value: value.into(),
            until_ms,
        };
        let (first, second) = (slot("{\"b\": 1}", None), slot("", Some(u64::MAX)));
        assert!(encode(&first) < encode(&second));
        for slot in [first, second] {
            assert_eq!(decode("ban/ü x", &encode(&slot)), Some(slot));
        }
        for bad in ["", "x - {}", "0190163d-8694-739b-aea5-966c26f8ad91 {}"] {
            assert_eq!(decode("pin", bad), None, "{bad}");
        }
    }

    #[test]
    fn no_name_of_a_kind_is_behind_its_end() {
        let names = ["ban/a", "ban/\u{10ffff}b", "hide/a", "hide/\u{10ffff}b", "pin", "video"];
        let within = |kind: SlotKind| {
            let (from, end) = (kind.prefix(), end(kind));
            names.into_iter().filter(move |name| from < *name && *name < end.as_str())
        };
        assert!(within(SlotKind::Ban).eq(names[..2].iter().copied()));
        assert!(within(SlotKind::Hide).eq(names[2..4].iter().copied()));
        assert!(within(SlotKind::Any).eq(names));
    }

    #[test]
    fn slots_live_an_hour_longer_than_they_need_to() {
        assert_eq!((ttl(None), ttl(Some(0))), (0, 3_600));
        let in_a_minute = ambient::unix_ms() + 60_000;
        assert!((3_655..=3_660).contains(&ttl(Some(in_a_minute))));
        assert_eq!(ttl(Some(u64::MAX)), 630_720_000);
    }
}
