//! What travels: an [`Event`] on its way into a video's live log, an [`Entry`] once it has its
//! place there.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    comment::Comment,
    ids::{CommentId, VideoId},
    position::{Origin, Position},
};

/// Identity of an event, by which a repeat is known; a comment's event has the comment's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

impl EventId {
    /// From the 16 bytes that wire and log hold.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Of the event that tells that `comment` is skipped: the comment's id as UUIDv8 instead of v7,
    /// the same whoever makes it, and no comment's.
    #[must_use]
    pub fn of_skipped(comment: CommentId) -> Self {
        Self::from(comment).in_version(8)
    }

    /// Of the event that takes `comment` away: the comment's id with 9 for its version, which is no
    /// UUID's.
    #[must_use]
    pub fn of_deletion(comment: CommentId) -> Self {
        Self::from(comment).in_version(9)
    }

    /// Of the comment's own event, where this is [`EventId::of_skipped`] of it.
    #[must_use]
    pub fn of_told(self) -> Self {
        self.in_version(7)
    }

    /// Of a second event beside this one: the same id with 10 for its version.
    #[must_use]
    pub fn beside(self) -> Self {
        self.in_version(10)
    }

    fn in_version(self, version: u8) -> Self {
        let mut bytes = *self.as_bytes();
        bytes[6] = version << 4 | (bytes[6] & 0x0f);
        Self::from_bytes(bytes)
    }

    /// The time inside a comment's id, in milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        u64::try_from(self.0.as_u128() >> 80).unwrap_or(u64::MAX)
    }

    /// The comment whose own event this is, if it is one's.
    #[must_use]
    pub fn as_comment(self) -> Option<CommentId> {
        CommentId::try_from(self.0).ok()
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<CommentId> for EventId {
    fn from(id: CommentId) -> Self {
        Self(id.as_uuid())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(out)
    }
}

/// How the names begin of what is for gateways alone.
const INTERNAL: &str = "chorus-";
/// Names that have a meaning in every stream, and those by which an `EventSource` tells of itself.
const TAKEN: [&str; 15] = [
    "comment",
    "delete",
    "hide",
    "pin",
    "settings",
    "skipped",
    "resume",
    "end",
    "reactions",
    "viewers",
    "leaderboard",
    "poll",
    "open",
    "error",
    "message",
];

/// The name an event carries in the stream: `[a-z][a-z0-9-]{0,31}`, or nothing at all for an entry
/// that only moves the position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// A comment.
    pub const COMMENT: Self = Self(Cow::Borrowed("comment"));
    /// Takes a comment away: `{"id"}`.
    pub const DELETE: Self = Self(Cow::Borrowed("delete"));
    /// Tells that one comment is not shown, only in the history. Gateways add the positions.
    pub const SKIPPED: Self = Self(Cow::Borrowed("skipped"));
    /// Who may comment and how often, for viewers to know.
    pub const SETTINGS: Self = Self(Cow::Borrowed("settings"));
    /// Which comment is pinned.
    pub const PIN: Self = Self(Cow::Borrowed("pin"));
    /// Totals of reactions, by kind. It has no place in the order.
    pub const REACTIONS: Self = Self(Cow::Borrowed("reactions"));
    /// How many watch. It has no place in the order.
    pub const VIEWERS: Self = Self(Cow::Borrowed("viewers"));
    /// Whose comments are not to be shown any more.
    pub const HIDE: Self = Self(Cow::Borrowed("hide"));
    /// For gateways: somebody is banned, or no longer.
    pub const BAN: Self = Self(Cow::Borrowed("chorus-ban"));
    /// For gateways: the video has ended, or goes on.
    pub const VIDEO: Self = Self(Cow::Borrowed("chorus-video"));
    /// Shows nothing: a block with only `id:` (what is left of a deleted entry).
    pub const BARE: Self = Self(Cow::Borrowed(""));

    /// Checks a name that comes from outside; `None` when it could not be an SSE event name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut bytes = name.bytes();
        let first_ok = bytes.next().is_none_or(|b| b.is_ascii_lowercase());
        let rest_ok = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        match name {
            "" => Some(Self::BARE),
            "comment" => Some(Self::COMMENT),
            "delete" => Some(Self::DELETE),
            "skipped" => Some(Self::SKIPPED),
            "settings" => Some(Self::SETTINGS),
            "pin" => Some(Self::PIN),
            "hide" => Some(Self::HIDE),
            "chorus-ban" => Some(Self::BAN),
            "chorus-video" => Some(Self::VIDEO),
            _ if first_ok && rest_ok && name.len() <= 32 => Some(Self(name.to_owned().into())),
            _ => None,
        }
    }

    /// Checks the name of a producer's event: none that the stream has for something else, or that
    /// browsers have for events of their own making.
    #[must_use]
    pub fn of_producer(name: &str) -> Option<Self> {
        let is_taken = name.is_empty() || TAKEN.contains(&name) || name.starts_with(INTERNAL);
        if is_taken { None } else { Self::parse(name) }
    }

    /// What [`Kind::of_producer`] takes, as a regular expression.
    #[must_use]
    pub fn form_of_producers() -> String {
        format!("^(?!(?:{})$|{INTERNAL})[a-z][a-z0-9-]{{0,31}}$", TAKEN.join("|"))
    }

    /// Whether viewers are shown it.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        *self != Self::BARE && !self.0.starts_with(INTERNAL)
    }

    /// The name; empty for [`Kind::BARE`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something to be shown to a video's viewers, without a place in their order yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// By which a repeat is known.
    pub id: EventId,
    /// The stream's `event:` name.
    pub kind: Kind,
    /// The stream's `data:`, one line of JSON.
    pub data: Bytes,
}

