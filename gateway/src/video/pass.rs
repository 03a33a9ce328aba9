//! What an actor does between two waits: takes what has come, then wakes the viewers once.

use std::{sync::Arc, time::Duration};

use common::{
    ambient,
    live_log::{LiveLogError, LogPage},
};
use tokio::sync::{oneshot, watch};

use super::{
    Erased, Join, Joined, KeptOut, Message,
    order::{Millis, Opening, Order, Wish},
};
use crate::crowd::{Crowd, Seat};

/// Ticks without a viewer after which a video goes.
const LINGER_TICKS: u32 = 2;

/// How long a viewer that may know more than this gateway waits while the live log can't be read,
/// milliseconds: then it is reset, to get at least what is new.
const PATIENCE_MS: Millis = 2_000;

/// Looks in a row that found what no push had told of, after which the subscription is made again:
/// one that came to nothing would cost every comment up to a second, for ever.
const UNPUSHED_LOOKS_MAX: u32 = 3;

/// A video's order among its viewers.
pub(super) struct Pass {
    order: watch::Sender<Order>,
    crowd: Arc<Crowd>,
    /// Viewers that may know more than this gateway.
    waiting: Vec<Waiting>,
    reads_begun: u64,
    idle_ticks: u32,
    unpushed_looks: u32,
}

/// A viewer that is answered after a read which began after it came.
struct Waiting {
    join: Join,
    reads_begun: u64,
    since: Millis,
}

impl Pass {
    /// An order, and the crowd that reads it.
    pub(super) fn new(
        order: Order,
        crowd: impl FnOnce(watch::Receiver<Order>) -> Arc<Crowd>,
    ) -> Self {
        let (order, reading) = watch::channel(order);
        order.send_if_modified(|order| order.seal(0));
        let (crowd, waiting) = (crowd(reading), Vec::new());
        Self { order, crowd, waiting, reads_begun: 0, idle_ticks: 0, unpushed_looks: 0 }
    }

    /// Whether nobody has watched for long enough.
    pub(super) fn is_over(&self) -> bool {
        self.idle_ticks >= LINGER_TICKS
    }

    /// Whether dispatchers seem to know that this gateway serves the video.
    pub(super) fn is_pushed_to(&self) -> bool {
        self.unpushed_looks < UNPUSHED_LOOKS_MAX
    }

    /// The subscription is made again.
    pub(super) fn subscribes(&mut self) {
        self.unpushed_looks = 0;
    }

    /// How long to wait after a pass, for the next one to gather.
    pub(super) fn pause(&self) -> Duration {
        self.crowd.pause()
    }

    pub(super) fn wish(&self, now: Millis) -> Wish {
        self.order.borrow().wish(now)
    }

    /// Has the live log read once more, whatever is known.
    pub(super) fn ask_read(&self) {
        self.note(Order::ask_read);
    }

    /// A read begins.
    pub(super) fn read_begins(&mut self) {
        self.reads_begun += 1;
        self.note(Order::on_read_begun);
    }

    /// Has the order know something that viewers needn't.
    fn note(&self, note: impl FnOnce(&mut Order)) {
        self.order.send_if_modified(|order| {
            note(order);
            false
        });
    }

    fn decide(&self, now: Millis, decide: impl FnOnce(&mut Order)) {
        self.order.send_if_modified(|order| {
            decide(order);
            order.seal(now)
        });
    }

    /// Takes all messages in one pass; viewers that come see what it brought.
    pub(super) fn take(&mut self, messages: Vec<Message>, now: Millis) {
        let Self { order, crowd, idle_ticks, unpushed_looks, .. } = self;
        let nobody = crowd.viewers() == 0;
        let (mut joins, mut erasing) = (Vec::new(), Vec::new());
        order.send_if_modified(|order| {
            for message in messages {
                match message {
                    Message::Join(join) => joins.push(*join),
                    Message::Pushed(entries) => {
                        *unpushed_looks = 0;
                        order.on_pushed(entries, now);
                    }
                    Message::Room(events) => order.on_room(&events),
                    Message::Tally(tally) => order.on_tally(&tally, crowd.viewers() as u64),
                    Message::Erase(id, reply) => {
                        order.erase(id, now);
                        erasing.push(reply);
                    }
                    Message::Head(head) => {
                        *unpushed_looks += u32::from(order.on_head(head, now));
                    }
                    Message::Tick if nobody => *idle_ticks += 1,
                    Message::Tick => order.heartbeat(now),
                    // The actor sees by itself who it should be; this only woke it.
                    Message::Reborn => {}
                }
            }
            order.seal(now)
        });
        let count = order.borrow().erasures().count();
        for reply in erasing {
            // Who asked may have given up.
            let _ = reply.send(Erased { crowd: crowd.clone(), count });
        }
        for join in joins {
            self.join(join, now);
        }
    }

    fn join(&mut self, join: Join, now: Millis) {
        if let Some(why) = self.keeps_out(&join) {
            let _ = join.reply.send(Err(why)); // it may have gone
            return;
        }
        self.idle_ticks = 0;
        let opening = self.order.borrow().resume(&join.start, join.recent);
        if let Some(opening) = opening {
            self.answer(join.reply, opening);
        } else {
            self.ask_read();
            self.waiting.push(Waiting { join, reads_begun: self.reads_begun, since: now });
        }
    }

    fn keeps_out(&self, join: &Join) -> Option<KeptOut> {
        let order = self.order.borrow();
        let end = order.room().end_for(join.user.as_ref(), ambient::unix_ms());
        let is_unregistered = || join.must_be_registered && order.room().is_unregistered();
        end.map(KeptOut::End).or_else(|| is_unregistered().then_some(KeptOut::Unregistered))
    }

    /// Whether the room may have changed unnoticed.
    pub(super) fn doubts_room(&self) -> bool {
        let mut doubts = false;
        self.note(|order| doubts = order.doubts_room());
        doubts
    }

    /// Takes what a read of the live log brought.
    pub(super) fn read(&mut self, page: Result<LogPage, LiveLogError>, now: Millis) {
        match page {
            Ok(page) => {
                self.decide(now, |order| order.on_page(page, now));
                let (behind, begun) = (self.order.borrow().is_behind(), self.reads_begun);
                self.settle(|waiting| !behind && waiting.reads_begun < begun);
            }
            Err(error) => {
                tracing::debug!(%error, "can't read the live log");
                self.decide(now, |order| order.on_read_failed(now));
                self.settle(|waiting| now.saturating_sub(waiting.since) >= PATIENCE_MS);
            }
        }
        self.waiting.retain(|waiting| !waiting.join.reply.is_closed());
        if !self.waiting.is_empty() {
            self.ask_read();
        }
    }

    /// Answers those who waited, as far as there is nothing more to be learnt: the last read began
    /// after they came, and it left nothing unread; or nothing can be read for too long.
    fn settle(&mut self, is_settled: impl Fn(&Waiting) -> bool) {
        let settled: Vec<_> = self.waiting.extract_if(.., |waiting| is_settled(waiting)).collect();
        for Waiting { join, .. } in settled {
            if let Some(why) = self.keeps_out(&join) {
                let _ = join.reply.send(Err(why)); // it may have gone
                continue;
            }
            let opening = self.order.borrow().resume_settled(&join.start, join.recent);
            self.answer(join.reply, opening);
        }
    }

    fn answer(&self, reply: oneshot::Sender<Joined>, opening: Opening) {
        // A viewer that has gone meanwhile leaves its seat.
        let _ = reply.send(Ok((opening, Seat::new(self.crowd.clone()))));
    }
}

#[cfg(test)]
mod tests;
