//! Frames that lose their content and keep their length, so that every place stays what it is.

use std::ops::Range;

use bytes::BytesMut;
use common::event::EventId;

use super::{ByteLog, Segment};

/// What a comment's frame has before its content, which ends with the line.
const HEAD: &[u8] = b"event: comment\ndata: ";

impl ByteLog {
    /// Makes a comment line of a comment's content. Its `id:` stays, so that the frame moves the
    /// position and shows nothing. Tells the offsets that it is between; `None` when there was no such
    /// content.
    pub(crate) fn erase(&mut self, id: &EventId) -> Option<Range<u64>> {
        let end = *self.ids.get(id)?;
        let at = self.items.partition_point(|item| item.end.offset < end);
        let before = at.checked_sub(1).and_then(|before| self.items.get(before));
        let from = before.map_or(self.start.offset, |item| item.end.offset);
        let nth = self.segments.partition_point(|segment| segment.end.offset < end);
        let is_blank = match self.segments.get_mut(nth) {
            Some(segment) => segment.blank(from, end),
            None => {
                let begin = self.end.offset - self.tail.len() as u64;
                blank(&mut self.tail, within(from, begin)..within(end, begin))
            }
        };
        is_blank.then_some(from..end)
    }
}

impl Segment {
    /// Whoever holds the bytes that were read of it keeps what they were.
    fn blank(&mut self, from: u64, to: u64) -> bool {
        let begin = self.end.offset - self.bytes.len() as u64;
        let mut bytes = BytesMut::from(&self.bytes[..]);
        let is_blank = blank(&mut bytes, within(from, begin)..within(to, begin));
        if is_blank {
            self.bytes = bytes.freeze();
        }
        is_blank
    }
}

/// An offset of the log as one of bytes that begin there.
fn within(offset: u64, begin: u64) -> usize {
    usize::try_from(offset.saturating_sub(begin)).unwrap_or(usize::MAX)
}

/// Blanks the one content that is in a part of `bytes`; `false` when there is none.
fn blank(bytes: &mut [u8], part: Range<usize>) -> bool {
    let Some(frame) = bytes.get_mut(part) else { return false };
    let Some(head) = frame.windows(HEAD.len()).position(|bytes| bytes == HEAD) else {
        return false;
    };
    // Data is one line: nothing in it can pass for the end of it.
    let lines = &mut frame[head..];
    let data = lines[HEAD.len()..].iter().position(|byte| *byte == b'\n');
    let end = data.map_or(lines.len(), |data| HEAD.len() + data);
    lines[..end].fill(b' ');
    lines[0] = b':';
    true
}
