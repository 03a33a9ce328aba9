//! One connection to a server, shared by all calls and renewed by a task of its own.
//!
//! redis-rs's `ConnectionManager` isn't used: it makes callers wait for each attempt to connect,
//! tries anew with every call, and keeps a connection that has gone silent. Here a call fails at
//! once while the server is known to be away (that is the breaker), one task tries to come back,
//! and a connection on which nothing was answered for a whole time-out is given up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::task;
use redis::{Pipeline, RedisResult, ServerErrorKind, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{Semaphore, watch},
    task::AbortHandle,
    time::{Instant, sleep, timeout_at},
};
use tracing::{info, warn};

use super::{
    connect_error::is_refusal,
    dial::{CALLS_MAX, Dialer, first},
    script,
};

/// Pause between attempts, doubled from one to the other.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Calls a server; dropping it ends the task that keeps the connection.
pub(super) struct Server {
    shared: Arc<Shared>,
    keeper: AbortHandle,
}

struct Shared {
    /// Where, password masked.
    name: String,
    dialer: Dialer,
    state: watch::Sender<State>,
    calls: Semaphore,
    born: Instant,
    /// Microseconds from `born` to the last answer on any connection.
    answered_us: AtomicU64,
}

#[derive(Clone)]
enum State {
    /// Connected, for the n-th time.
    Up(MultiplexedConnection, u64),
    /// Lost a moment ago, or never there, and nothing tried yet: worth waiting for.
    Lost(u64),
    /// The last attempt failed, and why.
    Down(u64, Arc<str>),
}

impl State {
    fn serial(&self) -> u64 {
        match self {
            Self::Up(_, serial) | Self::Lost(serial) | Self::Down(serial, _) => *serial,
        }
    }
}

impl Server {
    /// One that is connected to meanwhile; calls wait for it as for one lost just now.
    pub(super) fn new(name: String, dialer: Dialer) -> Self {
        Self::kept(name, dialer, State::Lost(0))
    }

    /// One that is connected to already, unless it does not answer; an error is its refusal.
    pub(super) async fn connected(name: String, dialer: Dialer) -> RedisResult<Self> {
        let state = match first(&name, async || dialer.dial().await).await? {
            Ok(connection) => State::Up(connection, 1),
            Err(why) => State::Down(0, why.into()),
        };
        Ok(Self::kept(name, dialer, state))
    }

    fn kept(name: String, dialer: Dialer, state: State) -> Self {
        let (state, _) = watch::channel(state);
        let shared = Arc::new(Shared {
            name,
            dialer,
            state,
            calls: Semaphore::new(CALLS_MAX),
            born: Instant::now(),
            answered_us: AtomicU64::new(0),
        });
        let keeper = Arc::clone(&shared);
        let keeper = task::spawn("store.redis_link", async move { keeper.keep().await });
        Self { shared, keeper: keeper.abort_handle() }
    }

