//! Claims hold for 24 hours. Older ones count as absent at once, and leave the disk when their
//! table is compacted, which its own growth brings about. So do settled marks, which nobody asks
//! for once the claim is gone, and slots whose time is over.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{comment_store::Claim, ids::CommentId};
use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};

use super::{record, room_record, tables};

/// How long a claim holds.
const CLAIM_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long its end must be past for a record to leave the disk: a clock set back a little changes
/// no answer, no claim that still holds is without its comment's settled mark, and no slot is set
/// to an earlier version again by a write that was under way.
const SLACK: Duration = Duration::from_secs(3600);

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a claim still stands at `now_ms`. Its age is that of its comment's id.
pub(super) fn holds(claim: &Claim, now_ms: u64) -> bool {
    now_ms < end_of_age(claim.comment)
}

fn end_of_age(comment: CommentId) -> u64 {
    comment.unix_ms().saturating_add(ms(CLAIM_AGE_MAX))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The compaction filter of a table, where it has one.
pub(super) fn filter_of(table: &str) -> Option<Arc<dyn Factory>> {
    Some(Arc::new(Expired { end_of: end_of(table)? }))
}

/// Whether a record may have left the disk since its time is over.
pub(super) fn may_be_gone(table: &str, key: &[u8], value: &[u8]) -> bool {
    let end_ms = end_of(table).and_then(|end_of| end_of(key, value));
    end_ms.is_some_and(|end_ms| end_ms < now_ms())
}

fn end_of(table: &str) -> Option<EndOf> {
    match table {
        tables::CLAIMS => Some(of_claim),
        tables::SETTLED => Some(of_mark),
        tables::SLOTS => Some(of_slot),
        _ => None,
    }
}

/// When a record is of no use any more, in milliseconds since 1970, by its key and value. `None`:
/// never, and for what can't be read, which stays: a read of it reports the damage that absence
/// would hide.
type EndOf = fn(&[u8], &[u8]) -> Option<u64>;

fn of_claim(key: &[u8], value: &[u8]) -> Option<u64> {
    let claim = record::unseal(key, value).and_then(record::parse_claim);
    claim.ok().map(|claim| end_of_age(claim.comment))
}

fn of_mark(key: &[u8], _: &[u8]) -> Option<u64> {
    record::comment_of(key).ok().map(end_of_age)
}

fn of_slot(key: &[u8], value: &[u8]) -> Option<u64> {
    record::unseal(key, value).and_then(room_record::slot_until_ms).ok()?
}

struct Expired {
    end_of: EndOf,
}

impl Factory for Expired {
    fn name(&self) -> &'static str {
        "expired"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiredAt { now_ms: now_ms(), end_of: self.end_of })
    }
}

struct ExpiredAt {
    now_ms: u64,
    end_of: EndOf,
}

impl CompactionFilter for ExpiredAt {
    /// What is removed goes as if it were deleted: no earlier value of the key comes to light.
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let end_ms = (self.end_of)(item.key(), &item.value()?);
        let expired = end_ms.is_some_and(|end_ms| end_ms.saturating_add(ms(SLACK)) < self.now_ms);
        Ok(if expired { Verdict::Remove } else { Verdict::Keep })
    }
}

#[cfg(test)]
mod tests {
    use common::room_store::Slot;
    use uuid::Builder;

    use super::*;

    fn claim_of_age(hours: u64) -> Claim {
        let ms = now_ms() - hours * 3_600_000;
        let uuid = Builder::from_unix_timestamp_millis(ms, &[1; 10]).into_uuid();
        Claim { comment: CommentId::try_from(uuid).unwrap(), digest: [0; 32] }
    }

    #[test]
    fn a_claim_holds_for_24_hours() {
        assert!(holds(&claim_of_age(23), now_ms()));
        assert!(!holds(&claim_of_age(24), now_ms()));
        // Of a node whose clock runs ahead.
        assert!(holds(&claim_of_age(0), 0));
    }

    /// An earlier version, in the files below, does not come to light.
    #[test]
    fn compaction_drops_slots_whose_time_is_over() {
        let home = tempfile::tempdir().unwrap();
        let tables = tables::Tables::open(home.path()).unwrap();
        let slots = &tables.slots;
        let video = "v".parse().unwrap();
        let key = |name: &str| room_record::slot_key(&video, &name.parse().unwrap());
        let set = |name: &str, until_ms| {
            let version = common::ids::ActionId::now();
            let slot = Slot { name: name.parse().unwrap(), version, value: "{}".into(), until_ms };
            let value = record::seal(&key(name), &room_record::slot_payload(&slot));
            slots.insert(key(name), value).unwrap();
        };
        let names = ["ban/over", "ban/just over", "ban/later", "pin"];
        for name in names {
            set(name, None);
        }
        slots.rotate_memtable_and_wait().unwrap();
        slots.major_compact().unwrap();
        let hours_ago = |hours: u64| now_ms() - hours * 3_600_000;
        set("ban/over", Some(hours_ago(2)));
        set("ban/just over", Some(hours_ago(0)));
        set("ban/later", Some(now_ms() + 60_000));
        slots.rotate_memtable_and_wait().unwrap();
        slots.major_compact().unwrap();
        let has = |name| slots.contains_key(key(name)).unwrap();
        assert_eq!(names.map(has), [false, true, true, true]);
    }

    #[test]
    fn compaction_drops_expired_claims_and_marks_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let tables = tables::Tables::open(home.path()).unwrap();
        let tables::Tables { claims, pending, settled, .. } = &tables;
        let video = "v".parse().unwrap();
        let mark = |hours| record::comment_key(&video, claim_of_age(hours).comment);
        for (key, hours) in [("expired", 26), ("just expired", 24), ("fresh", 0)] {
            let payload = record::claim_payload(&claim_of_age(hours));
            claims.insert(key, record::seal(key.as_bytes(), &payload)).unwrap();
            settled.insert(mark(hours), record::seal(&mark(hours), &[])).unwrap();
        }
        claims.insert("damaged", [0; 53]).unwrap();
        pending.insert(mark(26), record::seal(&mark(26), &[])).unwrap();
        for table in [claims, pending, settled] {
            table.rotate_memtable_and_wait().unwrap();
            table.major_compact().unwrap();
        }
        let left = |table: &fjall::Keyspace| -> Vec<_> {
            table.iter().map(|entry| entry.key().unwrap().to_vec()).collect()
        };
        assert_eq!(left(claims), [b"damaged".as_slice(), b"fresh", b"just expired"]);
        assert_eq!((left(settled).len(), left(pending).len()), (2, 1));
    }
}
