//! The bytes between processes, and of entries inside the live log: protocol buffers inside an
//! envelope that tells version, kind and checksum.
//!
//! Envelope, 12 bytes before the body: `ch`, version (1), message tag (1), body length (4, little
//! endian), CRC-32 of the body (4). Fields are only ever added, and unknown ones are skipped, so
//! neighbouring releases understand each other; the version changes only when that can't hold.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

mod convert;
mod message;

pub use message::{
    DeliverRequest, DispatchRequest, DispatchResponse, EraseRequest, EraseResponse, LoggedEvent,
};

/// Version written today, and the only one read.
pub const VERSION: u8 = 1;
/// Largest envelope taken, in bytes.
pub const ENVELOPE_LEN_MAX: usize = 16 * 1024 * 1024;

const MAGIC: [u8; 2] = *b"ch";
const HEAD_LEN: usize = 12;

/// Bytes that aren't a message of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Too short, or it doesn't begin as an envelope does.
    #[error("not an envelope of ours")]
    NotOurs,
    /// Written by a release with another wire version.
    #[error("wire version {0}, this release speaks {VERSION}")]
    Version(u8),
    /// Another message than was expected here.
    #[error("message {got}, expected {expected}")]
    Tag {
        /// What came.
        got: u8,
        /// What this place takes.
        expected: u8,
    },
    /// The length or the checksum is not that of the body.
    #[error("damaged: length or checksum is wrong")]
    Damaged,
    /// A field that must be there is missing or invalid.
    #[error("invalid {0}")]
    Invalid(&'static str),
}

/// A message with its tag in the envelope.
pub trait Tagged: Message + Default {
    /// Distinct for every message.
    const TAG: u8;
}

/// Wraps a message into its envelope.
#[must_use]
pub fn encode<M: Tagged>(message: &M) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD_LEN + message.encoded_len());
    out.put_bytes(0, HEAD_LEN);
    // BytesMut grows as needed, which is the only thing that encoding can fail for.
    let _ = message.encode(&mut out);
    let body_len = u32::try_from(out.len() - HEAD_LEN).unwrap_or(u32::MAX);
    let crc = crc32fast::hash(&out[HEAD_LEN..]);
    let mut head = &mut out[..HEAD_LEN];
    head.put_slice(&MAGIC);
    head.put_u8(VERSION);
    head.put_u8(M::TAG);
    head.put_u32_le(body_len);
    head.put_u32_le(crc);
    out.freeze()
}

/// Reads a message out of its envelope; byte fields share `bytes`, nothing is copied.
///
/// # Errors
/// Whatever the bytes are, one of [`WireError`] says what is wrong with them.
pub fn decode<M: Tagged>(bytes: Bytes) -> Result<M, WireError> {
    let head = bytes.get(..HEAD_LEN).ok_or(WireError::NotOurs)?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if head[..2] != MAGIC {
        return Err(WireError::NotOurs);
    }
    if head[2] != VERSION {
        return Err(WireError::Version(head[2]));
    }
    if head[3] != M::TAG {
        return Err(WireError::Tag { got: head[3], expected: M::TAG });
    }
    let (body_len, crc) = (word(4), word(8));
    let body = bytes.slice(HEAD_LEN..);
    let whole = u32::try_from(body.len()) == Ok(body_len) && crc32fast::hash(&body) == crc;
    if !whole {
        return Err(WireError::Damaged);
    }
    M::decode(body).map_err(|_| WireError::Invalid("body"))
}

#[cfg(test)]
mod tests;
