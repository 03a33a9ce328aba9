//! Server-Sent Events off a byte stream without a string, a copy or a parser per event: a comment
//! costs a few `memchr` and the reading of its 32 hex digits.
//!
//! Line ends are LF or CRLF (a bare CR, which the standard allows too, is not one here).

use memchr::memchr;
use serde::Deserialize;

use crate::comment_id;

/// What browsers wait before coming back when the server never said `retry:`.
const RETRY_MS_DEFAULT: u64 = 3_000;

/// What a viewer must know of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Comment(u128),
    /// The first block of every answer.
    Resume(Status),
    /// The server says that it left out this many events.
    Skipped(u64),
    /// Final: a viewer does not come back.
    End,
    /// A comment without a readable id, or a `resume` or `skipped` that isn't the contract's.
    Unreadable,
    Other,
}

/// What a `resume` says of the position that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// None was.
    New,
    /// All that came since follows.
    Continued,
    /// That can't be given.
    Reset,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Message,
    Comment,
    Resume,
    Skipped,
    End,
    Other,
}

/// One viewer's position in its stream; it outlives connections, as an EventSource does.
#[derive(Debug)]
pub(crate) struct Scanner {
    /// An unfinished line.
    partial: Vec<u8>,
    kind: Kind,
    has_data: bool,
    /// The comment's id, found while its `data:` line went by.
    comment: Option<u128>,
    /// `data:` of all but comments.
    data: Vec<u8>,
    /// `id:` of the block under way: it counts only once the block has ended.
    next_id: Vec<u8>,
    has_next_id: bool,
    last_id: Vec<u8>,
    retry_ms: u64,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self {
            partial: Vec::new(),
            kind: Kind::default(),
            has_data: false,
            comment: None,
            data: Vec::new(),
            next_id: Vec::new(),
            has_next_id: false,
            last_id: Vec::new(),
            retry_ms: RETRY_MS_DEFAULT,
        }
    }

    /// What `Last-Event-ID` says when coming back; empty when there is none.
    pub(crate) fn last_id(&self) -> &[u8] {
        &self.last_id
    }

    /// How long to wait before coming back.
    pub(crate) fn retry_ms(&self) -> u64 {
        self.retry_ms
    }

    /// Forgets the block that the end of a connection cut.
    pub(crate) fn reconnect(&mut self) {
        self.partial.clear();
        self.begin_block();
    }

    /// Reads on; `on` gets every block that ends within `bytes`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], on: &mut impl FnMut(Event)) {
        while let Some(end) = memchr(b'\n', bytes) {
            if self.partial.is_empty() {
                self.line(&bytes[..end], on);
            } else {
                self.partial.extend_from_slice(&bytes[..end]);
                let mut line = std::mem::take(&mut self.partial);
                self.line(&line, on);
                line.clear();
                self.partial = line;
            }
            bytes = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(bytes);
    }

    fn line(&mut self, line: &[u8], on: &mut impl FnMut(Event)) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(colon) = memchr(b':', line) else {
            // Of the fields without a value only the blank line does anything we look at.
            if line.is_empty() {
                self.end_block(on);
            }
            return;
        };
        let (field, value) = (&line[..colon], &line[colon + 1..]);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => self.take_data(value),
            b"event" => self.kind = Kind::of(value),
            b"id" => {
                self.next_id.clear();
                self.next_id.extend_from_slice(value);
                self.has_next_id = true;
            }
            b"retry" => self.retry_ms = number(value).unwrap_or(self.retry_ms),
            _ => {}
        }
    }

    fn take_data(&mut self, value: &[u8]) {
        self.has_data = true;
        match self.kind {
            Kind::Comment => self.comment = comment_id::find(value),
            // `event:` may still follow, so the data is kept.
            _ => self.data.extend_from_slice(value),
        }
    }

    fn end_block(&mut self, on: &mut impl FnMut(Event)) {
        if self.has_next_id {
            std::mem::swap(&mut self.last_id, &mut self.next_id);
        }
        if self.has_data {
            on(self.event());
        }
        self.begin_block();
    }

    fn begin_block(&mut self) {
        self.kind = Kind::default();
        self.has_data = false;
        self.comment = None;
        self.data.clear();
        self.has_next_id = false;
    }

    fn event(&self) -> Event {
        match self.kind {
            Kind::Comment => self
                .comment
                .or_else(|| comment_id::find(&self.data))
                .map_or(Event::Unreadable, Event::Comment),
            Kind::Resume => match self.told().and_then(|told| told.status) {
                Some(status) => Event::Resume(status),
                None => Event::Unreadable,
            },
            Kind::Skipped => match self.told().and_then(|told| told.count) {
                Some(count) => Event::Skipped(count),
                None => Event::Unreadable,
            },
            Kind::End => Event::End,
            Kind::Message | Kind::Other => Event::Other,
        }
    }

    fn told(&self) -> Option<Told> {
        serde_json::from_slice(&self.data).ok()
    }
}

/// The fields of the rare events that matter here.
#[derive(Deserialize)]
struct Told {
    status: Option<Status>,
    count: Option<u64>,
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        match name {
            b"comment" => Self::Comment,
            b"resume" => Self::Resume,
            b"skipped" => Self::Skipped,
            b"end" => Self::End,
            b"" | b"message" => Self::Message,
            _ => Self::Other,
        }
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
