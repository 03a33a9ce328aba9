//! The accept loop of every socket: hyper with timers and limits, and an end that waits for what
//! is under way.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, SemaphorePermit},
    task::unconstrained,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{either::Either, sync::CancellationToken};
use tower::ServiceExt;

use crate::{
    descriptors,
    handover::{HandedOver, Handover, Io},
    task,
};

/// Connections that may wait to be accepted; the kernel's own bound (somaxconn) is often this.
const BACKLOG: u32 = 4096;
/// New connections served at a time. The others of a herd are accepted and wait, so that what one
/// needs until it is answered or handed over serves the next.
const OPENING_MAX: usize = 64;
/// How long a connection counts as new when its request does not get whole: it holds nobody up.
const OPENING: Duration = Duration::from_millis(50);
/// Longest wait for a request's head, and for a connection's first one: slower ones are attackers.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of one request's head; hyper takes no less than 8 KiB.
const HEAD_LEN_MAX: usize = 16 * 1024;
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
/// What the kernel keeps for a public client that doesn't read (it doubles this): without a bound
/// that grows to megabytes for each. With half of it a client on the same machine, where a segment
/// is as long, waits for a delayed acknowledgement of every window.
const SEND_BUFFER_PUBLIC: u32 = 64 * 1024;
/// How long a public client may leave what it was sent unacknowledged before it is taken for gone.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// How long an end waits for requests under way.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after a failed accept: without it a process out of descriptors spins.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a socket can't be listened on; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error(
        "{address} is in use: stop the process that listens there, or set `{key}` to another address"
    )]
    InUse {
        /// Where.
        address: SocketAddr,
        /// The configuration key.
        key: &'static str,
    },
    /// Anything else.
    #[error("can't listen on {address} (`{key}`): {error}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// The configuration key.
        key: &'static str,
        /// What the system says.
        error: io::Error,
    },
}

/// Listens on `address`, which configuration key `key` gave, for such an audience.
///
/// # Errors
/// When the address is taken, not ours or not allowed.
pub fn bind(
    address: SocketAddr,
    key: &'static str,
    audience: Audience,
) -> Result<TcpListener, BindError> {
    listen(address, audience).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, key },
        _ => BindError::Other { address, key, error },
    })
}

/// Accepted sockets inherit the options.
fn listen(address: SocketAddr, audience: Audience) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // A small answer must not wait for the acknowledgement of an earlier one.
    socket.set_nodelay(true)?;
    if audience == Audience::Public {
        socket.set_send_buffer_size(SEND_BUFFER_PUBLIC)?;
        SockRef::from(&socket).set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Who connects to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anybody.
    Public,
    /// Other roles.
    Internal,
}

/// Serves `router` on `listener`, with TLS if there is an acceptor, until `stop`; then lets requests
/// under way end, for a few seconds. Open streams must watch the same token.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    audience: Audience,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    let openings = Semaphore::new(OPENING_MAX);
    let builder = builder(audience);
    let is_public = audience == Audience::Public;
    let service = Service { is_public, builder, router, tls, openings, stop: stop.clone() };
    let service = Arc::new(service);
    // Without tokio's budget: it would take 128 of a herd between two rounds of all other tasks, and
    // what the kernel has no room for meanwhile tries again seconds later.
    stop.run_until_cancelled(unconstrained(accept(&listener, &service, &connections))).await;
    drop(listener);
    let _ = timeout(GRACE, connections.shutdown()).await;
}

async fn accept(listener: &TcpListener, service: &Arc<Service>, connections: &GracefulShutdown) {
    loop {
        match listener.accept().await {
            // Whoever connects comes back; the store must be able to open its files.
            Ok((stream, _)) if service.is_public && descriptors::is_reserved(&stream) => {
                metrics::counter!("chorus_connections_refused_total").increment(1);
            }
            Ok((stream, peer)) => {
                let arrival = Arrival { stream, peer, watcher: connections.watcher() };
                task::spawn("connection", service.clone().serve(arrival));
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
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

/// A connection that was accepted.
struct Arrival {
    stream: TcpStream,
    peer: SocketAddr,
    watcher: Watcher,
}

/// What the connections of a socket are served with.
struct Service {
    is_public: bool,
    builder: auto::Builder<TokioExecutor>,
    router: Router,
    tls: Option<TlsAcceptor>,
    openings: Semaphore,
    stop: CancellationToken,
}

impl Service {
    async fn serve(self: Arc<Self>, arrival: Arrival) {
        // Who has said nothing yet needs nothing yet, and holds up no end. (Peeked at, for tokio
        // takes a new socket for readable until a read says otherwise.)
        let deadline = Instant::now() + HEADER_READ_TIMEOUT;
        let mut first = [0];
        let said = self.stop.run_until_cancelled(arrival.stream.peek(&mut first));
        let Ok(Some(Ok(1))) = timeout_at(deadline, said).await else { return };
        let Ok(opening) = self.openings.acquire().await else { return }; // it is never closed
        // What hyper needs is large: it is there from now on, not for all who wait.
        Box::pin(self.open(arrival, opening, deadline)).await;
    }

    async fn open(&self, arrival: Arrival, opening: SemaphorePermit<'_>, deadline: Instant) {
        let asked = AtomicBool::new(false);
        let mut watched = pin!(self.converse(arrival, &asked));
        let mut ended = timeout(OPENING, &mut watched).await;
        drop(opening);
        if ended.is_err() {
            // hyper's own timer runs only once it knows the HTTP version.
            ended = timeout_at(deadline, &mut watched).await;
        }
        let ended = match ended {
            Ok(ended) => ended,
            Err(_) if asked.load(Ordering::Relaxed) => watched.await,
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
        Arrival { stream, peer, watcher }: Arrival,
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
        let service = hyper::service::service_fn(|request: hyper::Request<_>| {
            asked.store(true, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            answer(self.router.clone(), request, handover.clone())
        });
        watcher.watch(self.builder.serve_connection(TokioIo::new(io), service)).await
    }
}

async fn answer(
    router: Router,
    mut request: axum::extract::Request,
    handover: Option<Handover>,
) -> Result<Response, HandedOver> {
    if let Some(handover) = &handover {
        handover.offer(&mut request);
    }
    let Ok(response) = router.oneshot(request).await;
    match handover {
        Some(handover) => handover.finish(response),
        None => Ok(response),
    }
}

#[cfg(test)]
mod tests;
