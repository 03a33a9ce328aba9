//! Sampled streams, for viewers who want no more than so many comments per second: which events are
//! theirs, and how they are told of the others.

use bytes::{BufMut, Bytes, BytesMut};
use common::{
    event::{Event, Kind, Stamp},
    position::Position,
};
use serde::Deserialize;

use crate::frame::{Encoder, Spot};

/// Comments per second that can be had, in ascending order.
const TIERS: [u8; 4] = [1, 5, 10, 30];

/// Most comments per second of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tier(u8);

impl Tier {
    /// The highest that is not above `rate`, or the lowest.
    pub(crate) fn of(rate: u64) -> Self {
        let mut highest_first = TIERS.into_iter().rev();
        Self(highest_first.find(|tier| u64::from(*tier) <= rate).unwrap_or(TIERS[0]))
    }

    /// Whether events are shown that are [`shown_above`] this.
    pub(crate) fn shows(self, above: u8) -> bool {
        above < self.0
    }
}

/// Tiers above this show an event: as many of its second came before it in the live log. 0, which is
/// below all, for those that are more than somebody's comment: moderators', deletions, producers'.
pub(crate) fn shown_above(event: &Event, stamp: Stamp) -> u8 {
    // Reading the comment's JSON is left to where it matters.
    if stamp.rank == 0 || event.kind != Kind::COMMENT || is_by_staff(&event.data) {
        return 0;
    }
    stamp.rank.try_into().unwrap_or(u8::MAX)
}

fn is_by_staff(comment: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Comment<'c> {
        #[serde(borrow)]
        author: Author<'c>,
    }
    #[derive(Deserialize)]
    struct Author<'c> {
        #[serde(default)]
        role: Option<&'c str>,
    }
    let comment = serde_json::from_slice::<Comment<'_>>(comment);
    let role = comment.ok().and_then(|comment| comment.author.role);
    role.is_some_and(|role| matches!(role, "moderator" | "producer" | "admin"))
}

/// What a tier shows of some events in a row, and word of those that it leaves out.
pub(crate) struct Sample<'e> {
    encoder: &'e Encoder,
    /// One buffer: slices of the log would keep all of it in memory for who doesn't read.
    bytes: BytesMut,
    /// The last event that was shown or told of.
    from: Position,
    /// Not told of yet, up to this position.
    left_out: u64,
    to: Spot,
}

impl<'e> Sample<'e> {
    /// Of what follows `from`.
    pub(crate) fn new(encoder: &'e Encoder, from: Position) -> Self {
        Self { encoder, bytes: BytesMut::new(), from, left_out: 0, to: from.into() }
    }

    /// An event is shown: `frame`, after which the order is at `position`.
    pub(crate) fn show(&mut self, frame: impl IntoIterator<Item = Bytes>, position: Position) {
        self.tell(false);
        frame.into_iter().for_each(|part| self.bytes.put_slice(&part));
        (self.from, self.to) = (position, position.into());
    }

    /// So many events are not shown; a cursor says `to` after them.
    pub(crate) fn leave_out(&mut self, count: u64, to: impl Into<Spot>) {
        self.left_out += count;
        self.to = to.into();
    }

    /// Tells of what was left out last, which no shown event follows.
    pub(crate) fn tell_last(&mut self) {
        self.tell(true);
    }

    fn tell(&mut self, moves_position: bool) {
        if self.left_out == 0 {
            return;
        }
        self.encoder.skipped(&mut self.bytes, self.left_out, self.from, self.to.position);
        if moves_position {
            self.encoder.bare(&mut self.bytes, self.to);
        }
        (self.left_out, self.from) = (0, self.to.position);
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{encoder, entry, position};

    #[test]
    fn the_highest_tier_that_is_not_above_the_rate() {
        let tiers = [0, 1, 4, 5, 9, 10, 29, 30, u64::MAX].map(|rate| Tier::of(rate).0);
        assert_eq!(tiers, [1, 1, 1, 5, 5, 10, 10, 30, 30]);
    }

    #[test]
    fn whatever_is_more_than_a_comment_is_always_shown() {
        let ranked = |kind: &str, role: &str| {
            let mut entry = entry(1, 1);
            let stamp = Stamp { at_ms: 0, rank: 700 };
            entry.event.kind = Kind::parse(kind).unwrap();
            entry.event.data = format!(r#"{{"id":"x","author":{{"id":"a"{role}}}}}"#).into();
            shown_above(&entry.event, stamp)
        };
        assert_eq!(ranked("comment", ""), u8::MAX);
        assert_eq!(ranked("comment", r#","role":"commenter""#), u8::MAX);
        for role in ["moderator", "producer", "admin"] {
            assert_eq!(ranked("comment", &format!(r#","role":"{role}""#)), 0, "{role}");
        }
        for kind in ["odds", "delete", "skipped", ""] {
            assert_eq!(ranked(kind, ""), 0, "{kind}");
        }
    }

    #[test]
    fn what_is_left_out_is_told_once() {
        let encoder = encoder();
        let mut sample = Sample::new(&encoder, position(1, 4));
        sample.leave_out(2, position(1, 6));
        sample.show([Bytes::from_static(b"seven")], position(1, 7));
        sample.leave_out(1, position(1, 8));
        sample.tell_last();
        sample.tell_last();
        let told = [
            "event: skipped\ndata: {\"count\":2,\"from\":\"1~dc1:1:4\",\"to\":\"1~dc1:1:6\"}\n\n",
            "seven",
            "event: skipped\ndata: {\"count\":1,\"from\":\"1~dc1:1:7\",\"to\":\"1~dc1:1:8\"}\n\n\
             id: 1~dc1:1:8\n\n",
        ];
        assert_eq!(sample.len(), told.concat().len());
        assert_eq!(sample.into_bytes(), told.concat());
    }
}
