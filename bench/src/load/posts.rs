//! Who posts: connections that are used again, each with one comment under way.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, Result};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// An answer is longer than this only by mistake.
const ANSWER_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 32;

/// All connections.
pub(super) struct Posts {
    lines: Vec<Line>,
    idle: Vec<usize>,
    /// What is due and has no connection yet.
    waiting: VecDeque<u32>,
    /// By number: whether it was taken. Missing: not answered.
    pub(super) answers: Vec<Option<bool>>,
    answered: usize,
}

/// One connection.
struct Line {
    socket: TcpStream,
    out: Vec<u8>,
    answer: Vec<u8>,
    number: Option<u32>,
}

impl Posts {
    /// Connects; `first` is the first connection's token.
    pub(super) fn new(
        server: SocketAddr,
        lines: usize,
        posts: u32,
        (registry, first): (&Registry, usize),
    ) -> Result<Self> {
        let line = |at| -> Result<Line> {
            let socket = std::net::TcpStream::connect(server).context("connecting to post")?;
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let mut socket = TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut socket, Token(first + at), interest)?;
            Ok(Line { socket, out: Vec::new(), answer: Vec::new(), number: None })
        };
        Ok(Self {
            lines: (0..lines).map(line).collect::<Result<_>>()?,
            idle: (0..lines).collect(),
            waiting: VecDeque::new(),
            answers: vec![None; posts as usize],
            answered: 0,
        })
    }

    pub(super) fn are_answered(&self) -> bool {
        self.answered == self.answers.len()
    }

    /// Comment `number` is due.
    pub(super) fn due(&mut self, number: u32) {
        self.waiting.push_back(number);
    }

    /// Sends what waits, as far as there are connections. `request` makes a comment's bytes.
    pub(super) fn send(&mut self, mut request: impl FnMut(u32) -> String) {
        while let Some(at) = self.idle.pop() {
            let Some(number) = self.waiting.pop_front() else {
                self.idle.push(at);
                return;
            };
            let line = &mut self.lines[at];
            line.out = request(number).into_bytes();
            line.number = Some(number);
            self.act(at);
        }
    }

    /// Connection `at` has something, or room.
    pub(super) fn act(&mut self, at: usize) {
        let line = &mut self.lines[at];
        let answer = line.flush().and_then(|()| line.read());
        let taken = match answer {
            Ok(None) => return,
            Ok(Some(status)) => Some((200..300).contains(&status)),
            Err(_) => None,
        };
        if let Some(number) = line.number.take() {
            self.answers[number as usize] = taken;
            self.answered += 1;
        }
        // One that broke isn't used again.
        if taken.is_some() {
            self.idle.push(at);
        }
    }
}

impl Line {
    fn flush(&mut self) -> std::io::Result<()> {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(len) => _ = self.out.drain(..len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The status of a whole answer, if there is one now.
    fn read(&mut self) -> std::io::Result<Option<u16>> {
        let mut bytes = [0; 4096];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.answer.extend_from_slice(&bytes[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let Some((status, len)) = whole(&self.answer)? else { return Ok(None) };
        self.answer.drain(..len);
        Ok(Some(status))
    }
}

/// An answer's status and length, once all of it is there.
fn whole(answer: &[u8]) -> std::io::Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let bad = |_| ErrorKind::InvalidData;
    let httparse::Status::Complete(head_len) = head.parse(answer).map_err(bad)? else {
        return Ok(None);
    };
    let value =
        |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let len =
        value("content-length").and_then(|header| str::from_utf8(header.value).ok()?.parse().ok());
    let len = head_len + len.unwrap_or(0_usize).min(ANSWER_MAX);
    Ok(head.code.filter(|_| answer.len() >= len).map(|status| (status, len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(whole(text).unwrap(), Some((201, text.len())));
        for end in 0..text.len() {
            assert_eq!(whole(&text[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(whole(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some((204, 27)));
        assert!(whole(b"SSH-2.0\r\n\r\n").is_err());
    }
}
