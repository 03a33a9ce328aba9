//! A video that began while the live log was away: nobody knows where its order is. It shows what
//! comes without a position, and finds its place once the log is back.

use common::{live_log::LogPage, position::Position};

use super::{Millis, Order, Placeless};
use crate::frame::Encoder;

/// How far the clocks of this gateway and of the live log may be apart, milliseconds.
const SLACK_MS: u64 = 5_000;
/// Entries read at first to find where the log was when the video began; eight times as many when
/// that is further back, at most.
const LOOK_LEN: usize = 256;
const LOOK_LEN_MAX: usize = 131_072;

/// Since when, and how far back is looked.
#[derive(Debug)]
pub(super) struct Adrift {
    /// Milliseconds since 1970.
    since_ms: u64,
    look_len: usize,
}

impl Adrift {
    pub(super) fn look_len(&self) -> usize {
        self.look_len
    }
}

impl Order {
    /// Begins at `unix_ms`, without knowing where the live log is.
    pub(crate) fn adrift(encoder: Encoder, placeless: Placeless, unix_ms: u64) -> Self {
        let since_ms = unix_ms.saturating_sub(SLACK_MS);
        let mut order = Self::at(encoder, placeless, Position::NONE);
        order.adrift = Some(Box::new(Adrift { since_ms, look_len: LOOK_LEN }));
        order.read_failures = 1;
        order
    }

    /// The newest entries are here: what the log took since the video began is news to its viewers,
    /// unless they have seen it; what is older is not.
    pub(super) fn find(&mut self, adrift: Adrift, page: LogPage, now: Millis) {
        let Adrift { since_ms, look_len } = adrift;
        let news = page.entries.partition_point(|entry| entry.stamp.at_ms < since_ms);
        let oldest = page.entries.first().map_or(page.head.seq + 1, |oldest| oldest.position.seq);
        let may_be_more = news == 0 && oldest > page.first && !page.entries.is_empty();
        if may_be_more && look_len < LOOK_LEN_MAX {
            self.adrift = Some(Box::new(Adrift { since_ms, look_len: 8 * look_len }));
            return;
        }
        let first_news = page.entries.get(news).map_or(page.head.seq + 1, |e| e.position.seq);
        let start = Position { seq: first_news - 1, ..page.head };
        // If all of the log is new, so may be what it has trimmed.
        let unseen = if news == 0 { oldest - 1 } else { 0 };
        let before = std::mem::replace(&mut self.head, start);
        self.tell_skipped(unseen, before, start);
        self.take(page, now);
        self.read_more(now);
    }
}
