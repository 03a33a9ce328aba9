//! A connection: what it asks for, and what it watches.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

const HEADERS_MAX: usize = 32;
const READ_LEN: usize = 4_096;

pub(super) struct Connection {
    socket: TcpStream,
    input: Vec<u8>,
    pub(super) watches: Option<Watch>,
}

/// A viewer's place.
pub(super) struct Watch {
    pub(super) video: usize,
    pub(super) position: u64,
    /// The socket has no room; an event tells when it has.
    pub(super) is_blocked: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing whole yet.
    Nothing,
    Stream(String),
    Post(String, Vec<u8>),
    /// The connection ended, or makes no sense.
    End,
}

impl Connection {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, input: Vec::new(), watches: None }
    }

    /// Reads what there is; false at the end.
    pub(super) fn read(&mut self) -> bool {
        let mut bytes = [0; READ_LEN];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => return false,
                Ok(len) => {
                    self.input.extend_from_slice(&bytes[..len]);
                    if len < READ_LEN {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
    }

    /// The next request of what was read.
    pub(super) fn asks(&mut self) -> Asked {
        let (asked, len) = parse(&self.input);
        if len == self.input.len() {
            self.input = Vec::new(); // who watches needs none any more
        } else {
            self.input.drain(..len);
        }
        asked
    }

    /// How much of it the socket took.
    pub(super) fn send(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.socket.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}

/// A request and its length.
fn parse(input: &[u8]) -> (Asked, usize) {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let head_len = match head.parse(input) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return (Asked::Nothing, 0),
        Err(_) => return (Asked::End, input.len()),
    };
    let len = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let len = len.and_then(|header| str::from_utf8(header.value).ok()?.parse().ok());
    let Some(body) = input[head_len..].get(..len.unwrap_or(0)) else { return (Asked::Nothing, 0) };
    let path = head.path.unwrap_or_default();
    let asked = match (head.method, path.get(..5), path.get(5..)) {
        (Some("GET"), Some("/sub/"), Some(name)) => Asked::Stream(name.to_owned()),
        (Some("POST"), Some("/pub/"), Some(name)) => Asked::Post(name.to_owned(), body.to_vec()),
        _ => Asked::End,
    };
    (asked, head_len + body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let stream = b"GET /sub/v1 HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(parse(stream), (Asked::Stream("v1".into()), stream.len()));
        let post = b"POST /pub/v2 HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi";
        let both = [&post[..], stream].concat();
        assert_eq!(parse(&both), (Asked::Post("v2".into(), b"hi".to_vec()), post.len()));
        for end in 0..post.len() {
            assert_eq!(parse(&post[..end]), (Asked::Nothing, 0), "{end}");
        }
        for bad in ["GET / HTTP/1.1\r\n\r\n", "PUT /pub/v HTTP/1.1\r\n\r\n", "\x16\x03\x01\r\n"] {
            assert_eq!(parse(bad.as_bytes()).0, Asked::End, "{bad}");
        }
    }
}
