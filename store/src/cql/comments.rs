//! Comments in CQL: rows that are inserted and never changed but by being deleted, in partitions of
//! a minute each.
//!
//! A deletion is a cell of the row. A put does not write it, so no put undoes it, whoever comes
//! first. It also empties the row's texts, with a timestamp after that of any put, so that those
//! don't come back either: an empty text stays where a tombstone would be forgotten. Of two deletions
//! the one that is found stays, or of those at once the earlier action.

use common::{
    comment::Comment,
    comment_store::{Deletion, Page, StoreError, Stored},
    ids::{CommentId, VideoId},
};
use scylla::{errors::PrepareError, value::MaybeUnset};

use super::{
    bucket::{Announced, bucket_of},
    link::{Kind, Link, Query},
    pages::Pages,
    row::{Row, select},
    stamp,
};

/// The prepared statements about single comments.
pub(super) struct Comments {
    insert: Query,
    announce: Query,
    get: Query,
    look: Query,
    delete: Query,
    announced: Announced,
    pages: Pages,
}

impl Comments {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let [insert, announce, get, look, delete] = link
            .prepare([
                (
                    "put",
                    Kind::Write,
                    "INSERT INTO comments (video, bucket, id, author_id, author_name, author_role, \
                     author_avatar, body, reply_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
                     USING TIMESTAMP ?",
                ),
                (
                    "put_bucket",
                    Kind::Write,
                    "INSERT INTO comment_buckets (video, bucket) VALUES (?, ?)",
                ),
                ("get", Kind::Read, select!("id = ?")),
                (
                    "look",
                    Kind::Read,
                    "SELECT deletion, WRITETIME(body) FROM comments \
                     WHERE video = ? AND bucket = ? AND id = ?",
                ),
                // No nulls for the texts: an earlier chorus could not read the row.
                (
                    "delete",
                    Kind::Write,
                    "UPDATE comments USING TIMESTAMP ? SET deletion = ?, author_id = ?, \
                     author_name = '', author_role = '', author_avatar = '', body = '' \
                     WHERE video = ? AND bucket = ? AND id = ?",
                ),
            ])
            .await?;
        let pages = Pages::prepare(link).await?;
        Ok(Self { insert, announce, get, look, delete, announced: Announced::default(), pages })
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
            stamp::of_comment(comment.id),
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
    ) -> Result<Option<Stored>, StoreError> {
        let values = (video.as_str(), bucket_of(id), id.as_uuid());
        let row = link.rows::<Row>(&self.get, values).await?.pop();
        row.map(|row| row.parse(video)).transpose()
    }

    pub(super) async fn delete(
        &self,
        link: &Link,
        video: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError> {
        let (video, bucket, id_there) = (video.as_str(), bucket_of(id), id.as_uuid());
        let key = (video, bucket, id_there);
        let found = link.rows::<(Option<String>, Option<i64>)>(&self.look, key).await?.pop();
        let (earlier, written) = found.unwrap_or_default();
        if earlier.is_some() {
            return Ok(());
        }
        let stamp = stamp::of_deletion(id, deletion.action, written);
        // Three strings: there is nothing in it that could fail to serialise.
        let json = serde_json::to_string(deletion).unwrap_or_default();
        let values = (stamp, json, deletion.author.as_str(), video, bucket, id_there);
        link.run(&self.delete, values).await?;
        Ok(())
    }

    pub(super) async fn list(
        &self,
        link: &Link,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError> {
        self.pages.read(link, video, page, limit).await
    }
}
