//! Some of a video's viewers, as sockets: writes each what it has not had, one write for all of it.
//!
//! There is nothing per viewer but its socket and its place in the byte log: no task, timer, queue
//! or buffer, except what a full socket left of a write.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, Release},
    },
    time::Duration,
};

use tokio::{sync::watch, task::yield_now, time::Instant};

use super::{
    Tally,
    member::{Member, News, Turn},
    pause,
    writer::{BATCH_LEN, Writer},
};
use crate::{
    frame,
    house::Exits,
    inbox::Inbox,
    timer::until,
    video::{Surroundings, order::Order},
};

/// Between two looks for viewers who left: all have to be looked at.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);
/// Between two looks for sockets that have room again: all that had none have to be looked at, and
/// some thousand slow ones have room thousands of times a second.
const RETRY_PERIOD: Duration = Duration::from_millis(5);

/// Some of a video's viewers.
pub(super) struct Shard {
    writer: Writer,
    newcomers: Inbox<Member>,
    tally: Arc<Tally>,
    /// Those who have everything.
    listening: Vec<Member>,
    /// Those whose sockets took no more: nothing is tried until one has room again.
    blocked: Vec<Member>,
    /// Some viewer closed its end, or sent something.
    readable: Arc<News>,
    pause_max: Duration,
    exits: Exits,
    /// When the first viewer's token runs out.
    expires: Option<Instant>,
}

impl Shard {
    pub(super) fn new(
        order: watch::Receiver<Order>,
        newcomers: Inbox<Member>,
        tally: Arc<Tally>,
        around: &Surroundings,
    ) -> Box<Self> {
        let Surroundings { slow_viewer, pause_max, .. } = *around;
        let writer = Writer::new(order, slow_viewer);
        let (listening, blocked) = (Vec::new(), Vec::new());
        let (readable, exits) = (Arc::default(), around.house.exits());
        Box::new(Self {
            writer,
            newcomers,
            tally,
            listening,
            blocked,
            readable,
            pause_max,
            exits,
            expires: None,
        })
    }

    /// Serves until the video's order ends, then tells everybody to come back.
    /// (Boxed, for a future holds what it is given twice.)
    pub(super) async fn run(mut self: Box<Self>) {
        let mut newcomers = Vec::new();
        let began = Instant::now();
        let (mut pass_at, mut sweep_at, mut retry_at) = (began, began, began);
        loop {
            tokio::select! {
                changed = changed(&mut self.writer.order, pass_at) => {
                    pass_at = Instant::now() + pause(self.listening.len(), self.pause_max);
                    self.pass().await;
                    if changed.is_err() {
                        break;
                    }
                }
                () = self.newcomers.receive(&mut newcomers, BATCH_LEN) => {
                    self.admit(std::mem::take(&mut newcomers));
                }
                () = heard(&self.writer.writable, retry_at) => {
                    self.retry().await;
                    retry_at = Instant::now() + RETRY_PERIOD;
                }
                () = heard(&self.readable, sweep_at) => {
                    self.sweep().await;
                    sweep_at = Instant::now() + SWEEP_PERIOD;
                }
                () = self.exits.next(self.listening.len() + self.blocked.len()) => self.let_go(),
                () = expired(self.expires) => {
                    self.pass().await;
                    self.expires = self.next_expiry();
                }
            }
        }
        self.newcomers.close();
        while self.newcomers.take(&mut newcomers, BATCH_LEN) {
            self.admit(std::mem::take(&mut newcomers));
        }
        self.say_goodbye().await;
    }

    fn admit(&mut self, newcomers: Vec<Member>) {
        self.writer.begin();
        for mut member in newcomers {
            let until = member.who().and_then(|who| who.until);
            self.expires = self.expires.into_iter().chain(until).min();
            let has_left = member.has_left(&self.readable);
            match if has_left { Turn::Gone } else { self.writer.turn(&mut member) } {
                Turn::HasAll => {
                    // Most videos have few viewers; a list begins with room for four.
                    self.listening.reserve_exact(usize::from(self.listening.is_empty()));
                    self.listening.push(member);
                }
                Turn::Blocked => self.blocked.push(member),
                Turn::Gone => _ = self.tally.len.fetch_sub(1, Relaxed),
            }
        }
    }

