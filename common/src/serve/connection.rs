//! One connection: TLS if any, then HTTP by hyper, with time-outs of ours around both.

use std::{
    error::Error,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo, response::Response};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{either::Either, sync::CancellationToken};
use tower::ServiceExt;

use super::{Audience, rest::Rest};
use crate::handover::{HandedOver, Handover, Io};

/// New connections served at a time. The others of a herd are accepted and wait, so that what one
/// needs until it is answered or handed over serves the next.
pub(super) const OPENING_MAX: usize = 64;
/// How long a connection counts as new when its request does not get whole: it holds nobody up.
const OPENING: Duration = Duration::from_millis(50);
/// Longest wait for a request's head, and for a connection's first one: slower ones are attackers.
pub(super) const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers of one request.
pub(super) const HEADERS_MAX: usize = 64;
/// Bytes of one request's head; hyper takes no less than 8 KiB.
pub(super) const HEAD_LEN_MAX: usize = 16 * 1024;
/// How long, and for how many bytes, a connection that was refused something is read on.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_LEN_MAX: usize = 4 * 1024 * 1024;
/// Streams that one HTTP/2 connection may have open.
const HTTP2_STREAMS_MAX: u32 = 250;
/// HTTP/2 window of a public stream and connection: what a client may send unread.
const HTTP2_WINDOW_PUBLIC: u32 = 64 * 1024;
/// The same between roles, whose batches are up to megabytes.
const HTTP2_WINDOW_INTERNAL: u32 = 4 * 1024 * 1024;
/// What waits in an HTTP/2 stream of a public client that doesn't read.
const HTTP2_UNSENT_PUBLIC: usize = 64 * 1024;
/// The same between roles.
const HTTP2_UNSENT_INTERNAL: usize = 1024 * 1024;

/// What the connections of a socket are served with.
pub(super) struct Service {
    builder: auto::Builder<TokioExecutor>,
    router: Router,
    tls: Option<TlsAcceptor>,
    openings: Semaphore,
    stop: CancellationToken,
}

impl Service {
    pub(super) fn new(
        router: Router,
        audience: Audience,
        tls: Option<TlsAcceptor>,
        stop: CancellationToken,
    ) -> Self {
        let openings = Semaphore::new(OPENING_MAX);
        Self { builder: builder(audience), router, tls, openings, stop }
    }

    /// Serves a connection until it ends.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Who has said nothing yet needs nothing yet, and holds up no end. (Peeked at, for tokio
        // takes a new socket for readable until a read says otherwise.)
        let mut first = [0];
        let said = self.stop.run_until_cancelled(stream.peek(&mut first));
        let Ok(Some(Ok(1))) = timeout(HEADER_READ_TIMEOUT, said).await else { return };
        let Ok(opening) = self.openings.acquire().await else { return }; // it is never closed
        // What hyper needs is large: it is there from now on, not for all who wait.
        Box::pin(self.open(stream, peer, opening)).await;
    }

    async fn open(&self, stream: TcpStream, peer: SocketAddr, opening: SemaphorePermit<'_>) {
        // From its turn on: a handshake of a herd may have waited for longer than it may take.
        let deadline = Instant::now() + HEADER_READ_TIMEOUT;
        let asked = AtomicBool::new(false);
        let mut conversation = pin!(self.converse(stream, peer, &asked));
        let mut ended = timeout(OPENING, &mut conversation).await;
        drop(opening);
        if ended.is_err() {
            // hyper's own timer runs only once it knows the HTTP version.
            ended = timeout_at(deadline, &mut conversation).await;
        }
        let ended = match ended {
            Ok(ended) => ended,
            Err(_) if asked.load(Ordering::Relaxed) => conversation.await,
            Err(_) => return,
        };
        // Ends by the client's fault or wish are no news.
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }

    /// TLS, if any, then HTTP until the connection ends. Says when something was `asked`.
    async fn converse(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        asked: &AtomicBool,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (io, handover) = match &self.tls {
            None => {
                let io = Io::new(stream);
                let handover = io.handover();
                (Either::Left(io), Some(handover))
            }
            Some(tls) => match self.stop.run_until_cancelled(tls.accept(stream)).await {
                Some(accepted) => (Either::Right(accepted?), None),
                None => return Ok(()),
            },
        };
        let farewell = Farewell(self.stop.child_token());
        let service = hyper::service::service_fn(|request: hyper::Request<_>| {
            asked.store(true, Ordering::Relaxed);
            let (mut request, rest) = Rest::of(request);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(farewell.clone());
            answer(self.router.clone(), request, rest, handover.clone())
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(io), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = farewell.0.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        let refused = handover.as_ref().filter(|handover| ended.is_err() || handover.has_refused());
        if let Some(stream) = refused.and_then(|handover| handover.take()) {
            self.stop.run_until_cancelled(timeout(LINGER, linger(stream))).await;
        }
        ended
    }
}

/// Reads on after a refusal. Its client may send the whole request before it looks for an answer: were
/// the socket closed meanwhile, the kernel would tell it so instead.
async fn linger(mut stream: TcpStream) {
    let mut unwanted = [0; 4 * 1024];
    let mut left = LINGER_LEN_MAX;
    if stream.shutdown().await.is_err() {
        return;
    }
    while let Ok(len @ 1..) = stream.read(&mut unwanted).await {
        left = left.saturating_sub(len);
        if left == 0 {
            return;
        }
    }
}

/// The end of a connection, in the extensions of its requests.
#[derive(Debug, Clone)]
pub struct Farewell(CancellationToken);

impl Farewell {
    /// The connection takes no more requests, so that its client connects anew, perhaps to another
    /// process; what is being answered is answered. (HTTP/2 says so by GOAWAY. On HTTP/1.1 a client
    /// should be told by `Connection: close` with the last answer's head.)
    pub fn say(&self) {
        self.0.cancel();
    }
}

async fn answer(
    router: Router,
    mut request: axum::extract::Request,
    rest: Option<Rest>,
    handover: Option<Handover>,
) -> Result<Response, HandedOver> {
    if let Some(handover) = &handover {
        handover.offer(&mut request);
    }
    let Ok(mut response) = router.oneshot(request).await;
    if let Some(rest) = rest {
        response = rest.read_on(response).await;
    }
    match handover {
        Some(handover) => handover.finish(response),
        None => Ok(response),
    }
}

fn builder(audience: Audience) -> auto::Builder<TokioExecutor> {
    let (window, unsent_max) = match audience {
        Audience::Public => (HTTP2_WINDOW_PUBLIC, HTTP2_UNSENT_PUBLIC),
        Audience::Internal => (HTTP2_WINDOW_INTERNAL, HTTP2_UNSENT_INTERNAL),
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_LEN_MAX)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_send_buf_size(unsent_max)
        .keep_alive_interval(Some(HEADER_READ_TIMEOUT))
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_LEN_MAX).unwrap_or(u32::MAX))
        .initial_stream_window_size(window)
        .initial_connection_window_size(window);
    builder
}
