//! The accept loop of every socket: hyper with timers and limits, and an end that waits for what
//! is under way.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{unconstrained, yield_now},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{descriptors::is_reserved, task};
pub use connection::Farewell;
use connection::Service;

mod connection;
mod rest;

/// Connections that may wait to be accepted; the kernel's own bound (somaxconn) is often this.
const BACKLOG: u32 = 4096;
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
    let connections = TaskTracker::new();
    let service = Arc::new(Service::new(router, audience, tls, stop.clone()));
    // Without tokio's budget: it would take 128 of a herd between two rounds of all other tasks, and
    // what the kernel has no room for meanwhile tries again seconds later.
    stop.run_until_cancelled(unconstrained(accept(&listener, &service, &connections, audience)))
        .await;
    drop(listener);
    connections.close();
    let _ = timeout(GRACE, connections.wait()).await;
}

async fn accept(
    listener: &TcpListener,
    service: &Arc<Service>,
    connections: &TaskTracker,
    audience: Audience,
) {
    loop {
        match listener.accept().await {
            // Whoever connects comes back; the store must be able to open its files.
            Ok((stream, _)) if audience == Audience::Public && is_reserved(&stream) => {
                metrics::counter!("chorus_connections_refused_total").increment(1);
                yield_now().await;
            }
            Ok((stream, peer)) => {
                let connection = service.clone().serve(stream, peer);
                task::spawn("connection", connections.track_future(connection));
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
