//! A redis-server of a test's own, to be killed, stopped and emptied.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use redis::{Cmd, FromRedisValue};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    /// Removed with it.
    _dir: TempDir,
}

impl RedisServer {
    /// Started with these options besides its port and an empty directory; nothing is persisted
    /// but on SAVE.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::launch(options, |_| Vec::new()).await
    }

    /// A sentinel with this configuration, which it keeps up to date by itself.
    pub(crate) async fn sentinel(config: &str) -> Self {
        Self::launch(&["--sentinel"], |dir| {
            let path = dir.path().join("sentinel.conf");
            std::fs::write(&path, config).unwrap();
            vec![path.display().to_string()]
        })
        .await
    }

    async fn launch(options: &[&str], first: impl FnOnce(&TempDir) -> Vec<String>) -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut arguments = first(&dir);
        let path = dir.path().display().to_string();
        let own =
            ["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir", &path].map(str::to_owned);
        arguments.extend(own);
        if !options.contains(&"--sentinel") {
            arguments.extend(["--save", ""].map(str::to_owned));
        }
        arguments.extend(options.iter().map(|&option| option.to_owned()));
        let server = Self { child: spawn(&arguments), port, arguments, _dir: dir };
        server.await_ready().await;
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command on a connection of its own.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.try_run(command).await.unwrap()
    }

    async fn try_run<T: FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut sent = Cmd::new();
        command.iter().for_each(|argument| {
            sent.arg(argument);
        });
        sent.query_async(&mut connection).await
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A new process in the same directory, after a kill: it has what the last SAVE wrote.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(&self.arguments);
        self.await_ready().await;
    }

    /// `kill -9`, and at once a new process.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill();
        self.start_again().await;
    }

    /// `kill -STOP` and `kill -CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    async fn await_ready(&self) {
        let ready = async {
            // A password keeps us out; it answers nevertheless.
            while self.try_run::<String>(&["PING"]).await.is_err_and(|error| error.is_io_error()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), ready).await.expect("redis-server did not start");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(arguments: &[String]) -> Child {
    Command::new("redis-server")
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("install redis-server, or run deploy/dev/test, which does")
}

/// A port that nothing listens on, below those that outgoing connections take. Each is given once;
/// test processes that run at the same time begin at different ones.
pub(crate) fn free_port() -> u16 {
    const PORTS: std::ops::Range<u16> = 5_500..9_990;
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let start = 100 * u16::try_from(std::process::id() % 44).unwrap();
    let next = || {
        let offset =
            (start + GIVEN.fetch_add(1, Ordering::Relaxed)) % u16::try_from(PORTS.len()).unwrap();
        PORTS.start + offset
    };
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(next).take(PORTS.len()).find(is_free).expect("a free port")
}

/// Waits until `done` says so.
pub(crate) async fn eventually(what: &str, done: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < Duration::from_secs(60), "not in time: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
