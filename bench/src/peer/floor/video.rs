//! A video: the bytes of its comments, who watches, and how far a pass over them has come.

/// Bytes that are kept for whoever is behind; beyond that a viewer loses its stream.
const KEPT: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Video {
    log: Vec<u8>,
    /// Bytes that came before the log's.
    dropped: u64,
    comments: u64,
    /// The connections of its viewers.
    pub(super) viewers: Vec<usize>,
    pass: Pass,
}

/// A round over all viewers.
#[derive(Default)]
struct Pass {
    /// Whose turn is next.
    next: usize,
    /// How long the log was when it began.
    end: u64,
}

impl Video {
    /// Appends a comment, as a chunk of its own.
    pub(super) fn append(&mut self, comment: &[u8]) {
        if self.log.len() > KEPT {
            self.log.drain(..KEPT / 2);
            self.dropped += KEPT as u64 / 2;
        }
        self.comments += 1;
        let id = format!("id: {}\ndata: ", self.comments);
        let len = format!("{:x}\r\n", id.len() + comment.len() + 2);
        for part in [len.as_bytes(), id.as_bytes(), comment, b"\n\n\r\n"] {
            self.log.extend_from_slice(part);
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.dropped + self.log.len() as u64
    }

    /// What follows `position`; `None` when it is gone.
    pub(super) fn after(&self, position: u64) -> Option<&[u8]> {
        self.log.get(usize::try_from(position.checked_sub(self.dropped)?).ok()?..)
    }

    /// The next viewers of this pass, or of a new one when the log has grown since it began; nobody
    /// when all have had their turn.
    pub(super) fn turns(&mut self, step: usize) -> std::ops::Range<usize> {
        if self.pass.next >= self.viewers.len() {
            if self.pass.end == self.end() {
                return 0..0;
            }
            self.pass.next = 0;
        }
        if self.pass.next == 0 {
            self.pass.end = self.end();
        }
        let from = self.pass.next;
        self.pass.next = self.viewers.len().min(from + step);
        from..self.pass.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_goes_once_round_and_again_when_the_log_has_grown() {
        let mut video = Video { viewers: vec![7, 8, 9], ..Video::default() };
        video.append(b"a");
        assert_eq!([video.turns(2), video.turns(2), video.turns(2)], [0..2, 2..3, 0..0]);
        video.append(b"b");
        assert_eq!(video.turns(2), 0..2);
        video.append(b"c");
        assert_eq!([video.turns(2), video.turns(2)], [2..3, 0..2], "c came while b was sent");
    }

    #[test]
    fn what_follows_a_position_is_whole_chunks() {
        let mut video = Video::default();
        video.append(b"a");
        let first = video.end();
        video.append(b"b");
        assert_eq!(video.after(first).unwrap(), b"f\r\nid: 2\ndata: b\n\n\r\n");
        assert_eq!(video.after(video.end()).unwrap(), b"");
        assert_eq!(video.after(video.end() + 1), None);
    }

    #[test]
    fn who_is_too_far_behind_has_nothing_to_go_on_with() {
        let mut video = Video::default();
        video.append(&vec![b'x'; KEPT]);
        video.append(b"y");
        assert_eq!(video.after(0), None);
        assert!(video.after(video.end() - 19).unwrap().ends_with(b"data: y\n\n\r\n"));
    }
}
