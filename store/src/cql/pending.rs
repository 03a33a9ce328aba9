//! Pending records in CQL, spread over a fixed number of partitions.
//!
//! Records are deleted when their comment is in the live log, which leaves tombstones for readers
//! to step over until compaction drops them: after `gc_grace_seconds`, 10 minutes here. Ten minutes
//! is safe although a missed deletion may come back: announcing a comment twice changes nothing.
//! 16 partitions carry some 1.6 million deletions in that time before Cassandra refuses to read
//! one (its `tombstone_failure_threshold`, 100,000 each).

use common::{
    comment_store::{Pending, StoreError},
    ids::CommentId,
};
use futures_util::future::try_join_all;
use scylla::errors::PrepareError;
use uuid::Uuid;

use super::link::{Kind, Link, Query, row_limit};

/// Partitions. Fixed for good: a record must be found where it was put.
const SHARDS: u8 = 16;

/// The prepared statements about pending records.
pub(super) struct PendingRecords {
    insert: Query,
    read: Query,
    find: Query,
    delete: Query,
}

impl PendingRecords {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let [insert, read, find, delete] = link
            .prepare([
                (
                    "add_pending",
                    Kind::Write,
                    "INSERT INTO pending (shard, id, video) VALUES (?, ?, ?)",
                ),
                (
                    "pending",
                    Kind::Read,
                    "SELECT id, video FROM pending WHERE shard = ? AND id < ? LIMIT ?",
                ),
                (
                    "is_pending",
                    Kind::Read,
                    "SELECT id, video FROM pending WHERE shard = ? AND id = ?",
                ),
                ("remove_pending", Kind::Write, "DELETE FROM pending WHERE shard = ? AND id = ?"),
            ])
            .await?;
        Ok(Self { insert, read, find, delete })
    }

    pub(super) async fn add(&self, link: &Link, pending: &Pending) -> Result<(), StoreError> {
        let id = pending.comment;
        let values = (shard_of(id), id.as_uuid(), pending.video.as_str());
        link.run(&self.insert, values).await?;
        Ok(())
    }

    pub(super) async fn has(&self, link: &Link, pending: &Pending) -> Result<bool, StoreError> {
        let id = pending.comment;
        let key = (shard_of(id), id.as_uuid());
        Ok(!link.rows::<(Uuid, String)>(&self.find, key).await?.is_empty())
    }

    pub(super) async fn remove(&self, link: &Link, pending: &Pending) -> Result<(), StoreError> {
        let id = pending.comment;
        link.run(&self.delete, (shard_of(id), id.as_uuid())).await?;
        Ok(())
    }

    /// The oldest of all shards.
    pub(super) async fn older_than(
        &self,
        link: &Link,
        unix_ms: u64,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        let end = first_id_at(unix_ms);
        let shards = try_join_all((0..SHARDS).map(|shard| {
            link.rows::<(Uuid, String)>(&self.read, (to_cql(shard), end, row_limit(limit)))
        }));
        let mut rows: Vec<_> = shards.await?.into_iter().flatten().collect();
        rows.sort_unstable();
        rows.truncate(limit);
        Ok(rows.into_iter().filter_map(parse).collect())
    }
}

/// Passes over what isn't a record: an error would hold up the live delivery of all the others.
fn parse((id, video): (Uuid, String)) -> Option<Pending> {
    let pending = CommentId::try_from(id).ok().zip(video.parse().ok());
    if pending.is_none() {
        tracing::error!(%id, "what this row of the pending table holds isn't a pending record");
    }
    pending.map(|(comment, video)| Pending { video, comment })
}

/// By the last byte of the id, which is random.
fn shard_of(id: CommentId) -> i8 {
    to_cql(id.as_bytes().last().map_or(0, |byte| byte % SHARDS))
}

/// A shard as CQL's `tinyint`.
fn to_cql(shard: u8) -> i8 {
    i8::try_from(shard).unwrap_or(i8::MAX)
}

/// No id of that time or later sorts before this, and all earlier ones do.
fn first_id_at(unix_ms: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(unix_ms.min((1 << 48) - 1), &[0; 10]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_of_a_time_parts_ids_by_time() {
        let id = CommentId::now();
        assert!(first_id_at(id.unix_ms()) <= id.as_uuid());
        assert!(first_id_at(id.unix_ms() + 1) > id.as_uuid());
        assert!(first_id_at(u64::MAX) > id.as_uuid());
    }
}
