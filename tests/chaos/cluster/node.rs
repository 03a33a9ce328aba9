//! One process of the cluster, started again with the same configuration as often as it ends.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use super::Who;
use crate::{
    process::{self, Process},
    proxy::tcp::TcpProxy,
    roles::refs,
};

pub(super) struct Node {
    args: Vec<String>,
    folder: PathBuf,
    log: PathBuf,
    /// `None` while it is down.
    pub(super) process: Option<Process>,
    /// Its way to Redis.
    pub(super) redis: TcpProxy,
}

impl Node {
    pub(super) fn new(who: Who, args: Vec<String>, folder: &Path, redis: TcpProxy) -> Self {
        let log = folder.join(format!("{}{}.log", who.0, who.1));
        Self { args, folder: folder.to_owned(), log, process: None, redis }
    }

    pub(super) async fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = process::command(&self.folder, &refs(&self.args));
        command.stderr(log);
        self.process = Some(Process::start_command(command).await);
    }

    /// Bytes of memory that it has to itself, while it runs.
    pub(super) fn memory(&self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.process.as_ref()?.pid());
        let status = std::fs::read_to_string(status).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        Some(1024 * line.trim().trim_end_matches(" kB").parse::<u64>().ok()?)
    }

    pub(super) async fn kill(&mut self) {
        self.process.take().expect("it is down").kill().await;
    }

    pub(super) async fn terminate(&mut self) {
        self.signal("TERM").await;
        self.process.take().expect("it is down").ended().await;
    }

    pub(super) async fn signal(&self, name: &str) {
        self.process.as_ref().expect("it is down").signal(name).await;
    }
}
