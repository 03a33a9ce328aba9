//! HTTP/1.1's chunked coding, for sockets that are written without hyper.

use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};

/// The chunk that ends a body.
const LAST: &[u8] = b"0\r\n\r\n";
/// A chunk's size in hexadecimal and both line ends.
const OVERHEAD: usize = 20;

/// All parts as one chunk; nothing when they are empty, for an empty chunk would be the last.
pub(crate) fn chunk(parts: &[Bytes]) -> Bytes {
    let len = parts.iter().map(Bytes::len).sum::<usize>();
    if len == 0 {
        return Bytes::new();
    }
    let mut out = BytesMut::with_capacity(len + OVERHEAD);
    // Growing memory is all that could fail.
    let _ = write!(out, "{len:x}\r\n");
    parts.iter().for_each(|part| out.put_slice(part));
    out.put_slice(b"\r\n");
    out.freeze()
}

/// The body's last words.
pub(crate) fn last_chunk(words: Bytes) -> Bytes {
    [&chunk(&[words]), LAST].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_chunks() {
        let parts = [Bytes::from_static(b"hello, "), Bytes::from_static(b"world, hello")];
        assert_eq!(chunk(&parts), &b"13\r\nhello, world, hello\r\n"[..]);
        assert_eq!(chunk(&[Bytes::new()]), &b""[..], "nothing would be the end");
        assert_eq!(last_chunk(Bytes::from_static(b"bye")), &b"3\r\nbye\r\n0\r\n\r\n"[..]);
    }
}
