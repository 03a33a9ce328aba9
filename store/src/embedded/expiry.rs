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