    /// Everybody's turn. Viewers who fill up meanwhile have theirs when there is room, unless they
    /// are as old as a stream may get.
    async fn pass(&mut self) {
        self.let_go_of_erased();
        let Self { writer, listening, blocked, tally, .. } = self;
        let before = blocked.len();
        writer.begin();
        blocked.retain(|member| !writer.is_cut(member));
        tally.len.fetch_sub(before - blocked.len(), Relaxed);
        writer.turns(listening, Turn::HasAll, blocked, tally).await;
    }

    /// Whoever may not have been sent all of a frame that was taken away is cut off, and comes back for
    /// the rest; nothing else here is written of what was read before a pass.
    fn let_go_of_erased(&mut self) {
        let Self { writer, blocked, tally, .. } = self;
        let order = writer.order.borrow();
        let (erasures, known) = (order.erasures(), tally.erased.load(Relaxed));
        if erasures.count() > known {
            let before = blocked.len();
            blocked.retain(|member| !erasures.hit(&member.unsent(), known));
            tally.len.fetch_sub(before - blocked.len(), Relaxed);
            tally.erased.store(erasures.count(), Release);
        }
    }

    fn next_expiry(&self) -> Option<Instant> {
        let members = self.listening.iter().chain(&self.blocked);
        members.filter_map(|member| member.who()?.until).min()
    }

    /// The turn of those whose sockets were full.
    async fn retry(&mut self) {
        let Self { writer, listening, blocked, tally, .. } = self;
        writer.turns(blocked, Turn::Blocked, listening, tally).await;
    }

    /// Lets go of those who closed their end.
    async fn sweep(&mut self) {
        for members in [&mut self.listening, &mut self.blocked] {
            let mut at = 0;
            while at < members.len() {
                for _ in 0..BATCH_LEN {
                    match members.get(at) {
                        Some(member) if member.has_left(&self.readable) => {
                            members.swap_remove(at);
                            self.tally.len.fetch_sub(1, Relaxed);
                        }
                        _ => at += 1,
                    }
                }
                yield_now().await;
            }
        }
    }

    /// The gateway drains: those whose time has come are told to come back.
    fn let_go(&mut self) {
        let due = self.exits.due(self.listening.len() + self.blocked.len());
        // Blocked ones are in the midst of a chunk: the cut tells them the same.
        let blocked = self.blocked.len().min(due);
        self.blocked.truncate(self.blocked.len() - blocked);
        let listening = self.listening.len() - (due - blocked);
        let words = || frame::come_back().freeze();
        self.listening.drain(listening..).for_each(|member| member.end(words()));
        self.tally.len.fetch_sub(due, Relaxed);
    }

    async fn say_goodbye(&self) {
        // Blocked ones are in the midst of a chunk: the cut tells them the same.
        for members in self.listening.chunks(BATCH_LEN) {
            members.iter().for_each(|member| member.end(frame::come_back().freeze()));
            yield_now().await;
        }
    }
}

/// Waits for a change of the order, and for the time to pass it on. Until then others may follow.
async fn changed(
    order: &mut watch::Receiver<Order>,
    not_before: Instant,
) -> Result<(), watch::error::RecvError> {
    until(not_before).await;
    order.changed().await
}

/// Waits for a token to run out.
async fn expired(expires: Option<Instant>) {
    match expires {
        Some(at) => until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits for news, and for the time to look after it.
async fn heard(news: &News, not_before: Instant) {
    until(not_before).await;
    news.heard().await;
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.tally.len.store(0, Relaxed);
        self.tally.erased.store(u64::MAX, Release);
    }
}
