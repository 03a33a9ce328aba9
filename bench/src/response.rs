//! One HTTP/1.1 answer to a viewer, from the socket's bytes to events, whatever their borders.

use memchr::memmem;

use crate::chunks::Chunks;
use crate::scanner::{Event, Scanner};

/// A head longer than this is no head.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// Why an answer is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another status than 200: a browser's EventSource gives up at it.
    Status(u16),
    /// 200, but not `text/event-stream`.
    ContentType,
    /// Not HTTP, or broken framing.
    Protocol,
}

/// How far the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    Ended,
}

#[derive(Debug)]
enum Body {
    Chunked(Chunks),
    /// Up to the end of the connection, or for so many bytes more.
    Plain {
        left: usize,
    },
}

/// The answer so far.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// Gathered until the blank line.
    head: Vec<u8>,
    body: Option<Body>,
}

impl Response {
    /// Reads on; blocks go through `scanner` to `on`.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        scanner: &mut Scanner,
        on: &mut impl FnMut(Event),
    ) -> Result<Progress, Refusal> {
        if let Some(body) = &mut self.body {
            return body.feed(bytes, scanner, on);
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = memmem::find(&self.head, b"\r\n\r\n") else {
            let too_long = self.head.len() > HEAD_LEN_MAX;
            return if too_long { Err(Refusal::Protocol) } else { Ok(Progress::More) };
        };
        let head = std::mem::take(&mut self.head);
        self.body.insert(read_head(&head[..end + 2])?).feed(&head[end + 4..], scanner, on)
    }
}

impl Body {
    fn feed(
        &mut self,
        bytes: &[u8],
        scanner: &mut Scanner,
        on: &mut impl FnMut(Event),
    ) -> Result<Progress, Refusal> {
        let ended = match self {
            Self::Chunked(chunks) => {
                let fed = chunks.feed(bytes, |payload| scanner.feed(payload, on));
                fed.map_err(|_| Refusal::Protocol)?;
                chunks.is_done()
            }
            Self::Plain { left } => {
                let payload = &bytes[..bytes.len().min(*left)];
                scanner.feed(payload, on);
                *left -= payload.len();
                *left == 0
            }
        };
        Ok(if ended { Progress::Ended } else { Progress::More })
    }
}

/// Reads the lines of a head, each with its line end.
fn read_head(head: &[u8]) -> Result<Body, Refusal> {
    let mut lines = std::str::from_utf8(head).map_err(|_| Refusal::Protocol)?.lines();
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|line| line.get(2..5))
        .and_then(|status| status.parse().ok())
        .ok_or(Refusal::Protocol)?;
    if status != 200 {
        return Err(Refusal::Status(status));
    }
    let mut body = Body::Plain { left: usize::MAX };
    let mut is_stream = false;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-type" => is_stream = value.starts_with("text/event-stream"),
            "content-length" => {
                body = Body::Plain { left: value.parse().map_err(|_| Refusal::Protocol)? };
            }
            "transfer-encoding" => body = Body::Chunked(Chunks::default()),
            _ => {}
        }
    }
    if is_stream { Ok(body) } else { Err(Refusal::ContentType) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMENT: &str =
        "event: comment\nid: 1\ndata: {\"id\":\"01938f2a-7c1e-7a00-8000-00000000000a\"}\n\n";
    const ID: u128 = 0x0193_8f2a_7c1e_7a00_8000_0000_0000_000a;

    fn chunked() -> Vec<u8> {
        let len = COMMENT.len();
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
             {len:x}\r\n{COMMENT}\r\n{len:x}\r\n{COMMENT}\r\n0\r\n\r\n"
        )
        .into_bytes()
    }

    fn read(pieces: &[&[u8]]) -> (Result<Progress, Refusal>, Vec<Event>) {
        let (mut response, mut scanner) = (Response::default(), Scanner::new());
        let mut events = Vec::new();
        let mut last = Ok(Progress::More);
        for piece in pieces {
            last = response.feed(piece, &mut scanner, &mut |event| events.push(event));
        }
        (last, events)
    }

    #[test]
    fn reads_chunked_close_delimited_and_sized_bodies() {
        let two = vec![Event::Comment(ID); 2];
        assert_eq!(read(&[&chunked()]), (Ok(Progress::Ended), two.clone()));
        let head = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";
        let open = format!("{head}\r\n{COMMENT}{COMMENT}");
        assert_eq!(read(&[open.as_bytes()]), (Ok(Progress::More), two.clone()));
        let sized = format!(
            "{head}Content-Length: {}\r\n\r\n{COMMENT}{COMMENT}HTTP/1.1",
            2 * COMMENT.len()
        );
        assert_eq!(read(&[sized.as_bytes()]), (Ok(Progress::Ended), two));
    }

    #[test]
    fn tells_refusals_apart() {
        let refusal = |head: &str| read(&[head.as_bytes()]).0;
        assert_eq!(refusal("HTTP/1.1 503 Busy\r\n\r\n"), Err(Refusal::Status(503)));
        assert_eq!(refusal("HTTP/1.1 204 No\r\n\r\n"), Err(Refusal::Status(204)));
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
        assert_eq!(refusal(page), Err(Refusal::ContentType));
        assert_eq!(refusal("SSH-2.0\r\n\r\n"), Err(Refusal::Protocol));
        assert_eq!(refusal(&"x".repeat(HEAD_LEN_MAX + 1)), Err(Refusal::Protocol));
    }

    proptest! {
        #[test]
        fn borders_do_not_matter(a in 0usize..300, b in 0usize..300) {
            let whole = chunked();
            let (low, high) = (a.min(b).min(whole.len()), a.max(b).min(whole.len()));
            let parts = [&whole[..low], &whole[low..high], &whole[high..]];
            prop_assert_eq!(read(&parts).1, read(&[&whole]).1);
        }
    }
}
