//! Server-Sent Events as bytes. Everything that could break out of a field is typed by the time it
//! gets here: kinds and cursors by their alphabets, data by the wire's ban on line ends.

use std::{fmt::Write as _, sync::Arc};

use bytes::{BufMut, BytesMut};
use common::{
    ambient,
    event::{Entry, Event, Kind},
    position::{Cursor, Mark, Origin, Position},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A comment line: keeps proxies and half-open connections from going quiet.
pub(crate) const HEARTBEAT: &[u8] = b":\n\n";
/// Bounds of the jittered time after which a viewer comes back, milliseconds.
const RETRY_MS: std::ops::Range<u32> = 500..2500;
/// Bounds of the jittered time after which a reset viewer reads history, milliseconds.
const WAIT_MS: std::ops::Range<u32> = 0..2000;

/// What the first block says of the stream's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ResumeStatus)]
pub(crate) enum Status {
    /// No position was given.
    New,
    /// Everything since the given position follows.
    Continued,
    /// That can't be given.
    Reset,
}

/// What a cursor of the one origin says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) position: Position,
    pub(crate) mark: Option<Mark>,
}

impl From<Position> for Spot {
    fn from(position: Position) -> Self {
        Self { position, mark: None }
    }
}

/// The `resume` verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) status: Status,
    /// Before the first replayed event: a replay that is cut is repeated.
    pub(crate) from: Spot,
    /// After the last replayed event.
    pub(crate) to: Spot,
    /// Events between the two.
    pub(crate) replayed: u64,
}

/// How a stream begins: what follows, and from where.
#[derive(Serialize, ToSchema)]
#[schema(as = Resume)]
pub(crate) struct Resumed {
    status: Status,
    /// The position before what is replayed.
    #[schema(value_type = Cursor)]
    from: String,
    /// The position behind it; what comes then is new.
    #[schema(value_type = Cursor)]
    to: String,
    /// Events in between.
    replayed: u64,
    /// Of `reset`: milliseconds after which to read the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32)]
    wait_ms: Option<u32>,
}

/// Events that this viewer is not shown: it was too slow, or its stream is a sampled one.
#[derive(Serialize, ToSchema)]
pub(crate) struct Skipped {
    /// Of the events.
    #[schema(minimum = 1)]
    count: u64,
    /// The position before them.
    #[schema(value_type = Cursor)]
    from: String,
    /// The position of the last of them.
    #[schema(value_type = Cursor)]
    to: String,
}

/// Writes frames for one origin's positions.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    origin: Arc<Origin>,
}

