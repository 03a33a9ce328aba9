//! What an actor does between two waits: takes what has come, then wakes the viewers once.

use common::live_log::{LiveLogError, LogPage};
use tokio::sync::{oneshot, watch};

use super::{
    Join, Joined, Message,
    order::{Millis, Opening, Order, Wish},
};

/// Ticks without a viewer after which a video goes.
const LINGER_TICKS: u32 = 2;

/// A video's order among its viewers.
pub(super) struct Pass {
    viewers: watch::Sender<Order>,
    /// Viewers that may know more than this gateway: answered after the next read.
    waiting: Vec<Join>,
    idle_ticks: u32,
}

impl Pass {
    pub(super) fn new(viewers: watch::Sender<Order>) -> Self {
        Self { viewers, waiting: Vec::new(), idle_ticks: 0 }
    }

    /// Whether nobody has watched for long enough.
    pub(super) fn is_over(&self) -> bool {
        self.idle_ticks >= LINGER_TICKS
    }

    pub(super) fn wish(&self, now: Millis) -> Wish {
        self.viewers.borrow().wish(now)
    }

    pub(super) fn ask_read(&self) {
        self.viewers.send_if_modified(|order| {
            order.ask_read();
            false
        });
    }

    /// Takes all messages in one pass; viewers that come see what it brought.
    pub(super) fn take(&mut self, messages: &mut Vec<Message>, now: Millis) {
        let Self { viewers, idle_ticks, .. } = self;
        let nobody = viewers.receiver_count() == 0;
        let mut joins = Vec::new();
        viewers.send_if_modified(|order| {
            for message in messages.drain(..) {
                match message {
                    Message::Join(join) => joins.push(join),
                    Message::Pushed(entries) => order.on_pushed(entries, now),
                    Message::Head(head) => order.on_head(head, now),
                    Message::Tick if nobody => *idle_ticks += 1,
                    Message::Tick => order.heartbeat(),
                    // The actor sees by itself who it should be; this only woke it.
                    Message::Reborn => {}
                }
            }
            order.seal()
        });
        for join in joins {
            self.join(join);
        }
    }

    fn join(&mut self, join: Join) {
        self.idle_ticks = 0;
        let opening = self.viewers.borrow().resume(&join.start, join.recent);
        if let Some(opening) = opening {
            self.answer(join.reply, opening);
        } else {
            self.ask_read();
            self.waiting.push(join);
        }
    }

    /// Takes what a read of the live log brought.
    pub(super) fn read(&mut self, page: Result<LogPage, LiveLogError>, now: Millis) {
        self.viewers.send_if_modified(|order| {
            match page {
                Ok(page) => order.on_page(page, now),
                Err(error) => {
                    tracing::warn!(%error, "can't read the live log");
                    order.on_read_failed(now);
                }
            }
            order.seal()
        });
        for join in std::mem::take(&mut self.waiting) {
            let opening = self.viewers.borrow().resume_settled(&join.start, join.recent);
            self.answer(join.reply, opening);
        }
    }

    fn answer(&self, reply: oneshot::Sender<Joined>, opening: Opening) {
        // A viewer that has gone meanwhile takes its receiver with it.
        let _ = reply.send((opening, self.viewers.subscribe()));
    }
}
