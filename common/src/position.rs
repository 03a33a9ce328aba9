//! Where a viewer stands in a video's order, and the cursor that says so to clients.

use std::{fmt, str::FromStr, sync::Arc};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::openapi::shape;

/// Place in an epoch: 1 for its first entry, 0 before it.
pub type Seq = u64;

/// One life of a live log. A log that lost anything starts a new, greater one, so that a sequence
/// number is never given twice. Made of the time, in microseconds since 1970; 0 is none's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// A place in one origin's log: after entry `seq` of `epoch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Which life of the log.
    pub epoch: Epoch,
    /// The last entry at or before this place.
    pub seq: Seq,
}

impl Position {
    /// Before every place that a live log gives: of an event that has none, and of a gateway that
    /// doesn't know where the log is.
    pub const NONE: Self = Self { epoch: Epoch(0), seq: 0 };

    /// Whether a live log gave it.
    #[must_use]
    pub fn is_given(self) -> bool {
        self.epoch > Self::NONE.epoch
    }
}

/// The data centre whose live log gave a position: `[a-z0-9-]{1,16}`, from `dc.name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that isn't what it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPosition {
    /// Not an origin's name.
    #[error("not a data centre's name: expected 1 to 16 of a-z 0-9 -")]
    Origin,
    /// Not a cursor that this version gives out.
    #[error("not a cursor of ours")]
    Cursor,
}

impl FromStr for Origin {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let ok = (1..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        ok.then(|| Self(text.to_owned())).ok_or(InvalidPosition::Origin)
    }
}

/// Version prefix of the cursors written today.
const VERSION: &str = "1";
/// The contract's bound on a cursor, in bytes.
pub const CURSOR_LEN_MAX: usize = 256;

/// How far a viewer is in what one gateway showed of a video, events without a position included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Which gateway's byte log, in which life of it: drawn by chance when it began.
    pub life: u64,
    /// Events in it up to here.
    pub ordinal: u64,
}

/// What clients see as `id:`: one position per origin, `1~dc1:<epoch>:<seq>[~…]`, numbers in hex;
/// then, where the gateway showed events that have no position, its mark, `~:<life>:<ordinal>`. Other
/// gateways have no use for that.
///
/// Empty (`1`) is a cursor of ours that names no place: a stream that starts from it is `reset`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    places: Vec<(Arc<Origin>, Position)>,
    mark: Option<Mark>,
}

impl Cursor {
    /// The cursor of a log with one origin.
    #[must_use]
    pub fn single(origin: Arc<Origin>, position: Position) -> Self {
        Self { places: vec![(origin, position)], mark: None }
    }

    /// The same with a gateway's mark.
    #[must_use]
    pub fn marked(self, mark: Option<Mark>) -> Self {
        Self { mark, ..self }
    }

    /// The place within `origin`'s log, if it names one.
    #[must_use]
    pub fn at(&self, origin: &Origin) -> Option<Position> {
        self.places.iter().find(|(name, _)| **name == *origin).map(|(_, position)| *position)
    }

    /// The mark of a gateway, if it bears one.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.mark
    }
}

/// What clients may know of a cursor's form.
impl PartialSchema for Cursor {
    fn schema() -> RefOr<Schema> {
        let form = shape::text("^[A-Za-z0-9._:~-]{1,256}$", "1~dc1:6279a3d9f2b60:2a");
        form.description(Some("A position in a stream, opaque; good at any gateway.")).into()
    }
}