    /// Sends the commands in one go and gives back their answers in order; errors that the server
    /// answers with are among them. Scripts that it doesn't know are loaded on the way.
    pub(super) async fn call(
        &self,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<Vec<Value>, String> {
        let result = match timeout_at(deadline, self.shared.connection()).await {
            Ok(Ok((connection, serial))) => {
                self.shared.call(connection, serial, commands, deadline).await
            }
            Ok(Err(why)) => Err(why),
            Err(_) => Err("no room or no connection in time".to_owned()),
        };
        result.map_err(|why| format!("Redis at {}: {why}", self.shared.name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Shared {
    /// The connection and which one it is; waits for one that was lost just now.
    async fn connection(&self) -> Result<(MultiplexedConnection, u64), String> {
        let mut state = self.state.subscribe();
        let state = state.wait_for(|state| !matches!(state, State::Lost(_))).await;
        match state.as_deref() {
            Ok(State::Up(connection, serial)) => Ok((connection.clone(), *serial)),
            Ok(State::Down(_, why)) => Err(format!("not connected, {why}")),
            Ok(State::Lost(_)) | Err(_) => Err("not connected".to_owned()),
        }
    }

    async fn call(
        &self,
        mut connection: MultiplexedConnection,
        serial: u64,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<Vec<Value>, String> {
        let began_us = self.now_us();
        match timeout_at(deadline, self.exchange(&mut connection, commands)).await {
            Ok(Ok(answers)) => {
                self.answered_us.fetch_max(self.now_us(), Ordering::Relaxed);
                if answers.iter().any(|answer| is(answer, ServerErrorKind::ReadOnly)) {
                    // Demoted while we were connected: the address may lead to a master by now.
                    self.lose(serial, "it is a replica");
                }
                Ok(answers)
            }
            Ok(Err(error)) => {
                self.lose(serial, &error.to_string());
                Err(error.to_string())
            }
            Err(_) => {
                let silent = self.answered_us.load(Ordering::Relaxed) < began_us;
                if silent {
                    self.lose(serial, "nothing was answered in time");
                }
                Err("no answer in time".to_owned())
            }
        }
    }

    /// Sends and receives; errors are those of the connection.
    async fn exchange(
        &self,
        connection: &mut MultiplexedConnection,
        commands: &Pipeline,
    ) -> RedisResult<Vec<Value>> {
        // Closed never: the semaphore lives as long as we do.
        let _permit = self.calls.acquire().await.ok();
        let mut answers = connection.send_packed_commands(commands, 0, commands.len()).await?;
        let unknown = |answer: &Value| is(answer, ServerErrorKind::NoScript);
        if answers.iter().any(unknown) {
            script::load_all(connection).await?;
            let mut again = Pipeline::new();
            for (command, answer) in commands.cmd_iter().zip(&answers) {
                if unknown(answer) {
                    again.add_command(command.clone());
                }
            }
            let second = connection.send_packed_commands(&again, 0, again.len()).await?;
            let places = answers.iter_mut().filter(|answer| unknown(answer));
            places.zip(second).for_each(|(place, answer)| *place = answer);
        }
        Ok(answers)
    }

    /// Gives up the connection `serial`, unless a later one has taken its place.
    fn lose(&self, serial: u64, why: &str) {
        let lost = self.state.send_if_modified(|state| {
            let current = matches!(state, State::Up(_, current) if *current == serial);
            if current {
                *state = State::Lost(serial);
            }
            current
        });
        if lost {
            warn!(server = self.name, why, "connection to redis lost");
        }
    }

    /// Connects whenever there is no connection, for ever; gives up one that leads to the wrong
    /// server.
    async fn keep(&self) {
        let mut state = self.state.subscribe();
        loop {
            let serial = state.borrow_and_update().serial();
            let lost = state.wait_for(|state| !matches!(state, State::Up(..)));
            tokio::select! {
                // A connection that is gone needs nobody's word for it.
                biased;
                lost = lost => if lost.is_err() { return },
                why = self.dialer.superseded() => self.lose(serial, &why),
            }
            self.reconnect(serial).await;
        }
    }

    async fn reconnect(&self, serial: u64) {
        let mut pause = PAUSE_MIN;
        loop {
            match self.dialer.dial().await {
                Ok(connection) => {
                    info!(server = self.name, connection = serial + 1, "connected to redis");
                    self.state.send_replace(State::Up(connection, serial + 1));
                    return;
                }
                Err(error) => {
                    let why: Arc<str> = error.to_string().into();
                    let before = self.state.send_replace(State::Down(serial, why.clone()));
                    let is_known = matches!(before, State::Down(_, before) if before == why);
                    if is_refusal(&error) && !is_known {
                        warn!(server = self.name, %why, "redis refuses us: see to live.url");
                    }
                }
            }
            sleep(pause).await;
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn is(answer: &Value, kind: ServerErrorKind) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(kind))
}
