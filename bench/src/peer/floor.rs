//! The least that a server can do: one thread, no framework. A video is a log of bytes, a viewer a
//! socket and its position in that log; 64 viewers at a time are sent all that they have not had,
//! and between them whoever posts or comes is heard.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use connection::{Asked, Connection, Watch};
use video::Video;

mod connection;
mod video;

const LISTENER: Token = Token(usize::MAX);
const BACKLOG: i32 = 4_096;
const EVENTS_MAX: usize = 256;
/// Viewers that are sent to between two looks at who else wants something.
const STEP: usize = 64;
/// As chorus has it.
const SEND_BUFFER: usize = 64 * 1024;

const CREATED: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n";

struct Floor {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    names: HashMap<String, usize>,
    videos: Vec<Video>,
    /// Videos whose viewers may have something to be sent, in turn.
    busy: VecDeque<usize>,
}

pub(super) fn run(listen: SocketAddr) -> Result<()> {
    let mut floor = Floor::new(listen)?;
    super::say(floor.listener.local_addr()?);
    let mut events = Events::with_capacity(EVENTS_MAX);
    loop {
        let wait = (!floor.busy.is_empty()).then_some(Duration::ZERO);
        match floor.poll.poll(&mut events, wait) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LISTENER => floor.accept()?,
                Token(at) => floor.hear(at, event.is_readable(), event.is_writable()),
            }
        }
        floor.step();
    }
}

impl Floor {
    fn new(listen: SocketAddr) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(listen), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&listen.into())?;
        socket.listen(BACKLOG)?;
        let (poll, mut listener) = (Poll::new()?, TcpListener::from_std(socket.into()));
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (connections, free, names) = (Vec::new(), Vec::new(), HashMap::new());
        let (videos, busy) = (Vec::new(), VecDeque::new());
        Ok(Self { poll, listener, connections, free, names, videos, busy })
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => self.admit(socket)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn admit(&mut self, mut socket: TcpStream) -> Result<()> {
        let at = self.free.pop().unwrap_or(self.connections.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(at), interest)?;
        if at == self.connections.len() {
            self.connections.push(None);
        }
        self.connections[at] = Some(Connection::new(socket));
        Ok(())
    }

    /// A connection has something, or room.
    fn hear(&mut self, at: usize, is_readable: bool, is_writable: bool) {
        let Some(connection) = &mut self.connections[at] else { return };
        if let Some(watch) =
            connection.watches.as_mut().filter(|watch| is_writable && watch.is_blocked)
        {
            watch.is_blocked = false;
            self.send(at);
        }
        if is_readable && self.answer(at).is_none() {
            self.leave(at);
        }
    }

    /// Answers what a connection has asked by now; `None` when it has ended.
    fn answer(&mut self, at: usize) -> Option<()> {
        if !self.connections[at].as_mut()?.read() {
            return None;
        }
        loop {
            let connection = self.connections[at].as_mut()?;
            match connection.asks() {
                Asked::Nothing => return Some(()),
                Asked::End => return None,
                Asked::Post(name, comment) => {
                    connection.send(CREATED).ok()?;
                    let video = self.video(&name);
                    self.videos[video].append(&comment);
                    if !self.busy.contains(&video) {
                        self.busy.push_back(video);
                    }
                }
                Asked::Stream(name) => {
                    connection.send(STREAM).ok()?;
                    let video = self.video(&name);
                    self.watch(at, video);
                }
            }
        }
    }

    fn video(&mut self, name: &str) -> usize {
        let next = self.videos.len();
        let video = *self.names.entry(name.to_owned()).or_insert(next);
        if video == next {
            self.videos.push(Video::default());
        }
        video
    }

    fn watch(&mut self, at: usize, video: usize) {
        let position = self.videos[video].end();
        if let Some(connection) = &mut self.connections[at] {
            connection.watches = Some(Watch { video, position, is_blocked: false });
            self.videos[video].viewers.push(at);
        }
    }

    fn leave(&mut self, at: usize) {
        let Some(connection) = self.connections[at].take() else { return };
        if let Some(Watch { video, .. }) = connection.watches {
            self.videos[video].viewers.retain(|viewer| *viewer != at);
        }
        self.free.push(at);
    }

    /// Sends to some viewers of one video.
    fn step(&mut self) {
        let Some(video) = self.busy.pop_front() else { return };
        let turns = self.videos[video].turns(STEP);
        if !turns.is_empty() {
            self.busy.push_back(video);
        }
        for turn in turns.rev() {
            self.send(self.videos[video].viewers[turn]);
        }
    }

    /// Sends a viewer what follows its position, as far as its socket takes it.
    fn send(&mut self, at: usize) {
        let Some(connection) = &mut self.connections[at] else { return };
        let Some(Watch { video, position, is_blocked: false }) = connection.watches else { return };
        let sent = match self.videos[video].after(position) {
            Some(b"") => return,
            Some(bytes) => connection.send(bytes).map(|len| (len, len < bytes.len())),
            None => Err(ErrorKind::NotFound.into()),
        };
        match sent {
            Ok((len, is_blocked)) => {
                let position = position + len as u64;
                connection.watches = Some(Watch { video, position, is_blocked });
            }
            Err(_) => self.leave(at),
        }
    }
}
