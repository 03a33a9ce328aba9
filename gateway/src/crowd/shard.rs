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

use bytes::Bytes;
use common::{ambient, config::SlowViewer};
use tokio::{sync::watch, task::yield_now, time::Instant};

use super::{
    Tally,
    member::{Member, News, Turn},
    pause,
};
use crate::{
    byte_log::READ_LEN_MAX,
    chunked::chunk,
    ending::End,
    frame,
    house::Exits,
    inbox::Inbox,
    reading::{Next, Reader, read_on},
    timer::until,
    video::{Surroundings, order::Order},
};

#[cfg(feature = "micro")]
pub(crate) mod micro;

/// Viewers who have their turn before other tasks of the thread have theirs, and before a turn may
/// bring what came meanwhile.
const BATCH_LEN: usize = 64;
/// Reads of the log that are remembered for others of a batch: that of what is new and that of
/// nothing more, for viewers of everything and of each tier.
const READS_MAX: usize = 16;
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

/// Gives viewers their turns.
struct Writer {
    order: watch::Receiver<Order>,
    slow_viewer: SlowViewer,
    /// Some socket may have room.
    writable: Arc<News>,
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
        turns(writer, listening, Turn::HasAll, blocked, tally).await;
    }

    /// Whoever may not have been sent all of a frame that was taken away is cut off, and comes back for
    /// the rest; nothing else here holds what was read before a pass.
    fn let_go_of_erased(&mut self) {
        let Self { writer, blocked, tally, .. } = self;
        let order = writer.order.borrow();
        let (erasures, known) = (order.erasures(), tally.erased.load(Relaxed));
        if erasures.count() > known {
            let before = blocked.len();
            blocked.retain(|member| !erasures.hit(&member.unsent(), known));
            tally.len.fetch_sub(before - blocked.len(), Relaxed);
            writer.reads.clear();
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
        turns(writer, blocked, Turn::Blocked, listening, tally).await;
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

/// The turn of each of `members`: who `stays` is left there, others go `elsewhere` or are gone.
async fn turns(
    writer: &mut Writer,
    members: &mut Vec<Member>,
    stays: Turn,
    elsewhere: &mut Vec<Member>,
    tally: &Tally,
) {
    let mut at = 0;
    while at < members.len() {
        writer.begin();
        for _ in 0..BATCH_LEN {
            let Some(member) = members.get_mut(at) else { break };
            match writer.turn(member) {
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

impl Writer {
    fn new(order: watch::Receiver<Order>, slow_viewer: SlowViewer) -> Self {
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
    fn begin(&mut self) {
        self.reads.clear();
        self.now = Instant::now();
        self.keeps_some_out = self.order.borrow().room().keeps_some_out();
        if self.keeps_some_out {
            self.now_ms = ambient::unix_ms();
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
    fn is_cut(&self, member: &Member) -> bool {
        let end = self.end_for(member);
        member.is_over(self.now) || end.is_some_and(|end| end != End::Ended)
    }

    /// A viewer's last words, if it has had everything and is to go.
    fn last_words(&self, member: &Member) -> Option<Bytes> {
        let end = self.end_for(member).map(End::frame);
        end.or_else(|| member.is_over(self.now).then(|| frame::come_back().freeze()))
    }

    /// Writes until the viewer has everything or its socket takes no more.
    fn turn(&mut self, member: &mut Member) -> Turn {
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

impl Drop for Shard {
    fn drop(&mut self) {
        self.tally.len.store(0, Relaxed);
        self.tally.erased.store(u64::MAX, Release);
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
