//! A redis-server of a test's own, to be killed, stopped and emptied.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Cmd, FromRedisValue};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    options: Vec<String>,
    dir: TempDir,
}

impl RedisServer {
    /// Started with these options besides its port and an empty directory; nothing is persisted
    /// but on SAVE.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = spawn(port, &options, &dir);
        let server = Self { child, port, options, dir };
        server.await_ready().await;
        server
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

    /// `kill -9`, then a new process in the same directory: it has what the last SAVE wrote.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.port, &self.options, &self.dir);
        self.await_ready().await;
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

fn spawn(port: u16, options: &[String], dir: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
        .arg("--dir")
        .arg(dir.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("install redis-server, or run deploy/dev/test, which does")
}

/// A port that nothing listens on, below those that outgoing connections take.
pub(crate) fn free_port() -> u16 {
    let start = 7_000 + u16::try_from(std::process::id() % 2_000).unwrap();
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let taken = TAKEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    (start + 50 * taken..9_990).find(is_free).expect("a free port")
}

static TAKEN: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
