//! A viewer as a socket, and how it makes itself heard.

use std::{
    io::ErrorKind,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use bytes::{Buf, Bytes};
use tokio::{net::TcpStream, sync::Notify, time::Instant};

use super::Seat;
use crate::{chunked::last_chunk, ending::Who, house::Ticket, reading::Reader};

/// A viewer whose socket was taken over and who has reached the byte log.
pub(super) struct Member {
    socket: TcpStream,
    pub(super) reader: Reader,
    /// What the socket has not taken yet of what is before the reader's place.
    rest: Bytes,
    /// The offset of the log where the last read began.
    rest_from: u64,
    /// What is left over is the body's end.
    is_ending: bool,
    ticket: Ticket,
    /// Whoever has shown who they are. (Boxed, for most have not.)
    who: Option<Box<Who>>,
    /// Counted as long as it is here.
    _seat: Seat,
}

impl Member {
    pub(super) fn new(
        socket: TcpStream,
        reader: Reader,
        seat: Seat,
        ticket: Ticket,
        who: Option<Who>,
    ) -> Self {
        let (rest, rest_from) = (Bytes::new(), reader.place.offset);
        let who = who.map(Box::new);
        Self { socket, reader, rest, rest_from, is_ending: false, ticket, who, _seat: seat }
    }

    /// Who it is, if that is known.
    pub(super) fn who(&self) -> Option<&Who> {
        self.who.as_deref()
    }

    /// Has this written next; the log was read from an offset on, up to the reader's place.
    pub(super) fn give(&mut self, chunk: Bytes, from: u64) {
        (self.rest, self.rest_from) = (chunk, from);
    }

    /// Has the body's end written next: after it the viewer goes.
    pub(super) fn give_last(&mut self, words: Bytes) {
        self.give(last_chunk(words), self.reader.place.offset);
        self.is_ending = true;
    }

    /// The offsets of the log among which is what the socket has not taken yet.
    pub(super) fn unsent(&self) -> Range<u64> {
        self.rest_from..self.reader.place.offset
    }

    /// Whether the stream has reached its age.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.ticket.is_over(now)
    }

    /// The body's last chunk, as far as the socket takes it.
    pub(super) fn end(&self, words: Bytes) {
        let _ = self.socket.try_write(&last_chunk(words));
    }

    /// Writes what is left over; `HasAll` when nothing is any more, and `Gone` when that was the end.
    pub(super) fn write(&mut self, writable: &Arc<News>) -> Turn {
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
        if self.is_ending { Turn::Gone } else { Turn::HasAll }
    }

    /// Whether the viewer has closed its end. What it sends otherwise means nothing.
    pub(super) fn has_left(&self, readable: &Arc<News>) -> bool {
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

/// What came of a viewer's turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    HasAll,
    Blocked,
    Gone,
}

/// One waker for all sockets of a shard.
#[derive(Default)]
pub(super) struct News(Notify);

impl News {
    pub(super) async fn heard(&self) {
        self.0.notified().await;
    }
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}
