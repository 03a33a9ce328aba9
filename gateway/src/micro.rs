//! Operations of the hot path, for `benches/hot_path.rs` to time.
//!
//! Each function builds what its operation works on, checks once that the result is the expected
//! one (it panics when it isn't), and returns the operation. What that keeps doesn't grow however
//! often it is called.

use std::{fmt::Debug, str::FromStr, sync::Arc};

use bytes::Bytes;
use common::{
    event::{Entry, Event, EventId, Kind, Stamp},
    live_log::LogPage,
    position::{Epoch, Origin, Position, Seq},
};

pub use crate::{
    crowd::micro::{pass_to_one_place, pass_to_places},
    stream::micro::parse_query,
};
use crate::{
    frame::Encoder,
    video::order::{Order, Placeless, Spares},
};
pub use append::{append_comment, push_in_order};
pub use encode::{encode_comment, encode_head};
pub use parse::{parse_batch, parse_cursor};

mod append;
mod encode;
mod parse;

/// Comments that a dispatcher sends in one call.
pub const BATCH_LEN: u64 = 64;
/// Viewers whom a shard passes something on to.
pub const VIEWERS: u64 = 1_000;

const EPOCH: Epoch = Epoch(0x5f);
/// A comment of usual length, as it goes out.
const DATA: &str = concat!(
    r#"{"id":"0190163d-8694-739b-aea5-966c26f8ad91","video":"worlds-2016-final","#,
    r#""author":{"id":"u48213","name":"Quiet Otter","avatar":"https://img.example/u/48213.webp"},"#,
    r#""text":"did anybody see that coming? the whole stage went silent for a second","#,
    r#""created_at":"2024-06-14T09:21:33.524Z"}"#,
);

/// Writes comments of one video, each after the one before.
pub(crate) struct Commenters {
    origin: Arc<Origin>,
    /// Comments written.
    count: Seq,
}

impl Commenters {
    pub(crate) fn new() -> Self {
        Self { origin: origin(), count: 0 }
    }

    pub(crate) fn write(&mut self) -> Entry {
        self.count += 1;
        let (position, data) = (position(self.count), Bytes::from_static(DATA.as_bytes()));
        let event = Event { id: id(self.count), kind: Kind::COMMENT, data };
        Entry { origin: self.origin.clone(), position, stamp: Stamp::default(), event }
    }

    fn write_batch(&mut self) -> Vec<Entry> {
        (0..BATCH_LEN).map(|_| self.write()).collect()
    }
}

fn id(seq: Seq) -> EventId {
    EventId::from_bytes(u128::from(seq).to_be_bytes())
}

pub(crate) fn position(seq: Seq) -> Position {
    Position { epoch: EPOCH, seq }
}

pub(crate) fn origin() -> Arc<Origin> {
    Arc::new(parsed("dc1"))
}

fn encoder() -> Encoder {
    Encoder::new(origin())
}

/// The order of a video without comments.
pub(crate) fn quiet_order() -> Order {
    let page = LogPage { head: position(0), first: 1, entries: Vec::new() };
    Order::new(encoder(), Placeless::new(0, Spares::new(0)), page)
}

/// What is parsed here is written here: an error is this module's mistake.
fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}
