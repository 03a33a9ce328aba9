//! Making connections to Redis: which server, time-outs, what it must be.

use std::{future::pending, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection,
};
use tokio::time::{Instant, error::Elapsed, sleep, timeout};
use tracing::warn;

use super::{connect_error::is_refusal, script, sentinel::Sentinels};

/// Calls under way at once on a connection; those beyond it wait, within their time-out.
pub(super) const CALLS_MAX: usize = 256;
/// Longest time for one attempt to find the server, connect, log in and load the scripts.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long a start tries, in case both are starting.
const START_WAIT_MAX: Duration = Duration::from_millis(1_500);
/// Pause between attempts of a start.
const START_PAUSE: Duration = Duration::from_millis(50);

/// Knows where a server is and how to get there.
pub(super) enum Dialer {
    /// At one address.
    Server(Client),
    /// Where sentinels say.
    Sentinel(Sentinels),
}

impl Dialer {
    /// One attempt: a connection to a master, on which the scripts are loaded.
    pub(super) async fn dial(&self) -> RedisResult<MultiplexedConnection> {
        let attempt = async {
            let mut connection = match self {
                Self::Server(client) => connect(client).await?,
                Self::Sentinel(sentinels) => connect(&sentinels.master().await?).await?,
            };
            refuse_replica(&mut connection).await?;
            script::load_all(&mut connection).await?;
            Ok(connection)
        };
        timeout(CONNECT_WAIT_MAX, attempt).await.unwrap_or_else(|elapsed| Err(timed_out(elapsed)))
    }

    /// Ends when the server dialed last is to be left though it may answer, and says why.
    pub(super) async fn superseded(&self) -> String {
        match self {
            Self::Server(_) => pending().await,
            Self::Sentinel(sentinels) => {
                format!("sentinels name {} as master", sentinels.replaced().await)
            }
        }
    }
}

/// What a start does: attempts until one succeeds, is refused (an error), or time is up (why the
/// last one failed; it is logged).
pub(super) async fn first<T>(
    name: &str,
    attempt: impl AsyncFn() -> RedisResult<T>,
) -> RedisResult<Result<T, String>> {
    let deadline = Instant::now() + START_WAIT_MAX;
    loop {
        match attempt().await {
            Ok(found) => return Ok(Ok(found)),
            Err(error) if is_refusal(&error) => return Err(error),
            Err(error) if Instant::now() >= deadline => {
                warn!(url = name, %error, "can't reach redis: start it, or set live.url");
                return Ok(Err(error.to_string()));
            }
            Err(_) => sleep(START_PAUSE).await,
        }
    }
}

/// A connection without a time-out for answers: that of the call rules.
pub(super) async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WAIT_MAX))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(CALLS_MAX);
    client.get_multiplexed_async_connection_with_config(&config).await
}

pub(super) fn timed_out(elapsed: Elapsed) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed).into()
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
