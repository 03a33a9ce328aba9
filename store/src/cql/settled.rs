//! Settled marks in CQL: inserted and never deleted, so that no read steps over tombstones.

use common::{
    comment_store::StoreError,
    ids::{CommentId, VideoId},
};
use scylla::errors::PrepareError;
use uuid::Uuid;

use super::link::{Kind, Link, Query};

/// The prepared statements about settled marks.
pub(super) struct SettledMarks {
    insert: Query,
    find: Query,
}

impl SettledMarks {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let insert = "INSERT INTO settled (video, id) VALUES (?, ?)";
        let find = "SELECT id FROM settled WHERE video = ? AND id = ?";
        let [insert, find] = link
            .prepare([("settle", Kind::Write, insert), ("is_settled", Kind::Read, find)])
            .await?;
        Ok(Self { insert, find })
    }

    pub(super) async fn add(
        &self,
        link: &Link,
        video: &VideoId,
        comment: CommentId,
    ) -> Result<(), StoreError> {
        link.run(&self.insert, (video.as_str(), comment.as_uuid())).await?;
        Ok(())
    }

    pub(super) async fn has(
        &self,
        link: &Link,
        video: &VideoId,
        comment: CommentId,
    ) -> Result<bool, StoreError> {
        let key = (video.as_str(), comment.as_uuid());
        Ok(!link.rows::<(Uuid,)>(&self.find, key).await?.is_empty())
    }
}
