//! A viewer: a socket, and how many comments it has had.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result};
use memchr::memmem;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::dialect::Ask;
use super::marker::{Carry, ROOM};
use super::stand::Note;
use crate::clock::Clock;

/// What a read may bring at once. One that brings less has emptied the socket.
const READ_LEN: usize = 256 * 1024;
const OK: &[u8] = b"HTTP/1.1 200";
const HEAD_END: &[u8] = b"\r\n\r\n";
/// A head and greeting are longer than this only by mistake.
const GREETING_MAX: usize = 64 * 1024;

/// Whoever watches.
#[derive(Debug)]
pub(super) struct Seat {
    socket: TcpStream,
    pub(super) video: usize,
    pub(super) state: State,
    /// Reads nothing once its stream is open.
    is_stuck: bool,
    /// Comments that it has had.
    pub(super) place: u32,
    carry: Carry,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not asked yet.
    Coming,
    /// Head and greeting as far as they have come.
    Asked(Vec<u8>),
    Watching,
    /// Refused, or cut.
    Gone,
}

/// Where reads go.
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(vec![0; ROOM + READ_LEN])
    }
}

impl Seat {
    /// Begins to connect.
    pub(super) fn new(
        server: SocketAddr,
        source: Option<IpAddr>,
        video: usize,
        is_stuck: bool,
        (registry, token): (&Registry, Token),
    ) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        if let Some(source) = source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => {
                return Err(error).with_context(|| format!("connecting to {server}"));
            }
            _ => {}
        }
        let mut socket = TcpStream::from_std(socket.into());
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let (state, carry) = (State::Coming, Carry::default());
        Ok(Self { socket, video, state, is_stuck, place: 0, carry })
    }

    /// The socket has something, or room: asks, or reads until nothing is there.
    pub(super) fn act(
        &mut self,
        ask: &Ask,
        Buffer(buffer): &mut Buffer,
        notes: &mut impl Note,
        clock: Clock,
    ) {
        if self.state == State::Coming && !self.ask(&ask.request) {
            return;
        }
        while !self.is_stuck || self.state != State::Watching {
            match self.socket.read(&mut buffer[ROOM..]) {
                Ok(0) => self.state = State::Gone,
                Ok(len) => {
                    self.take(ask.greeting, (&mut *buffer, ROOM + len), notes, clock);
                    if len == READ_LEN {
                        continue;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.state = State::Gone,
            }
            break;
        }
    }

    /// Whether there is nothing more to wait for before comments are posted.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Watching | State::Gone)
    }

    /// Whether it should have every comment of its video.
    pub(super) fn counts(&self) -> bool {
        !self.is_stuck && self.state == State::Watching
    }

    /// False when the connection isn't there yet.
    fn ask(&mut self, request: &str) -> bool {
        match self.socket.write(request.as_bytes()) {
            Ok(len) if len == request.len() => {
                self.state = State::Asked(Vec::new());
                true
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) =>
            {
                false
            }
            // A few hundred bytes always fit into a new socket.
            Ok(_) | Err(_) => {
                self.state = State::Gone;
                false
            }
        }
    }

    fn take(
        &mut self,
        greeting: &str,
        (buffer, end): (&mut [u8], usize),
        notes: &mut impl Note,
        clock: Clock,
    ) {
        if let State::Asked(head) = &mut self.state {
            head.extend_from_slice(&buffer[ROOM..end]);
            match is_greeted(head, greeting) {
                Some(true) => self.state = State::Watching,
                Some(false) => self.state = State::Gone,
                None => {}
            }
            return; // nothing is posted before all are there
        }
        let (now_us, Self { video, place, carry, .. }) = (clock.micros(), self);
        carry.scan(buffer, end, |number| notes.note(*video, place, number, now_us));
    }
}

/// Whether a stream has begun with these bytes; none where they don't tell yet.
fn is_greeted(head: &[u8], greeting: &str) -> Option<bool> {
    let Some(end) = memmem::find(head, HEAD_END) else {
        return (head.len() > GREETING_MAX).then_some(false);
    };
    if !head.starts_with(OK) || head.len() > GREETING_MAX {
        return Some(false);
    }
    memmem::find(&head[end..], greeting.as_bytes()).map(|_| true)
}

/// `EINPROGRESS`, for which std has no stable name.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_open_once_it_has_its_greeting() {
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        let put_off = format!("{head}retry: 7\n\n");
        for (head, greeting, expected) in [
            (head, "", Some(true)),
            (&head[..18], "", None),
            ("HTTP/1.1 503 No\r\n\r\n", "", Some(false)),
            (&put_off, "event: resume\n", None),
            (&format!("{put_off}event: resume\n"), "event: resume\n", Some(true)),
            (&format!("{put_off}{}", ".".repeat(GREETING_MAX)), "event: resume\n", Some(false)),
        ] {
            assert_eq!(is_greeted(head.as_bytes(), greeting), expected, "{head:.60}");
        }
    }
}
