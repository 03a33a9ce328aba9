//! Turns: each viewer is written what it has not had, read and framed once for all who share a place.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use common::{ambient, config::SlowViewer};
use tokio::{sync::watch, task::yield_now, time::Instant};

use super::{
    Tally,
    member::{Member, News, Turn},
};
use crate::{
    byte_log::READ_LEN_MAX,
    chunked::chunk,
    ending::End,
    frame,
    reading::{Next, Reader, read_on},
    video::order::Order,
};

#[cfg(feature = "micro")]
pub(crate) mod micro;

/// Viewers who have their turn before other tasks of the thread have theirs, and before a turn may
/// bring what came meanwhile.
pub(super) const BATCH_LEN: usize = 64;
/// Reads of the log that are remembered for others of a batch: that of what is new and that of
/// nothing more, for viewers of everything and of each tier.
const READS_MAX: usize = 16;

/// Gives viewers their turns.
pub(super) struct Writer {
    pub(super) order: watch::Receiver<Order>,
    slow_viewer: SlowViewer,
    /// Some socket may have room.
    pub(super) writable: Arc<News>,
    /// The last reads of the log: most viewers have the same place.
    reads: Vec<Shared>,
    /// When the turns under way began.
    now: Instant,
    now_ms: u64,
    /// Whether the room keeps some out.
    keeps_some_out: bool,
}

/// What a read gave, for all who read from there.
struct Shared {
    from: Reader,
    /// Empty when there was nothing.
    chunk: Bytes,
    next: Reader,
}

impl Writer {
    pub(super) fn new(order: watch::Receiver<Order>, slow_viewer: SlowViewer) -> Self {
        Self {
            order,
            slow_viewer,
            writable: Arc::default(),
            reads: Vec::new(),
            now: Instant::now(),
            now_ms: 0,
            keeps_some_out: false,
        }
    }

    /// Some turns begin.
    pub(super) fn begin(&mut self) {
        self.reads.clear();
        self.now = Instant::now();
        self.keeps_some_out = self.order.borrow().room().keeps_some_out();
        if self.keeps_some_out {
            self.now_ms = ambient::unix_ms();
        }
    }

    /// The turn of each of `members`: who `stays` is left there, others go `elsewhere` or are gone.
    pub(super) async fn turns(
        &mut self,
        members: &mut Vec<Member>,
        stays: Turn,
        elsewhere: &mut Vec<Member>,
        tally: &Tally,
    ) {
        let mut at = 0;
        while at < members.len() {
            self.begin();
            for _ in 0..BATCH_LEN {
                let Some(member) = members.get_mut(at) else { break };
                match self.turn(member) {
                    turn if turn == stays => at += 1,
                    Turn::Gone => {
                        members.swap_remove(at);
                        tally.len.fetch_sub(1, Relaxed);
                    }
                    _ => elsewhere.push(members.swap_remove(at)),
                }
            }
            yield_now().await;
        }
    }

    /// Why the viewer's stream ends for good, if it does.
    fn end_for(&self, member: &Member) -> Option<End> {
        if member.who().is_some_and(|who| who.is_expired(self.now)) {
            return Some(End::Expired);
        }
        let user = member.who().map(|who| &who.user);
        let room = self.keeps_some_out.then(|| self.order.borrow());
        room.and_then(|order| order.room().end_for(user, self.now_ms))
    }

    /// Whether a viewer that takes nothing is not waited for. Who saw the video out is.
    pub(super) fn is_cut(&self, member: &Member) -> bool {
        let end = self.end_for(member);
        member.is_over(self.now) || end.is_some_and(|end| end != End::Ended)
    }

    /// A viewer's last words, if it has had everything and is to go.
    fn last_words(&self, member: &Member) -> Option<Bytes> {
        let end = self.end_for(member).map(End::frame);
        end.or_else(|| member.is_over(self.now).then(|| frame::come_back().freeze()))
    }

    /// Writes until the viewer has everything or its socket takes no more.
    pub(super) fn turn(&mut self, member: &mut Member) -> Turn {
        loop {
            match member.write(&self.writable) {
                Turn::HasAll => {}
                other => return other,
            }
            let from = member.reader.place.offset;
            match self.next(&mut member.reader) {
                Some(chunk) if !chunk.is_empty() => member.give(chunk, from),
                Some(_) => match self.last_words(member) {
                    None => return Turn::HasAll,
                    Some(words) => member.give_last(words),
                },
                None => member.give_last(frame::come_back().freeze()),
            }
        }
    }

    /// What is next for a reader, as a chunk; `None`: the viewer has to come back.
    fn next(&mut self, reader: &mut Reader) -> Option<Bytes> {
        if let Some(known) = self.reads.iter().find(|read| read.from == *reader) {
            *reader = known.next;
            return Some(known.chunk.clone());
        }
        let from = *reader;
        // Not marked as seen: those who have had their turn may not have seen it.
        match read_on(&self.order.borrow(), reader, READ_LEN_MAX, self.slow_viewer) {
            Next::Frames(frames) => {
                let chunk = chunk(&frames);
                if self.reads.len() == READS_MAX {
                    self.reads.clear();
                }
                self.reads.push(Shared { from, chunk: chunk.clone(), next: *reader });
                Some(chunk)
            }
            Next::Notice(notice) => Some(chunk(&[notice])),
            Next::End => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{entry, order, position};
    use common::live_log::LogPage;

    /// The log is read and framed once for all who have the same place, whoever comes between.
    #[test]
    fn who_has_the_same_place_gets_the_same_chunk() {
        let page = LogPage { head: position(1, 1), first: 1, entries: vec![entry(1, 1)] };
        let mut order = order(page);
        order.seal(0);
        let (_sender, order) = watch::channel(order);
        let start = order.borrow().log().start();
        let mut writer = Writer::new(order, SlowViewer::Skip);
        let mut chunks = Vec::new();
        for _ in 0..2 {
            let mut reader = Reader { place: start, tier: None };
            chunks.push(writer.next(&mut reader).unwrap());
            assert_eq!(writer.next(&mut reader).unwrap(), "", "that was all");
        }
        assert!(!chunks[0].is_empty());
        assert_eq!(chunks[0].as_ptr(), chunks[1].as_ptr());
    }
}
