//! Pages of a video's comments in CQL, over as many of its partitions as it takes.

use common::{
    comment::Comment,
    comment_store::{Page, StoreError},
    ids::{CommentId, VideoId},
};
use futures_util::future::try_join_all;
use scylla::errors::PrepareError;
use uuid::Uuid;

use super::{
    bucket::bucket_of,
    link::{Kind, Link, Query, row_limit},
    row::{Row, select},
};

/// Buckets asked of the table of buckets at a time.
const BUCKETS_MAX: usize = 256;
/// Partitions read at a time for one page.
const FAN_OUT_MAX: usize = 32;
/// How many times as many are read next, at most.
const FAN_OUT_GROWTH: usize = 4;
/// Rows asked of a partition at a time, when deleted ones turn out to lie in the way.
const ROWS_MAX: usize = 500;

/// The prepared statements about pages.
pub(super) struct Pages {
    newest_first: Query,
    oldest_first: Query,
    buckets_down: Query,
    buckets_up: Query,
}

impl Pages {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let [newest_first, oldest_first, buckets_down, buckets_up] = link
            .prepare([
                ("list", Kind::Read, select!("id < ? LIMIT ?")),
                ("list", Kind::Read, select!("id > ? ORDER BY id ASC LIMIT ?")),
                (
                    "list_buckets",
                    Kind::Read,
                    "SELECT bucket FROM comment_buckets WHERE video = ? AND bucket <= ? LIMIT ?",
                ),
                (
                    "list_buckets",
                    Kind::Read,
                    "SELECT bucket FROM comment_buckets WHERE video = ? AND bucket >= ? \
                     ORDER BY bucket ASC LIMIT ?",
                ),
            ])
            .await?;
        Ok(Self { newest_first, oldest_first, buckets_down, buckets_up })
    }

    /// Walks the video's buckets in the page's order until the page is full.
    pub(super) async fn read(
        &self,
        link: &Link,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError> {
        let walk = Walk::new(self, link, video, page);
        let mut comments = Vec::new();
        let mut from = bucket_of(walk.bound);
        while comments.len() < limit {
            let buckets = walk.buckets(from).await?;
            let Some(last) = buckets.last() else { break };
            from = if walk.ascending { last + 1 } else { last - 1 };
            walk.read(&buckets, limit, &mut comments).await?;
            if buckets.len() < BUCKETS_MAX {
                break;
            }
        }
        Ok(comments)
    }
}

/// One page's way through the buckets.
struct Walk<'a> {
    pages: &'a Pages,
    link: &'a Link,
    video: &'a VideoId,
    /// The page lies beyond this id.
    bound: CommentId,
    ascending: bool,
}

impl<'a> Walk<'a> {
    fn new(pages: &'a Pages, link: &'a Link, video: &'a VideoId, page: Page) -> Self {
        let (bound, ascending) = match page {
            Page::Newest => (last_id(), false),
            Page::Before(id) => (id, false),
            Page::After(id) => (id, true),
        };
        Self { pages, link, video, bound, ascending }
    }

    /// The video's next buckets from this one on, as far as they exist.
    async fn buckets(&self, from: i64) -> Result<Vec<i64>, StoreError> {
        let Pages { buckets_up, buckets_down, .. } = self.pages;
        let query = if self.ascending { buckets_up } else { buckets_down };
        let values = (self.video.as_str(), from, row_limit(BUCKETS_MAX));
        let rows = self.link.rows::<(i64,)>(query, values).await?;
        Ok(rows.into_iter().map(|(bucket,)| bucket).collect())
    }

    /// Adds what the buckets hold, in order, until there are `limit` comments. A busy video's page
    /// is in the first bucket; a calm one's is in as many as those before let expect, and these are
    /// read more and more at once.
    async fn read(
        &self,
        mut buckets: &[i64],
        limit: usize,
        comments: &mut Vec<Comment>,
    ) -> Result<(), StoreError> {
        let (mut fan_out, mut read, before) = (1, 0, comments.len());
        while !buckets.is_empty() && comments.len() < limit {
            let (now, later) = buckets.split_at(fan_out.min(buckets.len()));
            let missing = limit - comments.len();
            let pages = try_join_all(now.iter().map(|bucket| self.partition(*bucket, missing)));
            for row in pages.await?.into_iter().flatten().take(missing) {
                comments.extend(row.parse(self.video)?.into_comment());
            }
            buckets = later;
            read += now.len();
            let (found, missing) = (comments.len() - before, limit - comments.len());
            let expected = (missing * read).div_ceil(found.max(1));
            fan_out = expected.clamp(1, FAN_OUT_MAX).min(fan_out * FAN_OUT_GROWTH);
        }
        Ok(())
    }

    /// A bucket's next rows, at most `limit`, without those that are deleted. Over these it goes on
    /// for as long as the page may take.
    async fn partition(&self, bucket: i64, limit: usize) -> Result<Vec<Row>, StoreError> {
        let Pages { newest_first, oldest_first, .. } = self.pages;
        let query = if self.ascending { oldest_first } else { newest_first };
        let (mut found, mut bound, mut len) = (Vec::new(), self.bound.as_uuid(), limit);
        loop {
            let values = (self.video.as_str(), bucket, bound, row_limit(len));
            let rows = self.link.rows::<Row>(query, values).await?;
            let is_end = rows.len() < len;
            bound = rows.last().map_or(bound, |row| row.id);
            found.extend(rows.into_iter().filter(|row| !row.is_deleted()));
            if is_end || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            len = (len * 2).min(limit.max(ROWS_MAX));
        }
    }
}

/// The greatest id there can be; nobody's.
fn last_id() -> CommentId {
    const LAST: Uuid = Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_ffff_ffff_ffff);
    // It is a UUIDv7, so it is taken.
    CommentId::try_from(LAST).unwrap_or_else(|_| CommentId::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_id_is_the_last() {
        assert!(last_id() > CommentId::now());
        assert_eq!(last_id(), last_id());
    }
}