impl ToSchema for Cursor {}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(VERSION)?;
        for (origin, Position { epoch, seq }) in &self.places {
            write!(out, "~{}:{:x}:{:x}", origin.0, epoch.0, seq)?;
        }
        match self.mark {
            Some(Mark { life, ordinal }) => write!(out, "~:{life:x}:{ordinal:x}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Cursor {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        if text.len() > CURSOR_LEN_MAX {
            return Err(InvalidPosition::Cursor);
        }
        let (text, mark) = match text.rsplit_once("~:") {
            Some((text, mark)) => (text, Some(parse_mark(mark).ok_or(InvalidPosition::Cursor)?)),
            None => (text, None),
        };
        let mut parts = text.split('~');
        if parts.next() != Some(VERSION) {
            return Err(InvalidPosition::Cursor);
        }
        let places = parts.map(parse_place).collect::<Option<_>>();
        places.map(|places| Self { places, mark }).ok_or(InvalidPosition::Cursor)
    }
}

fn parse_mark(text: &str) -> Option<Mark> {
    let (life, ordinal) = text.split_once(':')?;
    Some(Mark { life: parse_hex(life)?, ordinal: parse_hex(ordinal)? })
}

fn parse_place(text: &str) -> Option<(Arc<Origin>, Position)> {
    let mut fields = text.split(':');
    let origin = fields.next()?.parse().ok()?;
    let epoch = Epoch(parse_hex(fields.next()?)?);
    let seq = parse_hex(fields.next()?)?;
    fields.next().is_none().then(|| (Arc::new(origin), Position { epoch, seq }))
}

/// Stricter than `from_str_radix`, which takes a sign, upper case and leading zeros.
fn parse_hex(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let canonical = plain && (text == "0" || !text.starts_with('0'));
    canonical.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor(places: &[(&str, u64, u64)]) -> Cursor {
        let place = |&(origin, epoch, seq): &(&str, u64, u64)| {
            let origin: Origin = origin.parse().unwrap();
            (Arc::new(origin), Position { epoch: Epoch(epoch), seq })
        };
        Cursor { places: places.iter().map(place).collect(), mark: None }
    }

    #[test]
    fn golden_form() {
        assert_eq!(cursor(&[("dc1", 0x5f, 10)]).to_string(), "1~dc1:5f:a");
        assert_eq!(cursor(&[("a", 1, 0), ("b", 2, 3)]).to_string(), "1~a:1:0~b:2:3");
        assert_eq!(Cursor::default().to_string(), "1");
        let marked = cursor(&[("dc1", 0x5f, 10)]).marked(Some(Mark { life: 0x1c, ordinal: 17 }));
        assert_eq!(marked.to_string(), "1~dc1:5f:a~:1c:11");
    }

    #[test]
    fn refuses_what_it_never_wrote() {
        let long = format!("1{}", "~dc1:1:1".repeat(40));
        for bad in
            ["", "2~dc1:1:1", "1~dc1:1", "1~dc1:1:1:1", "1~dc1:+1:1", "1~dc1:01:1", "1~D:1:1", "1~"]
        {
            assert_eq!(bad.parse::<Cursor>(), Err(InvalidPosition::Cursor), "{bad}");
        }
        for bad in ["~:", "~:1", "~:1:", "~:1:1:1", "~:01:1", "~:1:1~dc1:1:1", "~:1:1~:1:1"] {
            let bad = format!("1~dc1:1:1{bad}");
            assert_eq!(bad.parse::<Cursor>(), Err(InvalidPosition::Cursor), "{bad}");
        }
        assert!(long.parse::<Cursor>().is_err());
        assert!("1~dc1:10000000000000000:1".parse::<Cursor>().is_err(), "over 64 bits");
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(
            places in prop::collection::vec(("[a-z0-9-]{1,16}", any::<u64>(), any::<u64>()), 0..4),
            mark in any::<Option<(u64, u64)>>(),
        ) {
            let places: Vec<_> = places.iter().map(|(o, e, s)| (o.as_str(), *e, *s)).collect();
            let mark = mark.map(|(life, ordinal)| Mark { life, ordinal });
            let cursor = cursor(&places).marked(mark);
            let text = cursor.to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:~-".contains(&b)));
            prop_assert_eq!(text.parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn any_text_is_refused_or_canonical(text in "(1~)?[a-f0-9:~.-]{0,40}|.*") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