impl Event {
    /// The event that shows a comment.
    #[must_use]
    pub fn of_comment(comment: &Comment) -> Self {
        Self { id: comment.id.into(), kind: Kind::COMMENT, data: comment.to_json().into() }
    }

    /// The event that tells that a comment is not shown. Several that tell of the same one are one.
    #[must_use]
    pub fn of_skipped(comment: CommentId) -> Self {
        let data = Bytes::from_static(br#"{"count":1}"#);
        Self { id: EventId::of_skipped(comment), kind: Kind::SKIPPED, data }
    }

    /// The event that takes a comment away. Several that take the same one are one.
    #[must_use]
    pub fn of_deletion(comment: CommentId) -> Self {
        // An id's text is all that is in it: there is nothing that could fail to serialise.
        let data = serde_json::to_vec(&Deleted { id: comment }).unwrap_or_default();
        Self { id: EventId::of_deletion(comment), kind: Kind::DELETE, data: data.into() }
    }

    /// What is left of the event `id` once it was taken away.
    #[must_use]
    pub fn erased(id: EventId) -> Self {
        Self { id, kind: Kind::BARE, data: Bytes::new() }
    }

    /// The event that this one takes away, if it does that.
    #[must_use]
    pub fn erases(&self) -> Option<EventId> {
        if self.kind != Kind::DELETE {
            return None;
        }
        serde_json::from_slice::<Deleted>(&self.data).ok().map(|deleted| deleted.id.into())
    }
}

/// The data of [`Kind::DELETE`].
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Delete, description = "Takes a comment away.")]
pub struct Deleted {
    /// Of the comment.
    pub id: CommentId,
}

/// Events of one video, in the order in which they are to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoEvents {
    /// Whose viewers they are for.
    pub video: VideoId,
    /// Never empty; bounded by the batch limits of whoever gathers them.
    pub events: Vec<Event>,
    /// The last moment, milliseconds since 1970, at which the live log may take those that it does
    /// not know: later they may be some that it knew and forgot. `None`: they are certainly new.
    pub until_ms: Option<u64>,
    /// Whether they are shown without a place if the live log is away: the last resort, for viewers
    /// at different gateways may see them in different orders.
    pub show_anyway: bool,
}

/// When the live log took an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// By the live log's own clock, milliseconds since 1970.
    pub at_ms: u64,
    /// How many it took in the same second before, [`Stamp::RANK_MAX`] at most: by this alone it is
    /// decided who sees an event in a sampled stream, so that all gateways and replays agree.
    pub rank: u16,
}

impl Stamp {
    /// Beyond it all are alike.
    pub const RANK_MAX: u16 = 999;

