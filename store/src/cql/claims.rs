//! Key claims in CQL: rows written by lightweight transactions and by nothing else.
//!
//! Plain writes are ordered by clocks, transactions by Paxos. Mixed on one row, a plain write may
//! undo a transaction that came after it. So claims have a table of their own, and expire.

use std::time::{Duration, Instant};

use common::{
    comment_store::{Claim, StoreError},
    ids::{CommentId, IdempotencyKey, UserId},
};
use scylla::{
    errors::PrepareError,
    response::query_result::QueryResult,
    value::{CqlValue, Row},
};
use uuid::Uuid;

use super::link::{Kind, Link, Query, REQUEST_PATIENCE};

/// Longest that a claim of unknown outcome is repeated: two full requests.
const CLAIM_PATIENCE: Duration = Duration::from_secs(2 * REQUEST_PATIENCE.as_secs());
/// Shortest pause before a claim is repeated.
const PAUSE_MS_MIN: u64 = 5;

/// The prepared statements about claims.
pub(super) struct Claims {
    insert: Query,
    find: Query,
}

impl Claims {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let [insert, find] = link
            .prepare([
                (
                    "claim",
                    Kind::Conditional,
                    "INSERT INTO claims (author, idempotency_key, comment, digest) \
                     VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL 86400",
                ),
                (
                    "claimed",
                    Kind::Read,
                    "SELECT comment, digest FROM claims WHERE author = ? AND idempotency_key = ?",
                ),
            ])
            .await?;
        Ok(Self { insert, find })
    }

    /// The claim that somebody was told of. A transaction of which nobody knows yet may be missed:
    /// who wants to be sure claims.
    pub(super) async fn find(
        &self,
        link: &Link,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError> {
        let key = (author.as_str(), key.as_str());
        let row = link.rows::<(Uuid, Vec<u8>)>(&self.find, key).await?.pop();
        let claim = row.map(|(comment, digest)| parse(comment, digest).ok_or_else(unreadable));
        claim.transpose()
    }

    /// Claims, or finds the claim in force. A transaction that timed out may have taken place or
    /// may yet: repeating it is the way to learn, for it then finds its own row. While there is
    /// nobody to ask it fails at once, as everything else does: the client has its answer, and what
    /// held a place for seconds would keep others from theirs.
    pub(super) async fn claim(
        &self,
        link: &Link,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        let give_up = Instant::now() + CLAIM_PATIENCE;
        let mut tries = 0;
        loop {
            let row =
                (author.as_str(), key.as_str(), claim.comment.as_uuid(), claim.digest.as_slice());
            let why = match link.run(&self.insert, row).await {
                Ok(answer) => return in_force(answer, claim),
                Err(why) => why,
            };
            let pause = pause(claim.comment, tries);
            if why.is_final() || why.is_unsent() || Instant::now() + pause > give_up {
                return Err(why.into());
            }
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }
}

/// How long to wait before the next try: the longer the more tries there were, and different for
/// claims of one key that are in each other's way. An id's last bytes are random.
fn pause(comment: CommentId, tries: u32) -> Duration {
    let random =
        comment.as_bytes().iter().rev().take(4).fold(0, |sum, byte| sum * 31 + u64::from(*byte));
    let longest = PAUSE_MS_MIN << tries.min(6);
    Duration::from_millis(PAUSE_MS_MIN + random.rotate_right(tries) % longest)
}

/// Reads the answer to a conditional insert. Cassandra answers `[applied]` alone when it was
/// applied, ScyllaDB always with the columns of the row that was there, null when there was none.
fn in_force(answer: QueryResult, claim: Claim) -> Result<Claim, StoreError> {
    Ok(earlier(answer).ok_or_else(unreadable)?.unwrap_or(claim))
}

fn unreadable() -> StoreError {
    StoreError::Damaged("claim: no claim's row".into())
}

/// `None` when the answer can't be read, `Some(None)` when there was no earlier claim.
fn earlier(answer: QueryResult) -> Option<Option<Claim>> {
    let rows = answer.into_rows_result().ok()?;
    let mut row = rows.single_row::<Row>().ok()?;
    let mut column = |name| {
        let (at, _) = rows.column_specs().get_by_name(name)?;
        row.columns.get_mut(at)?.take()
    };
    if column("[applied]")? == CqlValue::Boolean(true) {
        return Some(None);
    }
    let CqlValue::Uuid(comment) = column("comment")? else { return None };
    let CqlValue::Blob(digest) = column("digest")? else { return None };
    parse(comment, digest).map(Some)
}

fn parse(comment: Uuid, digest: Vec<u8>) -> Option<Claim> {
    let comment = CommentId::try_from(comment).ok()?;
    Some(Claim { comment, digest: digest.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_bounds() {
        let comment = CommentId::now();
        for tries in 0..40 {
            let pause = pause(comment, tries);
            assert!((5..5 + 320).contains(&pause.as_millis()), "{pause:?}");
        }
        assert!(pause(comment, 0) < Duration::from_millis(10));
    }
}
