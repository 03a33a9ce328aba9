//! Some of a video's viewers, as sockets: writes each what it has not had, one write for all of it.
//!
//! There is nothing per viewer but its socket and its place in the byte log: no task, timer, queue
//! or buffer, except what a full socket left of a write.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::{Buf, Bytes};
use common::config::SlowViewer;
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, watch},
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{Newcomer, Seat, end};
use crate::{
    byte_log::Place,
    chunked::chunk,
    reading::{Next, read_on},
    video::order::Order,
};

/// Viewers who have their turn before other tasks of the thread have theirs, and before a turn may
/// bring what came meanwhile.
const BATCH_LEN: usize = 64;
/// Between two looks for viewers who left: all have to be looked at.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);
/// Between two looks for sockets that have room again: all that had none have to be looked at, and
/// some thousand slow ones have room thousands of times a second.
const RETRY_PERIOD: Duration = Duration::from_millis(5);

/// Some of a video's viewers.
pub(super) struct Shard {
    writer: Writer,
    newcomers: mpsc::Receiver<Newcomer>,
    len: Arc<AtomicUsize>,
    /// Those who have everything.
    listening: Vec<Viewer>,
    /// Those whose sockets took no more: nothing is tried until one has room again.
    blocked: Vec<Viewer>,
    /// Some viewer closed its end, or sent something.
    readable: Arc<News>,
}

/// Gives viewers their turns.
struct Writer {
    order: watch::Receiver<Order>,
    slow_viewer: SlowViewer,
    /// Some socket may have room.
    writable: Arc<News>,
    /// The last read of the log: most viewers have the same place.
    last: Option<Shared>,
}

/// A socket and its place.
struct Viewer {
    socket: TcpStream,
    place: Place,
    /// What the socket has not taken yet of what is before `place`.
    rest: Bytes,
    _seat: Seat,
}

/// What follows a place, for all who are there.
struct Shared {
    from: Place,
    chunk: Bytes,
    next: Place,
}

/// What came of a viewer's turn.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    HasAll,
    Blocked,
    Gone,
}

/// One waker for all sockets of a shard.
#[derive(Default)]
struct News(Notify);

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}

impl Shard {
    pub(super) fn new(
        order: watch::Receiver<Order>,
        newcomers: mpsc::Receiver<Newcomer>,
        len: Arc<AtomicUsize>,
        slow_viewer: SlowViewer,
    ) -> Self {
        let writer = Writer { order, slow_viewer, writable: Arc::default(), last: None };
        let (listening, blocked) = (Vec::new(), Vec::new());
        Self { writer, newcomers, len, listening, blocked, readable: Arc::default() }
    }

    /// Serves until the video's order ends, then tells everybody to come back.
    pub(super) async fn run(mut self) {
        let mut newcomers = Vec::new();
        let (mut sweep_at, mut retry_at) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                changed = self.writer.order.changed() => {
                    self.pass().await;
                    if changed.is_err() {
                        break;
                    }
                }
                _ = self.newcomers.recv_many(&mut newcomers, BATCH_LEN) => {
                    self.admit(&mut newcomers);
                }
                () = heard(&self.writer.writable, retry_at) => {
                    self.retry().await;
                    retry_at = Instant::now() + RETRY_PERIOD;
                }
                () = heard(&self.readable, sweep_at) => {
                    self.sweep().await;
                    sweep_at = Instant::now() + SWEEP_PERIOD;
                }
            }
        }
        self.newcomers.close();
        while self.newcomers.recv_many(&mut newcomers, BATCH_LEN).await > 0 {
            self.admit(&mut newcomers);
        }
        self.say_goodbye().await;
    }

    fn admit(&mut self, newcomers: &mut Vec<Newcomer>) {
        self.writer.last = None;
        for Newcomer { socket, place, seat } in newcomers.drain(..) {
            let mut viewer = Viewer { socket, place, rest: Bytes::new(), _seat: seat };
            let has_left = viewer.has_left(&self.readable);
            match self.writer.turn(&mut viewer) {
                Turn::HasAll if !has_left => self.listening.push(viewer),
                Turn::Blocked if !has_left => self.blocked.push(viewer),
                _ => _ = self.len.fetch_sub(1, Relaxed),
            }
        }
    }

    /// Everybody's turn. Viewers who fill up meanwhile have theirs when there is room.
    async fn pass(&mut self) {
        let Self { writer, listening, blocked, len, .. } = self;
        turns(writer, listening, Turn::HasAll, blocked, len).await;
    }

    /// The turn of those whose sockets were full.
    async fn retry(&mut self) {
        let Self { writer, listening, blocked, len, .. } = self;
        turns(writer, blocked, Turn::Blocked, listening, len).await;
    }

    /// Lets go of those who closed their end.
    async fn sweep(&mut self) {
        for viewers in [&mut self.listening, &mut self.blocked] {
            let mut at = 0;
            while at < viewers.len() {
                for _ in 0..BATCH_LEN {
                    match viewers.get(at) {
                        Some(viewer) if viewer.has_left(&self.readable) => {
                            viewers.swap_remove(at);
                            self.len.fetch_sub(1, Relaxed);
                        }
                        _ => at += 1,
                    }
                }
                yield_now().await;
            }
        }
    }

    async fn say_goodbye(self) {
        // Blocked ones are in the midst of a chunk: the cut tells them the same.
        for viewers in self.listening.chunks(BATCH_LEN) {
            viewers.iter().for_each(|viewer| end(&viewer.socket));
            yield_now().await;
        }
    }
}

