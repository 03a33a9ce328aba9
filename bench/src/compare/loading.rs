//! A `bench load` beside a server, as a process of its own on a core of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use super::server::pinned;
use crate::args::LoadArgs;
use crate::load::{Delivered, Opened};

/// Streams that are open. Dropping it ends them.
pub(super) struct Loading {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Loading {
    /// Opens the streams.
    pub(super) fn start(core: usize, args: &LoadArgs) -> Result<(Self, Opened)> {
        let mut command = pinned(core);
        command.arg(std::env::current_exe()?).arg("load").args(args.flags());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut loading = Self { child, stdin, stdout };
        let opened = loading.hear()?;
        Ok((loading, opened))
    }

    /// Posts, and waits for what comes of it.
    pub(super) fn post(&mut self) -> Result<Delivered> {
        self.stdin.write_all(b"\n")?;
        self.hear()
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("bench load said {line:?}"))
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // Both can only fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
