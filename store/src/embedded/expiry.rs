//! Claims hold for 24 hours. Older ones count as absent at once, and leave the disk when their
//! table is compacted, which its own growth brings about.

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
/// How much older it must be to leave the disk: a clock set back a little changes no answer.
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
    (table == tables::CLAIMS).then(|| Arc::new(ExpiredClaims) as Arc<dyn Factory>)
}

struct ExpiredClaims;

impl Factory for ExpiredClaims {
    fn name(&self) -> &'static str {
        "expired claims"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiredAt(now_ms()))
    }
}

struct ExpiredAt(u64);

impl CompactionFilter for ExpiredAt {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let value = item.value()?;
        // What can't be read stays: a read of it reports the damage, which absence would hide.
        let claim = record::unseal(item.key(), &value).and_then(record::parse_claim);
        let expired = claim.is_ok_and(|claim| age(claim.comment, self.0) > CLAIM_AGE_MAX + SLACK);
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
    fn compaction_drops_expired_claims_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let tables = tables::Tables::open(home.path()).unwrap();
        let claims = &tables.claims;
        for (key, hours) in [("expired", 26), ("just expired", 24), ("fresh", 0)] {
            let payload = record::claim_payload(&claim_of_age(hours));
            claims.insert(key, record::seal(key.as_bytes(), &payload)).unwrap();
        }
        claims.insert("damaged", [0; 53]).unwrap();
        tables.pending.insert("not a claim", record::seal(b"not a claim", &[])).unwrap();
        for table in [claims, &tables.pending] {
            table.rotate_memtable_and_wait().unwrap();
            table.major_compact().unwrap();
        }
        let left: Vec<_> = claims.iter().map(|entry| entry.key().unwrap().to_vec()).collect();
        assert_eq!(left, [b"damaged".as_slice(), b"fresh", b"just expired"]);
        assert!(tables.pending.contains_key("not a claim").unwrap());
    }
}
