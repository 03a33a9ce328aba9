//! The accept loop of every socket: hyper with timers and limits, and an end that waits for what
//! is under way.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, body::Body};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::task;

/// Connections that may wait to be accepted; the kernel's own bound (somaxconn) is often this.
const BACKLOG: u32 = 4096;
/// Longest wait for a request's head: slower ones are attackers.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of one request's head; hyper takes no less than 8 KiB.
const HEAD_LEN_MAX: usize = 16 * 1024;
/// Streams that one HTTP/2 connection may have open.
const HTTP2_STREAMS_MAX: u32 = 250;
/// Window of an HTTP/2 stream and connection: batches between roles are up to megabytes.
const HTTP2_WINDOW: u32 = 4 * 1024 * 1024;
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

/// Listens on `address`, which configuration key `key` gave.
///
/// # Errors
/// When the address is taken, not ours or not allowed.
pub fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, BindError> {
    listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, key },
        _ => BindError::Other { address, key, error },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `router` on `listener` until `stop`; then lets requests under way end, for a few
/// seconds. Open streams must watch the same token.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = GracefulShutdown::new();
    let builder = builder();
    loop {
        let accepted = tokio::select! {
            biased; // rare and final: a busy socket must not outvote it
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => accept(stream, &builder, &router, &connections),
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, connections.shutdown()).await;
}

fn builder() -> auto::Builder<TokioExecutor> {
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
        .keep_alive_interval(Some(HEADER_READ_TIMEOUT))
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_LEN_MAX).unwrap_or(u32::MAX))
        .initial_stream_window_size(HTTP2_WINDOW)
        .initial_connection_window_size(HTTP2_WINDOW);
    builder
}

fn accept(
    stream: TcpStream,
    builder: &auto::Builder<TokioExecutor>,
    router: &Router,
    connections: &GracefulShutdown,
) {
    // A small answer must not wait for the acknowledgement of an earlier one.
    let _ = stream.set_nodelay(true);
    let router = router.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = connections.watch(connection);
    task::spawn("connection", async move {
        // Ends by the client's fault or wish are no news.
        if let Err(error) = watched.await {
            tracing::debug!(%error, "connection ended");
        }
    });
}