/// The turn of each of `viewers`: who `stays` is left there, others go `elsewhere` or are gone.
async fn turns(
    writer: &mut Writer,
    viewers: &mut Vec<Viewer>,
    stays: Turn,
    elsewhere: &mut Vec<Viewer>,
    len: &AtomicUsize,
) {
    let mut at = 0;
    while at < viewers.len() {
        writer.last = None;
        for _ in 0..BATCH_LEN {
            let Some(viewer) = viewers.get_mut(at) else { break };
            match writer.turn(viewer) {
                turn if turn == stays => at += 1,
                Turn::Gone => {
                    viewers.swap_remove(at);
                    len.fetch_sub(1, Relaxed);
                }
                _ => elsewhere.push(viewers.swap_remove(at)),
            }
        }
        yield_now().await;
    }
}

/// Waits for news, and for the time to look after it.
async fn heard(news: &News, not_before: Instant) {
    sleep_until(not_before).await;
    news.0.notified().await;
}

impl Writer {
    /// Writes until the viewer has everything or its socket takes no more.
    fn turn(&mut self, viewer: &mut Viewer) -> Turn {
        loop {
            match viewer.write(&self.writable) {
                Turn::HasAll => {}
                other => return other,
            }
            match self.next(&mut viewer.place) {
                Some(chunk) if chunk.is_empty() => return Turn::HasAll,
                Some(chunk) => viewer.rest = chunk,
                None => {
                    end(&viewer.socket);
                    return Turn::Gone;
                }
            }
        }
    }

    /// What follows a place, as a chunk; `None`: the viewer has to come back.
    fn next(&mut self, place: &mut Place) -> Option<Bytes> {
        if let Some(last) = self.last.as_ref().filter(|last| last.from == *place) {
            *place = last.next;
            return Some(last.chunk.clone());
        }
        let from = *place;
        // Not marked as seen: those who have had their turn may not have seen it.
        let order = self.order.borrow();
        match read_on(&order, place, self.slow_viewer) {
            Next::Frames(frames) => {
                let chunk = chunk(&frames);
                self.last = Some(Shared { from, chunk: chunk.clone(), next: *place });
                Some(chunk)
            }
            Next::Notice(notice) => Some(chunk(&[notice])),
            Next::End => None,
        }
    }
}

impl Viewer {
    /// Writes what is left over; `HasAll` when nothing is any more.
    fn write(&mut self, writable: &Arc<News>) -> Turn {
        if self.rest.is_empty() {
            return Turn::HasAll;
        }
        while !self.rest.is_empty() {
            match self.socket.try_write(&self.rest) {
                Ok(written) => self.rest.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let waker = Waker::from(writable.clone());
                    match self.socket.poll_write_ready(&mut Context::from_waker(&waker)) {
                        Poll::Pending => return Turn::Blocked,
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(_)) => return Turn::Gone,
                    }
                }
                Err(_) => return Turn::Gone,
            }
        }
        self.rest = Bytes::new(); // an empty slice would keep the whole chunk in memory
        Turn::HasAll
    }

    /// Whether the viewer has closed its end. What it sends otherwise means nothing.
    fn has_left(&self, readable: &Arc<News>) -> bool {
        let waker = Waker::from(readable.clone());
        let mut ignored = [0; 256];
        while self.socket.poll_read_ready(&mut Context::from_waker(&waker)).is_ready() {
            match self.socket.try_read(&mut ignored) {
                Ok(0) => return true,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return true,
                Ok(_) | Err(_) => {}
            }
        }
        false
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.len.store(0, Relaxed);
    }
}
