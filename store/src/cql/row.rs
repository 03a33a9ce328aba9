//! A row of the table of comments, and what it stands for.

use common::{
    comment::{Author, Comment, Text},
    comment_store::{StoreError, Stored},
    ids::{CommentId, VideoId},
};
use scylla::DeserializeRow;
use serde::{Deserialize, de::IntoDeserializer};
use uuid::Uuid;

/// A row; the video is known, being part of what was asked. Where it was deleted, texts are empty,
/// and where it was deleted before it was put most are not there.
#[derive(DeserializeRow)]
pub(super) struct Row {
    pub(super) id: Uuid,
    author_id: Option<String>,
    author_name: Option<String>,
    author_role: Option<String>,
    author_avatar: Option<String>,
    body: Option<String>,
    reply_to: Option<Uuid>,
    deletion: Option<String>,
}

/// The columns of a [`Row`], and where to find it.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, author_id, author_name, author_role, author_avatar, body, reply_to, \
             deletion FROM comments WHERE video = ? AND bucket = ? AND ",
            $condition
        )
    };
}
pub(super) use select;

impl Row {
    pub(super) fn is_deleted(&self) -> bool {
        self.deletion.is_some()
    }

    /// What stands there.
    pub(super) fn parse(self, video: &VideoId) -> Result<Stored, StoreError> {
        let id = self.id;
        let stored = match &self.deletion {
            Some(deletion) => serde_json::from_str(deletion).ok().map(Stored::Deleted),
            None => self.into_comment(video).map(Stored::Comment),
        };
        stored.ok_or_else(|| StoreError::Damaged(format!("comment {video}/{id}: it isn't one")))
    }

    fn into_comment(self, video: &VideoId) -> Option<Comment> {
        // As stored: what a text may be was checked when it was posted, by the rules of that time.
        let text: Result<Text, serde::de::value::Error> =
            Text::deserialize(self.body?.into_deserializer());
        let reply_to = self.reply_to.map(CommentId::try_from).transpose();
        Some(Comment {
            id: CommentId::try_from(self.id).ok()?,
            video: video.clone(),
            author: Author {
                id: self.author_id?.parse().ok()?,
                name: self.author_name?,
                role: self.author_role,
                avatar: self.author_avatar,
            },
            text: text.ok()?,
            reply_to: reply_to.ok()?,
        })
    }
}
