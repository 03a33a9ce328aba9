//! Sockets that change hands: hyper parses a request, all layers make the response's head, and then
//! whoever answers takes the connection's socket and writes to it without hyper.
//!
//! The server puts a [`Handover`] into the extensions of every request whose socket could be taken;
//! a handler that wants it answers with a [`Taker`] in the response's extensions. Everything that
//! hyper held for the connection is dropped then.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, Version, header, response},
    response::Response,
};
use bytes::{BufMut, BytesMut};
use hyper::body::Body as _;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A connection's socket, which hyper reads and writes through a handle of its own.
#[derive(Debug)]
struct Shared {
    stream: Mutex<Option<TcpStream>>,
    /// Nothing of an earlier answer waits in hyper's buffer: it flushes only what it has written.
    is_flushed: AtomicBool,
    /// Some answer was a refusal.
    has_refused: AtomicBool,
}

impl Shared {
    fn with<T>(&self, gone: T, act: impl FnOnce(Pin<&mut TcpStream>) -> T) -> T {
        // Nobody panics while holding it.
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.as_mut().map_or(gone, |stream| act(Pin::new(stream)))
    }
}

/// Hyper's end of a socket. Reads as closed once the socket was taken.
#[derive(Debug)]
pub(crate) struct Io(Arc<Shared>);

impl Io {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let stream = Mutex::new(Some(stream));
        let (is_flushed, has_refused) = (AtomicBool::new(true), AtomicBool::new(false));
        Self(Arc::new(Shared { stream, is_flushed, has_refused }))
    }

    pub(crate) fn handover(&self) -> Handover {
        Handover(self.0.clone())
    }
}

/// The chance to take a request's socket, in the request's extensions.
#[derive(Debug, Clone)]
pub struct Handover(Arc<Shared>);

impl Handover {
    /// Offers the socket to whoever answers `request`, when that is an HTTP/1.1 `GET` without a
    /// body.
    pub(crate) fn offer(&self, request: &mut Request) {
        if request.version() == Version::HTTP_11
            && *request.method() == Method::GET
            && request.body().is_end_stream()
        {
            request.extensions_mut().insert(self.clone());
        }
    }

    /// Hands the socket to the response's [`Taker`], if there is one.
    pub(crate) fn finish(&self, mut response: Response) -> Result<Response, HandedOver> {
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            self.0.has_refused.store(true, Ordering::Relaxed);
        }
        let Some(taker) = response.extensions_mut().remove::<Taker>() else { return Ok(response) };
        if let (Some(take), Some(stream)) = (taker.into_inner(), self.take()) {
            take(stream, head(response));
        }
        Err(HandedOver)
    }

    /// Whether earlier answers on this connection have left hyper's buffer; when they have not, the
    /// answer must go through hyper. Hyper lets them leave before it goes on to the next request,
    /// unless it is told to collect them: nothing that it promises.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.0.is_flushed.load(Ordering::Acquire)
    }

    /// Whether a request on this connection was refused.
    pub(crate) fn has_refused(&self) -> bool {
        self.0.has_refused.load(Ordering::Relaxed)
    }

    /// The socket, unless somebody has it already.
    pub(crate) fn take(&self) -> Option<TcpStream> {
        let stream = self.0.stream.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        // Hyper's task must not stay in memory for the sake of a waker that it left here.
        let _ = stream.poll_read_ready(&mut Context::from_waker(Waker::noop()));
        let _ = stream.poll_write_ready(&mut Context::from_waker(Waker::noop()));
        Some(stream)
    }
}

type Take = Box<dyn FnOnce(TcpStream, BytesMut) + Send>;

/// Who takes the socket, in the response's extensions; the response's body is not sent.
#[derive(Clone)]
pub struct Taker(Arc<Mutex<Option<Take>>>);

impl Taker {
    /// `take` gets the socket and the response's head, encoded, with `Transfer-Encoding: chunked`
    /// and `Connection: close`: what it writes are chunks, and it closes the socket after the last.
    pub fn new(take: impl FnOnce(TcpStream, BytesMut) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(take)))))
    }

    fn into_inner(self) -> Option<Take> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Ends hyper's part in a connection.
#[derive(Debug, thiserror::Error)]
#[error("the socket was taken over")]
pub(crate) struct HandedOver;

fn head(response: Response<Body>) -> BytesMut {
    let (response::Parts { status, mut headers, .. }, _) = response.into_parts();
    headers.remove(header::CONTENT_LENGTH); // of the body that is not sent
    headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now())) {
        headers.entry(header::DATE).or_insert(date);
    }
    let mut out = BytesMut::with_capacity(512);
    for part in [b"HTTP/1.1 ", status.as_str().as_bytes(), b" "] {
        out.put_slice(part);
    }
    out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    for (name, value) in &headers {
        for part in [b"\r\n", name.as_str().as_bytes(), b": ", value.as_bytes()] {
            out.put_slice(part);
        }
    }
    out.put_slice(b"\r\n\r\n");
    out
}

fn gone<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.with(Poll::Ready(Ok(())), |stream| stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.is_flushed.store(false, Ordering::Release);
        self.0.with(gone(), |stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.is_flushed.store(false, Ordering::Release);
        self.0.with(gone(), |stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.is_flushed.store(true, Ordering::Release);
        self.0.with(gone(), |stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.with(Poll::Ready(Ok(())), |stream| stream.poll_shutdown(cx))
    }
}

impl fmt::Debug for Taker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn no_socket_is_taken_from_answers_that_have_not_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut io = Io::new(stream);
        let handover = io.handover();
        assert!(handover.is_possible());
        io.write_all(b"half of an answer").await.unwrap();
        assert!(!handover.is_possible());
        io.flush().await.unwrap();
        assert!(handover.is_possible());
    }
}
