//! HTTP/1.1 chunked framing, taken off as the bytes come in, whatever their borders.

/// The peer broke the framing; what follows can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadChunk;

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// In the hex digits of a chunk's size.
    #[default]
    Size,
    /// Behind the size, up to the line's end.
    Extension,
    Data,
    /// The line end that closes a chunk.
    DataEnd,
    /// After the last chunk; `blank` while the current line is empty.
    Trailer {
        blank: bool,
    },
    Done,
}

/// The decoder of one response body.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    left: usize,
}

impl Chunks {
    /// Gives the payload in `bytes` to `out`, in as few pieces as the framing allows.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), BadChunk> {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.state == State::Data {
                let (payload, after) = bytes.split_at(self.left.min(bytes.len()));
                out(payload);
                self.left -= payload.len();
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
                bytes = after;
            } else {
                self.framing(first)?;
                bytes = rest;
            }
        }
        Ok(())
    }

    /// True once the last chunk and its trailer were read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn framing(&mut self, byte: u8) -> Result<(), BadChunk> {
        match (&mut self.state, byte) {
            (State::Size | State::Extension, b'\n') => {
                self.state =
                    if self.left == 0 { State::Trailer { blank: true } } else { State::Data };
            }
            (State::Size, b'\r' | b';' | b' ') => self.state = State::Extension,
            (State::Size, digit) => {
                let digit = char::from(digit).to_digit(16).ok_or(BadChunk)?;
                self.left = self
                    .left
                    .checked_mul(16)
                    .and_then(|left| left.checked_add(digit as usize))
                    .ok_or(BadChunk)?;
            }
            (State::DataEnd, b'\n') => self.state = State::Size,
            (State::DataEnd, b'\r') | (State::Extension | State::Done | State::Data, _) => {}
            (State::DataEnd, _) => return Err(BadChunk),
            (State::Trailer { blank: true }, b'\n') => self.state = State::Done,
            (State::Trailer { .. }, b'\r') => {}
            (State::Trailer { blank }, byte) => *blank = byte == b'\n',
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), BadChunk> {
        let mut chunks = Chunks::default();
        let mut payload = Vec::new();
        for piece in pieces {
            chunks.feed(piece, |bytes| payload.extend_from_slice(bytes))?;
        }
        Ok((payload, chunks.is_done()))
    }

    #[test]
    fn reads_sizes_extensions_and_trailers() {
        let body = b"5\r\nhello\r\nA;x=y\r\n, world 12\r\n0\r\nX-T: 1\r\n\r\nnext response";
        assert_eq!(decode(&[body]), Ok((b"hello, world 12".to_vec(), true)));
        assert_eq!(decode(&[b"3\r\nab"]), Ok((b"ab".to_vec(), false)));
    }

    #[test]
    fn refuses_broken_framing() {
        assert_eq!(decode(&[b"zz\r\n"]), Err(BadChunk));
        assert_eq!(decode(&[b"1\r\nab"]), Err(BadChunk));
        assert_eq!(decode(&[b"fffffffffffffffff\r\n"]), Err(BadChunk));
    }

    proptest! {
        #[test]
        fn borders_do_not_matter(cut_a in 0usize..64, cut_b in 0usize..64) {
            let body = b"5\r\nhello\r\na;x\r\n, world 12\r\n0\r\nX-T: 1\r\n\r\n";
            let (low, high) = (cut_a.min(cut_b).min(body.len()), cut_a.max(cut_b).min(body.len()));
            let pieces = [&body[..low], &body[low..high], &body[high..]];
            prop_assert_eq!(decode(&pieces), decode(&[body]));
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = decode(&[&bytes]);
        }
    }
}
