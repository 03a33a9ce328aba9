//! A video's numbers as its viewers were told them last: frames without `id:`.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use common::{
    event::{Event, EventId, Kind},
    tallies::Tally,
    totals::Totals,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    byte_log::{ByteLog, Latest},
    frame,
};

/// Nothing, until somebody counts.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    told: Option<Box<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    reactions: Bytes,
    viewers: Bytes,
    /// Where the frame ends that told of reactions last.
    reactions_end: u64,
}

impl Numbers {
    /// Tells in `log` what is not as it was told. What is unknown now stays as it was; of viewers there
    /// are no fewer than `here`, though others may not have told theirs yet.
    pub(crate) fn take(&mut self, tally: &Tally, here: u64, log: &mut ByteLog) {
        let reactions = tally.totals.as_ref().map(reactions_frame).unwrap_or_default();
        let count = tally.viewers.max(here);
        if self.told.is_none() && reactions.is_empty() && count == 0 {
            return;
        }
        let told = self.told.get_or_insert_default();
        if !reactions.is_empty() && reactions != told.reactions {
            log.append_latest(Latest::Reactions, reactions.clone());
            (told.reactions, told.reactions_end) = (reactions, log.end().offset);
        }
        let viewers = viewers_frame(count);
        if (count > 0 || !told.viewers.is_empty()) && viewers != told.viewers {
            log.append_latest(Latest::Viewers, viewers.clone());
            told.viewers = viewers;
        }
    }

    /// What newcomers are told after their replay, as far as there is anything.
    pub(crate) fn snapshot(&self) -> impl Iterator<Item = &Bytes> {
        let told = self.told.iter().flat_map(|told| [&told.reactions, &told.viewers]);
        told.filter(|frame| !frame.is_empty())
    }

    /// Whether reactions were told between these offsets of the log.
    pub(crate) fn has_reactions_between(&self, from: u64, to: u64) -> bool {
        let end = self.told.as_ref().map_or(0, |told| told.reactions_end);
        from < end && end <= to
    }
}

/// Empty when nobody has reacted yet.
fn reactions_frame(totals: &Totals) -> Bytes {
    let totals: BTreeMap<_, _> =
        totals.reactions().map(|(kind, count)| (kind.to_owned(), count)).collect();
    if totals.is_empty() { Bytes::new() } else { told(Kind::REACTIONS, &Reactions { totals }) }
}

fn viewers_frame(count: u64) -> Bytes {
    told(Kind::VIEWERS, &Viewers { count })
}

/// How often viewers have reacted so far.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reactions {
    /// By kind, of those kinds that there were any of.
    totals: BTreeMap<String, u64>,
}

/// How many watch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Viewers {
    count: u64,
}

fn told(kind: Kind, data: &impl Serialize) -> Bytes {
    // Plain numbers: there is nothing in it that could fail to serialise.
    let data = serde_json::to_vec(data).unwrap_or_default().into();
    let mut out = BytesMut::new();
    // It has no id and no place; nobody asks for it by one.
    frame::event(&mut out, &Event { id: EventId::from_bytes([0; 16]), kind, data });
    out.put_u8(b'\n');
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        byte_log::{Place, READ_LEN_MAX, Read},
        test_support::position,
    };

    struct Rig {
        numbers: Numbers,
        log: ByteLog,
        place: Place,
    }

    impl Rig {
        fn new() -> Self {
            let log = ByteLog::new(position(1, 0));
            Self { numbers: Numbers::default(), place: log.end(), log }
        }

        /// What a viewer is told by one look.
        fn told(&mut self, totals: Option<&str>, viewers: u64, here: u64) -> String {
            let totals = totals.map(|totals| totals.parse().unwrap());
            self.numbers.take(&Tally { totals, viewers }, here, &mut self.log);
            self.log.seal(|_, _| ());
            let Read::Bytes(bytes, end) = self.log.read(self.place, READ_LEN_MAX) else {
                panic!("fell off")
            };
            self.place = end;
            String::from_utf8(bytes.concat()).unwrap()
        }

        fn snapshot(&self) -> String {
            let frames: Vec<_> = self.numbers.snapshot().map(|frame| &frame[..]).collect();
            String::from_utf8(frames.concat()).unwrap()
        }
    }

    const TWO: &str = "event: viewers\ndata: {\"count\":2}\n\n";
    const LIKES: &str = "event: reactions\ndata: {\"totals\":{\"like\":3,\"wow\":1}}\n\n";

    #[test]
    fn what_changes_is_told_once() {
        let mut rig = Rig::new();
        assert_eq!(rig.told(Some("views 9"), 0, 0), "");
        assert_eq!(rig.told(Some("views 9"), 2, 1), TWO);
        assert_eq!(rig.told(Some("views 9 r/like 3 r/wow 1"), 2, 1), LIKES);
        assert_eq!(rig.told(Some("views 10 r/like 3 r/wow 1"), 2, 2), "", "nothing that is shown");
        assert_eq!(rig.snapshot(), [LIKES, TWO].concat());
        let none = "event: viewers\ndata: {\"count\":0}\n\n";
        assert_eq!(rig.told(Some("r/like 3 r/wow 1"), 0, 0), none);
    }

    #[test]
    fn what_is_unknown_stays_as_it_was() {
        let mut rig = Rig::new();
        let both = rig.told(Some("r/like 3 r/wow 1"), 2, 0);
        assert_eq!(both, [LIKES, TWO].concat());
        assert_eq!(rig.told(None, 2, 0), "");
        assert_eq!(rig.told(None, 0, 2), "", "its own viewers are known");
        assert_eq!(rig.snapshot(), both);
    }

    #[test]
    fn where_reactions_were_told() {
        let mut rig = Rig::new();
        rig.told(None, 2, 0);
        let before = rig.place.offset;
        assert!(!rig.numbers.has_reactions_between(0, before));
        rig.told(Some("r/like 3"), 3, 0);
        let after = rig.place.offset;
        assert!(rig.numbers.has_reactions_between(before, after));
        assert!(!rig.numbers.has_reactions_between(after, after + 100));
    }
}
