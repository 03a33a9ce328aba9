//! A comment, and what its text may be.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    auth::Role,
    ids::{CommentId, UserId, VideoId},
    openapi::shape::{self, Time},
};

/// Longest text, in grapheme clusters (what a reader counts as characters).
pub const TEXT_GRAPHEMES_MAX: usize = 500;
/// Longest text, in bytes of UTF-8.
pub const TEXT_LEN_MAX: usize = 4 * 1024;

/// Who wrote a comment, as shown to viewers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Author {
    /// The token's `sub`.
    pub id: UserId,
    /// Shown name.
    pub name: String,
    /// The token's role, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Role)]
    pub role: Option<String>,
    /// Address of a picture, https only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, pattern = "^https://")]
    pub avatar: Option<String>,
}

/// A comment as it is stored, answered and streamed. Its JSON is the contract's:
/// `{"id","video","author","text","created_at","reply_to"?}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Shape", from = "Shape")]
pub struct Comment {
    /// Identity; holds the time of posting.
    pub id: CommentId,
    /// Where it was posted.
    pub video: VideoId,
    /// Who wrote it.
    pub author: Author,
    /// What was written.
    pub text: Text,
    /// The comment it answers.
    pub reply_to: Option<CommentId>,
}

impl Comment {
    /// The comment as one line of JSON: what a stream's `data:` carries.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and plain structs only: there is nothing in it that could fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A comment.
// The JSON form. `created_at` stands in the id already, so it is written but never read.
#[derive(Serialize, Deserialize, ToSchema)]
struct Shape {
    /// Sorts by the time of posting.
    id: CommentId,
    /// Where it was posted.
    video: VideoId,
    /// Who wrote it.
    author: Author,
    /// What was written: trimmed, in NFC.
    text: Text,
    /// When it was posted.
    #[serde(default)]
    #[schema(value_type = Time, required = true)]
    created_at: String,
    /// The comment it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CommentId)]
    reply_to: Option<CommentId>,
}

impl PartialSchema for Comment {
    fn schema() -> RefOr<Schema> {
        Shape::schema()
    }
}

impl ToSchema for Comment {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Shape::schemas(schemas);
    }
}

impl From<Comment> for Shape {
    fn from(comment: Comment) -> Self {
        let Comment { id, video, author, text, reply_to } = comment;
        Self { id, video, author, text, created_at: rfc3339(id.unix_ms()), reply_to }
    }
}

impl From<Shape> for Comment {
    fn from(shape: Shape) -> Self {
        let Shape { id, video, author, text, reply_to, created_at: _ } = shape;
        Self { id, video, author, text, reply_to }
    }
}

/// A time in the contract's form: RFC 3339, UTC, milliseconds. The year stays at or below 9999.
#[must_use]
pub fn rfc3339(unix_ms: u64) -> String {
    const YEAR_9999_END_MS: u64 = 253_402_300_799_999;
    let since_1970 = Duration::from_millis(unix_ms.min(YEAR_9999_END_MS));
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since_1970).to_string()
}

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Over one of the two limits.
    #[error("must be at most {TEXT_GRAPHEMES_MAX} characters and {TEXT_LEN_MAX} bytes")]
    TooLong,
    /// Anything of Unicode's category Cc but newline.
    #[error("must not contain control characters other than newline")]
    Control,
}

/// A comment's text: trimmed, in NFC, within the limits, without control characters but newline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Trims and normalises what somebody wrote.
    ///
    /// # Errors
    /// When what is left is empty or too long, or holds a control character.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        let text: String = raw.trim().nfc().collect();
        if text.is_empty() {
            return Err(InvalidText::Empty);
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(InvalidText::Control);
        }
        let too_long =
            text.len() > TEXT_LEN_MAX || text.graphemes(true).nth(TEXT_GRAPHEMES_MAX).is_some();
        if too_long { Err(InvalidText::TooLong) } else { Ok(Self(text)) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialSchema for Text {
    fn schema() -> RefOr<Schema> {
        // Somewhere in it what is no space; nowhere what is a control character but a newline.
        const FORM: &str = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f]*$";
        let about = format!(
            "At most {TEXT_GRAPHEMES_MAX} characters as readers count them (grapheme clusters) and \
             {TEXT_LEN_MAX} bytes once it is trimmed and in NFC; no control characters but newline."
        );
        let text = shape::text(FORM, "What a play!").min_length(Some(1));
        text.max_length(Some(TEXT_LEN_MAX)).description(Some(about)).into()
    }
}

impl ToSchema for Text {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_trimmed_and_composed() {
        let text = |raw| Text::parse(raw).map(|text| text.0);
        assert_eq!(text("  hi\n"), Ok("hi".into()));
        assert_eq!(text("e\u{301}"), Ok("\u{e9}".into()));
        assert_eq!(text("a\nb"), Ok("a\nb".into()));
    }

    #[test]
    fn limits_count_graphemes_and_bytes() {
        let family = "👨‍👩‍👧‍👦";
        assert!(Text::parse(&"é".repeat(500)).is_ok());
        assert_eq!(Text::parse(&"é".repeat(501)), Err(InvalidText::TooLong));
        assert!(Text::parse(&family.repeat(163)).is_ok(), "25 bytes each, 4075 in all");
        assert_eq!(Text::parse(&family.repeat(164)), Err(InvalidText::TooLong), "4100 bytes");
    }

    #[test]
    fn refusals() {
        for empty in ["", "  \n ", "\u{2003}"] {
            assert_eq!(Text::parse(empty), Err(InvalidText::Empty));
        }
        for control in ["a\tb", "a\r\nb", "a\0b", "a\u{85}b", "\u{7f}"] {
            assert_eq!(Text::parse(control), Err(InvalidText::Control), "{control:?}");
        }
    }

    #[test]
    fn json_is_the_contracts() {
        let comment = Comment {
            id: "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap(),
            video: "v".parse().unwrap(),
            author: Author {
                id: "u1".parse().unwrap(),
                name: "Uma".into(),
                role: None,
                avatar: None,
            },
            text: Text::parse("hi").unwrap(),
            reply_to: None,
        };
        let golden = r#"{"id":"0190163d-8694-739b-aea5-966c26f8ad91","video":"v","author":{"id":"u1","name":"Uma"},"text":"hi","created_at":"2024-06-14T10:14:09.300Z"}"#;
        assert_eq!(String::from_utf8(comment.to_json()).unwrap(), golden);
        assert_eq!(serde_json::from_str::<Comment>(golden).unwrap(), comment);
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(raw in ".{0,600}") {
            if let Ok(text) = Text::parse(&raw) {
                prop_assert_eq!(Text::parse(text.as_str()), Ok(text));
            }
        }
    }
}