impl Encoder {
    pub(crate) fn new(origin: Arc<Origin>) -> Self {
        Self { origin }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    fn cursor(&self, Spot { position, mark }: Spot) -> Cursor {
        Cursor::single(self.origin.clone(), position).marked(mark)
    }

    /// An entry with its position.
    pub(crate) fn entry(&self, out: &mut BytesMut, entry: &Entry, mark: Option<Mark>) {
        let spot = Spot { position: entry.position, mark };
        if entry.event.kind == Kind::SKIPPED {
            skipped_one(out, entry);
            self.bare(out, spot);
        } else {
            self.id(out, spot);
            unpositioned(out, entry);
        }
    }

    /// A block that moves the position and shows nothing.
    pub(crate) fn bare(&self, out: &mut BytesMut, spot: impl Into<Spot>) {
        self.id(out, spot.into());
        out.put_u8(b'\n');
    }

    /// Tells that `count` events after `from`, up to and including `to`, were left out.
    pub(crate) fn skipped(&self, out: &mut BytesMut, count: u64, from: Position, to: Position) {
        skipped(out, count, &self.cursor(from.into()), &self.cursor(to.into()));
    }

    /// The first block of a stream.
    pub(crate) fn head(&self, resume: Resume) -> BytesMut {
        let Resume { status, from, to, replayed } = resume;
        let wait_ms = (status == Status::Reset).then(|| ambient::random_range(WAIT_MS));
        let (from, to) = (self.cursor(from).to_string(), self.cursor(to).to_string());
        let mut out = BytesMut::with_capacity(256);
        let retry = ambient::random_range(RETRY_MS);
        write(&mut out, format_args!(":\nretry: {retry}\nevent: resume\nid: {from}\ndata: "));
        let data = Resumed { status, from, to, replayed, wait_ms };
        out.put_slice(&serde_json::to_vec(&data).unwrap_or_default());
        out.put_slice(b"\n\n");
        out
    }

    fn id(&self, out: &mut BytesMut, spot: Spot) {
        write(out, format_args!("id: {}\n", self.cursor(spot)));
    }
}

/// An entry that has no position of this log's: clients keep the one they have.
pub(crate) fn unpositioned(out: &mut BytesMut, entry: &Entry) {
    let event = &entry.event;
    if event.kind == Kind::SKIPPED {
        return skipped_one(out, entry);
    }
    if event.kind.is_shown() {
        self::event(out, event);
    }
    out.put_u8(b'\n');
}

/// An event's lines.
pub(crate) fn event(out: &mut BytesMut, event: &Event) {
    for part in [b"event: ", event.kind.as_str().as_bytes(), b"\ndata: ", &event.data, b"\n"] {
        out.put_slice(part);
    }
}

/// An entry that stands in the log in place of a comment which is not shown.
fn skipped_one(out: &mut BytesMut, entry: &Entry) {
    let Position { epoch, seq } = entry.position;
    let cursor = |seq| Cursor::single(entry.origin.clone(), Position { epoch, seq });
    skipped(out, 1, &cursor(seq.saturating_sub(1)), &cursor(seq));
}

fn skipped(out: &mut BytesMut, count: u64, from: &Cursor, to: &Cursor) {
    let data = Skipped { count, from: from.to_string(), to: to.to_string() };
    out.put_slice(b"event: skipped\ndata: ");
    out.put_slice(&serde_json::to_vec(&data).unwrap_or_default());
    out.put_slice(b"\n\n");
}

/// All that a viewer gets who can't be served now: it comes back after a while. Any status but
/// 200 would end an EventSource for good.
pub(crate) fn come_back() -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out, format_args!("retry: {}\n\n", ambient::random_range(RETRY_MS)));
    out
}

fn write(out: &mut BytesMut, args: std::fmt::Arguments<'_>) {
    // Growing memory is all that could fail.
    let _ = out.write_fmt(args);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{encoder, entry, position};

    fn text(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn golden_frames() {
        let encoder = encoder();
        assert_eq!(
            text(|out| encoder.entry(out, &entry(1, 10), None)),
            "id: 1~dc1:1:a\nevent: comment\ndata: {\"n\":10,\"e\":1}\n\n"
        );
        assert_eq!(text(|out| encoder.bare(out, position(2, 0))), "id: 1~dc1:2:0\n\n");
        assert_eq!(
            text(|out| encoder.skipped(out, 3, position(1, 1), position(1, 4))),
            "event: skipped\ndata: {\"count\":3,\"from\":\"1~dc1:1:1\",\"to\":\"1~dc1:1:4\"}\n\n"
        );
    }

    /// An entry that tells of a skipped comment is the contract's `skipped`, which has no `id:`,
    /// and moves the position; of an epoch that is over it leaves the position alone.
    #[test]
    fn an_entry_of_a_skipped_comment() {
        let comment = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        let entry = Entry { event: Event::of_skipped(comment), ..entry(1, 10) };
        let told =
            "event: skipped\ndata: {\"count\":1,\"from\":\"1~dc1:1:9\",\"to\":\"1~dc1:1:a\"}\n\n";
        let whole = format!("{told}id: 1~dc1:1:a\n\n");
        assert_eq!(text(|out| encoder().entry(out, &entry, None)), whole);
        assert_eq!(text(|out| unpositioned(out, &entry)), told);
    }

    #[test]
    fn the_first_block_has_all_that_the_contract_asks() {
        let resume = |status| Resume {
            status,
            from: position(1, 2).into(),
            to: position(1, 4).into(),
            replayed: 2,
        };
        let head = |status| text(|out| *out = encoder().head(resume(status)));
        let new = head(Status::New);
        let lines: Vec<_> = new.lines().collect();
        assert_eq!((lines[0], lines[2], lines[3]), (":", "event: resume", "id: 1~dc1:1:2"));
        assert!(lines[1].strip_prefix("retry: ").unwrap().parse::<u32>().is_ok());
        let json = r#"data: {"status":"new","from":"1~dc1:1:2","to":"1~dc1:1:4","replayed":2}"#;
        assert_eq!(lines[4], json);
        assert!(head(Status::Reset).contains("\"wait_ms\":"));
    }
}
