//! What is posted to be shown once, in its place: a comment, or a producer's event. Both go the same way.

use common::{
    comment::{Comment, rfc3339},
    event::{Event, Kind},
    ids::{ActionId, CommentId, UserId, VideoId},
    openapi::shape::Time,
    room_store::Note,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// Something to be shown.
#[derive(Debug, Clone)]
pub(crate) enum Posted {
    Comment(Comment),
    Event(Produced),
}

/// A producer's event.
#[derive(Debug, Clone)]
pub(crate) struct Produced {
    pub(crate) id: ActionId,
    pub(crate) video: VideoId,
    pub(crate) by: UserId,
    /// Its name in streams.
    pub(crate) kind: Kind,
    /// JSON as it was sent, in one line.
    pub(crate) data: Box<RawValue>,
}

impl Posted {
    pub(crate) fn video(&self) -> &VideoId {
        match self {
            Self::Comment(comment) => &comment.video,
            Self::Event(event) => &event.video,
        }
    }

    /// Whose keys are looked at.
    pub(crate) fn author(&self) -> &UserId {
        match self {
            Self::Comment(comment) => &comment.author.id,
            Self::Event(event) => &event.by,
        }
    }

    /// By which it is claimed, on record and marked, as comments are.
    pub(crate) fn id(&self) -> CommentId {
        match self {
            Self::Comment(comment) => comment.id,
            Self::Event(event) => event.id.into(),
        }
    }

    /// The same under the id that its key has had before.
    pub(crate) fn with_id(self, id: CommentId) -> Self {
        match self {
            Self::Comment(comment) => Self::Comment(Comment { id, ..comment }),
            Self::Event(event) => Self::Event(Produced { id: id.into(), ..event }),
        }
    }

    /// What viewers are shown.
    pub(crate) fn event(&self) -> Event {
        match self {
            Self::Comment(comment) => Event::of_comment(comment),
            Self::Event(event) => event.event(),
        }
    }

    /// SHA-256 over all that somebody sent: tells a repeated request from another one under the same key.
    pub(crate) fn digest(&self) -> [u8; 32] {
        match self {
            Self::Comment(Comment { video, text, reply_to, .. }) => {
                let reply_to = reply_to.map(|id| id.to_string()).unwrap_or_default();
                hash(&[video.as_str(), &reply_to, text.as_str()])
            }
            Self::Event(Produced { video, kind, data, .. }) => {
                hash(&["event", video.as_str(), kind.as_str(), data.get()])
            }
        }
    }
}

fn hash(parts: &[&str]) -> [u8; 32] {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update(part.len().to_be_bytes()).chain_update(part)
    });
    hash.finalize().into()
}

/// How it stands in the video's journal; its id and video are the note's.
#[derive(Serialize, Deserialize)]
struct Stored<'n> {
    by: UserId,
    r#type: String,
    #[serde(borrow)]
    data: &'n RawValue,
}

/// A producer's event.
// How it is answered: `{"id","video","type","data","created_at"}`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct Answered<'e> {
    id: ActionId,
    #[schema(value_type = VideoId)]
    video: &'e VideoId,
    /// Its name in streams.
    #[schema(schema_with = crate::events::name)]
    r#type: &'e str,
    /// As it was sent.
    #[schema(value_type = serde_json::Value)]
    data: &'e RawValue,
    /// When it was sent.
    #[schema(value_type = Time)]
    created_at: String,
}

impl Produced {
    fn event(&self) -> Event {
        let (id, data) = (CommentId::from(self.id).into(), self.data.get().as_bytes());
        Event { id, kind: self.kind.clone(), data: data.to_vec().into() }
    }

    pub(crate) fn answered(&self) -> Answered<'_> {
        Answered {
            id: self.id,
            video: &self.video,
            r#type: self.kind.as_str(),
            data: &self.data,
            created_at: rfc3339(self.id.unix_ms()),
        }
    }

    pub(crate) fn note(&self) -> Note {
        let r#type = self.kind.as_str().to_owned();
        let stored = Stored { by: self.by.clone(), r#type, data: &self.data };
        // Text and JSON: there is nothing in it that could fail to serialise.
        Note { id: self.id, value: serde_json::to_string(&stored).unwrap_or_default() }
    }

    /// Reads an entry of the video's journal; `None` when it isn't one.
    pub(crate) fn of(video: &VideoId, note: &Note) -> Option<Self> {
        let Stored { by, r#type, data } = serde_json::from_str(&note.value).ok()?;
        let (kind, video) = (Kind::of_producer(&r#type)?, video.clone());
        Some(Self { id: note.id, video, by, kind, data: data.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use common::comment::{Author, Text};

    use super::*;

    fn event(kind: &str, data: &str) -> Posted {
        Posted::Event(Produced {
            id: ActionId::now(),
            video: "v".parse().unwrap(),
            by: "p".parse().unwrap(),
            kind: Kind::of_producer(kind).unwrap(),
            data: RawValue::from_string(data.into()).unwrap(),
        })
    }

    /// Numbers keep their digits, objects their order: it is shown as it was sent.
    #[test]
    fn a_stored_event_is_the_same_event() {
        let posted = event("odds", r#"{"b":1.10,"a":[12345678901234567890123,"ä"]}"#);
        let Posted::Event(event) = &posted else { unreachable!() };
        let read = Posted::Event(Produced::of(&event.video, &event.note()).unwrap());
        assert_eq!(read.event(), posted.event());
        assert_eq!((read.digest(), read.id()), (posted.digest(), posted.id()));
        assert_eq!((read.video(), read.author()), (posted.video(), posted.author()));
        let note = Note { value: r#"{"by":"p","type":"comment","data":1}"#.into(), ..event.note() };
        assert!(Produced::of(&event.video, &note).is_none());
    }

    #[test]
    fn requests_are_told_apart_by_all_that_was_sent() {
        let comment = |text: &str| {
            let [id, name] = ["p", "P"].map(str::to_owned);
            Posted::Comment(Comment {
                id: CommentId::now(),
                video: "v".parse().unwrap(),
                author: Author { id: id.parse().unwrap(), name, role: None, avatar: None },
                text: Text::parse(text).unwrap(),
                reply_to: None,
            })
        };
        let all = [event("odds", "1"), event("odds", "2"), event("score", "1"), comment("1")];
        for (nth, one) in all.iter().enumerate() {
            let same = all.iter().filter(|other| other.digest() == one.digest()).count();
            assert_eq!(same, 1, "{nth}");
            assert_eq!(one.clone().with_id(CommentId::now()).digest(), one.digest(), "{nth}");
        }
    }
}
