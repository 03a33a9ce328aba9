//! Claims hold for 24 hours. Older ones count as absent at once, and leave the disk when their
//! table is compacted, which its own growth brings about. So do settled marks, which nobody asks
//! for once the claim is gone.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{comment_store::Claim, ids::CommentId};
use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};

use super::{record, tables};

/// How long a claim holds.
const CLAIM_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How much older it must be to leave the disk: a clock set back a little changes no answer, and no
/// claim that still holds is without its comment's settled mark.
const SLACK: Duration = Duration::from_secs(3600);

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a claim still stands at `now_ms`. Its age is that of its comment's id.
pub(super) fn holds(claim: &Claim, now_ms: u64) -> bool {
    age(claim.comment, now_ms) < CLAIM_AGE_MAX
}

fn age(comment: CommentId, now_ms: u64) -> Duration {
    Duration::from_millis(now_ms.saturating_sub(comment.unix_ms()))
}

/// The compaction filter of a table, where it has one.
pub(super) fn filter_of(table: &str) -> Option<Arc<dyn Factory>> {
    Some(Arc::new(Expired { comment_of: comment_of(table)? }))
}

/// Whether a record may have left the disk by its age.
pub(super) fn may_be_gone(table: &str, key: &[u8], value: &[u8]) -> bool {
    let comment = comment_of(table).and_then(|comment_of| comment_of(key, value));
    comment.is_some_and(|id| age(id, now_ms()) > CLAIM_AGE_MAX)
}

fn comment_of(table: &str) -> Option<CommentOf> {
    match table {
        tables::CLAIMS => Some(claimed),
        tables::SETTLED => Some(settled),
        _ => None,
    }
}

/// The comment by whose age a record expires, by the record's key and value. `None` for what can't
/// be read, which stays: a read of it reports the damage that absence would hide.
type CommentOf = fn(&[u8], &[u8]) -> Option<CommentId>;

fn claimed(key: &[u8], value: &[u8]) -> Option<CommentId> {
    let claim = record::unseal(key, value).and_then(record::parse_claim);
    claim.ok().map(|claim| claim.comment)
}

fn settled(key: &[u8], _: &[u8]) -> Option<CommentId> {
    record::comment_of(key).ok()
}

struct Expired {
    comment_of: CommentOf,
}

impl Factory for Expired {
    fn name(&self) -> &'static str {
        "expired"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiredAt { now_ms: now_ms(), comment_of: self.comment_of })
    }
}

struct ExpiredAt {
    now_ms: u64,
    comment_of: CommentOf,
}

impl CompactionFilter for ExpiredAt {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let comment = (self.comment_of)(item.key(), &item.value()?);
        let expired = comment.is_some_and(|id| age(id, self.now_ms) > CLAIM_AGE_MAX + SLACK);
        Ok(if expired { Verdict::Remove } else { Verdict::Keep })
    }
}

#[cfg(test)]
mod tests {
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
