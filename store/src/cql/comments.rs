//! Comments in CQL: rows that are inserted and never changed, in partitions of a minute each.

use common::{
    comment::{Author, Comment, Text},
    comment_store::{Page, StoreError},
    ids::{CommentId, VideoId},
};
use futures_util::future::try_join_all;
use scylla::{DeserializeRow, errors::PrepareError, value::MaybeUnset};
use serde::{Deserialize, de::IntoDeserializer};
use uuid::Uuid;

use super::{
    bucket::{Announced, bucket_of},
    link::{Kind, Link, Query},
};

/// Buckets asked of the table of buckets at a time.
const BUCKETS_MAX: usize = 256;
/// Partitions read at a time for one page.
const FAN_OUT_MAX: usize = 16;

/// The prepared statements about comments.
pub(super) struct Comments {
    insert: Query,
    get: Query,
    newest_first: Query,
    oldest_first: Query,
    announce: Query,
    buckets_down: Query,
    buckets_up: Query,
    announced: Announced,
}

/// A row; the video is known, being part of what was asked.
#[derive(DeserializeRow)]
struct Row {
    id: Uuid,
    author_id: String,
    author_name: String,
    author_role: Option<String>,
    author_avatar: Option<String>,
    body: String,
    reply_to: Option<Uuid>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, author_id, author_name, author_role, author_avatar, body, reply_to \
             FROM comments WHERE video = ? AND bucket = ? AND ",
            $condition
        )
    };
}

impl Comments {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let [insert, get, newest_first, oldest_first, announce, buckets_down, buckets_up] = link
            .prepare([
                (
                    "put",
                    Kind::Write,
                    "INSERT INTO comments (video, bucket, id, author_id, author_name, author_role, \
                     author_avatar, body, reply_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ),
                ("get", Kind::Read, select!("id = ?")),
                ("list", Kind::Read, select!("id < ? LIMIT ?")),
                ("list", Kind::Read, select!("id > ? ORDER BY id ASC LIMIT ?")),
                (
                    "put_bucket",
                    Kind::Write,
                    "INSERT INTO comment_buckets (video, bucket) VALUES (?, ?)",
                ),
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
        Ok(Self {
            insert,
            get,
            newest_first,
            oldest_first,
            announce,
            buckets_down,
            buckets_up,
            announced: Announced::default(),
        })
    }

    /// Writes the row and, where this process hasn't yet, the row that leads to its bucket. Both at
    /// once: a comment that no list finds yet is not acknowledged yet either.
    pub(super) async fn put(&self, link: &Link, comment: &Comment) -> Result<(), StoreError> {
        let (video, bucket) = (&comment.video, bucket_of(comment.id));
        let author = &comment.author;
        // A null would be written as a tombstone; what is unset is not written at all.
        let row = (
            video.as_str(),
            bucket,
            comment.id.as_uuid(),
            author.id.as_str(),
            author.name.as_str(),
            MaybeUnset::from_option(author.role.as_deref()),
            MaybeUnset::from_option(author.avatar.as_deref()),
            comment.text.as_str(),
            MaybeUnset::from_option(comment.reply_to.map(CommentId::as_uuid)),
        );
        let insert = link.run(&self.insert, row);
        if self.announced.contains(video, bucket) {
            insert.await?;
        } else {
            let announce = link.run(&self.announce, (video.as_str(), bucket));
            tokio::try_join!(insert, announce)?;
            self.announced.insert(video, bucket);
        }
        Ok(())
    }

    pub(super) async fn get(
        &self,
        link: &Link,
        video: &VideoId,
        id: CommentId,
    ) -> Result<Option<Comment>, StoreError> {
        let values = (video.as_str(), bucket_of(id), id.as_uuid());
        let row = link.rows(&self.get, values).await?.pop();
        row.map(|row| parse(video, row)).transpose()
    }

    /// Walks the video's buckets in the page's order until the page is full.
    pub(super) async fn list(
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
    comments: &'a Comments,
    link: &'a Link,
    video: &'a VideoId,
    /// The page lies beyond this id.
    bound: CommentId,
    ascending: bool,
}

impl<'a> Walk<'a> {
    fn new(comments: &'a Comments, link: &'a Link, video: &'a VideoId, page: Page) -> Self {
        let (bound, ascending) = match page {
            Page::Newest => (last_id(), false),
            Page::Before(id) => (id, false),
            Page::After(id) => (id, true),
        };
        Self { comments, link, video, bound, ascending }
    }

    /// The video's next buckets from this one on, as far as they exist.
    async fn buckets(&self, from: i64) -> Result<Vec<i64>, StoreError> {
        let Comments { buckets_up, buckets_down, .. } = self.comments;
        let query = if self.ascending { buckets_up } else { buckets_down };
        let values = (self.video.as_str(), from, row_limit(BUCKETS_MAX));
        let rows = self.link.rows::<(i64,)>(query, values).await?;
        Ok(rows.into_iter().map(|(bucket,)| bucket).collect())
    }

    /// Adds what the buckets hold, in order, until there are `limit` comments. A busy video's page
    /// is in the first bucket; the more buckets a page turns out to need, the more are read at once.
    async fn read(
        &self,
        mut buckets: &[i64],
        limit: usize,
        comments: &mut Vec<Comment>,
    ) -> Result<(), StoreError> {
        let mut fan_out = 1;
        while !buckets.is_empty() && comments.len() < limit {
            let (now, later) = buckets.split_at(fan_out.min(buckets.len()));
            let missing = limit - comments.len();
            let pages = try_join_all(now.iter().map(|bucket| self.partition(*bucket, missing)));
            for row in pages.await?.into_iter().flatten().take(missing) {
                comments.push(parse(self.video, row)?);
            }
            buckets = later;
            fan_out = (fan_out * 2).min(FAN_OUT_MAX);
        }
        Ok(())
    }

    async fn partition(&self, bucket: i64, limit: usize) -> Result<Vec<Row>, StoreError> {
        let Comments { newest_first, oldest_first, .. } = self.comments;
        let query = if self.ascending { oldest_first } else { newest_first };
        let values = (self.video.as_str(), bucket, self.bound.as_uuid(), row_limit(limit));
        self.link.rows(query, values).await
    }
}

/// The greatest id there can be; nobody's.
fn last_id() -> CommentId {
    const LAST: Uuid = Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_ffff_ffff_ffff);
    // It is a UUIDv7, so it is taken.
    CommentId::try_from(LAST).unwrap_or_else(|_| CommentId::now())
}

/// A limit as CQL wants it.
pub(super) fn row_limit(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

fn parse(video: &VideoId, row: Row) -> Result<Comment, StoreError> {
    let row_id = row.id;
    parse_parts(video, row)
        .ok_or_else(|| StoreError::Damaged(format!("comment {video}/{row_id}: it isn't one")))
}

fn parse_parts(video: &VideoId, row: Row) -> Option<Comment> {
    // As stored: what a text may be was checked when it was posted, by the rules of that time.
    let text: Result<Text, serde::de::value::Error> =
        Text::deserialize(row.body.into_deserializer());
    let reply_to = row.reply_to.map(CommentId::try_from).transpose();
    Some(Comment {
        id: CommentId::try_from(row.id).ok()?,
        video: video.clone(),
        author: Author {
            id: row.author_id.parse().ok()?,
            name: row.author_name,
            role: row.author_role,
            avatar: row.author_avatar,
        },
        text: text.ok()?,
        reply_to: reply_to.ok()?,
    })
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
