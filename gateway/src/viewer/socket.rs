//! A viewer through a socket of its own.

use std::{
    io::{self, ErrorKind},
    slice,
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{net::TcpStream, time::timeout};

use super::{
    Viewer,
    opening::{EndOfStream, Holds, OpeningPart},
};
use crate::{
    chunked::{chunk, last_chunk},
    frame,
};

/// How long a part of the opening may take to be written.
const OPENING_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
impl Viewer {
    /// Writes the opening to a socket that was taken over, after the response's head, then leaves
    /// the socket to the crowd.
    pub(crate) async fn move_in(mut self, socket: TcpStream, head: BytesMut) {
        let mut head = Some(head.freeze());
        loop {
            let part = self.opening().await;
            let (bytes, holds) = match &part {
                Ok(Some(OpeningPart { bytes, holds })) => (chunk(slice::from_ref(bytes)), holds),
                Ok(None) => break,
                Err(EndOfStream) => (last_chunk(frame::come_back().freeze()), &Holds::Nothing),
            };
            let bytes = match head.take() {
                Some(head) => [head, bytes].concat().into(),
                None => bytes,
            };
            let written = timeout(OPENING_WRITE_TIMEOUT, self.write(&socket, bytes, holds)).await;
            // Who takes nothing, has left, or may not be sent the rest comes back with its position.
            if part.is_err() || written != Ok(true) {
                return;
            }
        }
        let Self { seat, reader, ticket, who, .. } = self;
        seat.settle(socket, reader, ticket, who).await;
    }

    /// Whether all could be written, before anything in it was taken away.
    async fn write(&self, socket: &TcpStream, mut bytes: Bytes, holds: &Holds) -> bool {
        while !bytes.is_empty() {
            if socket.writable().await.is_err() {
                return false;
            }
            match self.write_some(socket, &bytes, holds) {
                Ok(written) => bytes.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Nothing can be taken away while this writes: it would have to change the order.
    fn write_some(&self, socket: &TcpStream, bytes: &[u8], holds: &Holds) -> io::Result<usize> {
        let order = self.order.borrow();
        if holds.is_hit_by(order.erasures()) {
            return Err(ErrorKind::Other.into());
        }
        socket.try_write(bytes)
    }
}
