//! Making connections to Redis: addresses, time-outs, what a server must be.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo, RedisError, RedisResult,
    ServerErrorKind,
    aio::MultiplexedConnection,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    connect_error::{ConnectError, is_refusal},
    script,
};

/// Calls under way at once on a connection; those beyond it wait, within their time-out.
pub(super) const CALLS_MAX: usize = 256;
/// Longest time for one attempt to connect, log in and load the scripts.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long a start tries, in case both are starting.
const START_WAIT_MAX: Duration = Duration::from_millis(1_500);
/// Pause between attempts of a start.
const START_PAUSE: Duration = Duration::from_millis(50);
/// A peer that acknowledges nothing for so long is gone.
const SILENT_PEER_MAX: Duration = Duration::from_secs(2);

/// Knows where Redis is and how to get there.
pub(super) struct Dialer(Client);

impl Dialer {
    pub(super) fn new(url: &str) -> Result<Self, ConnectError> {
        client(url).map(Self)
    }

    /// The first connection: attempts until one succeeds, is refused, or time is up.
    pub(super) async fn first(&self) -> RedisResult<MultiplexedConnection> {
        let deadline = Instant::now() + START_WAIT_MAX;
        loop {
            match self.dial().await {
                Err(error) if !is_refusal(&error) && Instant::now() < deadline => {
                    sleep(START_PAUSE).await;
                }
                result => return result,
            }
        }
    }

    /// One attempt: a connection on which the scripts are loaded.
    pub(super) async fn dial(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT_MAX))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(CALLS_MAX);
        let attempt = async {
            let Self(client) = self;
            let mut connection =
                client.get_multiplexed_async_connection_with_config(&config).await?;
            refuse_replica(&mut connection).await?;
            script::load_all(&mut connection).await?;
            Ok(connection)
        };
        timeout(CONNECT_WAIT_MAX, attempt).await.unwrap_or_else(|elapsed| {
            Err(RedisError::from(std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)))
        })
    }
}

/// Scripts write, also those that read; a replica would refuse them one by one.
async fn refuse_replica(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let info: String = redis::cmd("INFO").arg("replication").query_async(connection).await?;
    let replica = info.lines().any(|line| line.trim() == "role:slave");
    if replica {
        return Err((ErrorKind::Server(ServerErrorKind::ReadOnly), "it is a replica").into());
    }
    Ok(())
}

fn client(url: &str) -> Result<Client, ConnectError> {
    if let Some(scheme) =
        ["redis+sentinel://", "redis+cluster://"].into_iter().find(|scheme| url.starts_with(scheme))
    {
        return Err(ConnectError::address(url, &format!("{scheme} isn't built yet")));
    }
    if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(ConnectError::address(url, ""));
    }
    if url.contains('#') {
        // What redis-rs would take here is `#insecure`: no look at the certificate.
        return Err(ConnectError::address(url, "nothing may follow a `#`"));
    }
    let keepalive = TcpKeepalive::new().with_time(SILENT_PEER_MAX).with_interval(SILENT_PEER_MAX);
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive)
        .set_user_timeout(SILENT_PEER_MAX);
    let info = url.into_connection_info().map(|info| info.set_tcp_settings(settings));
    info.and_then(Client::open).map_err(|error| ConnectError::address(url, &error.to_string()))
}