    /// That of the next event, taken now.
    #[must_use]
    pub fn next(self, now_ms: u64) -> Self {
        let is_same_second = self.at_ms / 1_000 == now_ms / 1_000;
        let rank = if is_same_second { (self.rank + 1).min(Self::RANK_MAX) } else { 0 };
        Self { at_ms: now_ms, rank }
    }
}

/// An event with its place in the live log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which data centre's live log gave the position.
    pub origin: Arc<Origin>,
    /// Epoch and sequence number within `origin`.
    pub position: Position,
    /// When it got it.
    pub stamp: Stamp,
    /// What is shown.
    pub event: Event,
}

impl Entry {
    /// Of an event that goes out while the live log is away: without a place, at a time by the
    /// sender's clock. It gets a place when it is announced again.
    #[must_use]
    pub fn without_place(origin: Arc<Origin>, event: Event, at_ms: u64) -> Self {
        Self { origin, position: Position::NONE, stamp: Stamp { at_ms, rank: 0 }, event }
    }
}

/// Sequenced entries of one video on their way to a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoEntries {
    /// Whose viewers they are for.
    pub video: VideoId,
    /// In the log's order.
    pub entries: Vec<Entry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_counts_within_its_second() {
        let mut stamp = Stamp::default().next(5_300);
        assert_eq!(stamp, Stamp { at_ms: 5_300, rank: 0 });
        for rank in [1, 2] {
            stamp = stamp.next(5_999);
            assert_eq!(stamp, Stamp { at_ms: 5_999, rank });
        }
        assert_eq!(stamp.next(6_000).rank, 0);
        assert_eq!(stamp.next(4_000).rank, 0, "a clock set back");
        let many = (0..2_000).fold(stamp, |stamp, _| stamp.next(5_999));
        assert_eq!(many.rank, Stamp::RANK_MAX);
    }

    #[test]
    fn kinds() {
        for good in ["", "comment", "delete", "skipped", "odds", "a-1"] {
            assert_eq!(Kind::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(Kind::parse("skipped"), Some(Kind::SKIPPED));
        let is_shown = |name| Kind::parse(name).unwrap().is_shown();
        assert!(["comment", "settings", "odds", "chorus"].into_iter().all(is_shown));
        assert!(!["", "chorus-ban", "chorus-video", "chorus-later"].into_iter().any(is_shown));
        for bad in ["1a", "Odds", "a b", "a\n", "-a", &"a".repeat(33)] {
            assert_eq!(Kind::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn producers_have_names_of_their_own() {
        for good in ["odds", "a", "quiz-2", "polls", "chorus"] {
            assert_eq!(Kind::of_producer(good).unwrap().as_str(), good);
        }
        for bad in TAKEN.into_iter().chain(["", "Odds", "1a", "chorus-ban", "a\n", "é"]) {
            assert_eq!(Kind::of_producer(bad), None, "{bad}");
        }
        let form = Kind::form_of_producers();
        assert!(form.starts_with("^(?!(?:comment|delete|") && form.ends_with("$"), "{form}");
    }

    /// Whoever tells of a skipped comment tells by the same id, which is no comment's.
    #[test]
    fn a_skipped_comment_has_one_event_of_its_own() {
        let comment: CommentId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        let id = EventId::of_skipped(comment);
        assert_eq!(id.to_string(), "0190163d-8694-839b-aea5-966c26f8ad91");
        assert!(id.to_string().parse::<CommentId>().is_err());
        assert_eq!(Event::of_skipped(comment), Event::of_skipped(comment));
        assert_ne!(EventId::of_skipped(CommentId::now()), EventId::of_skipped(CommentId::now()));
    }

    #[test]
    fn a_deletion_names_what_it_erases() {
        let comment: CommentId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        let deletion = Event::of_deletion(comment);
        assert_eq!(deletion.id.to_string(), "0190163d-8694-939b-aea5-966c26f8ad91");
        assert_eq!(deletion.data, r#"{"id":"0190163d-8694-739b-aea5-966c26f8ad91"}"#);
        assert_eq!(deletion.erases(), Some(comment.into()));
        assert_eq!(EventId::from(comment).unix_ms(), comment.unix_ms());
        assert_eq!(Event { kind: Kind::COMMENT, ..deletion }.erases(), None);
        let broken = Event { data: Bytes::from_static(b"{}"), ..Event::of_deletion(comment) };
        assert_eq!(broken.erases(), None);
    }
}
