//! One role of chorus as a child process, from where it says that it listens to its end.

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::time::timeout;

use crate::origin::Origin;
use crate::process::without_settings;

/// A role that takes longer to listen won't.
const START_WITHIN: Duration = Duration::from_secs(30);

/// What every role is started with.
pub(crate) struct Program {
    pub(crate) chorus: PathBuf,
    /// Where it runs, and where its log goes.
    pub(crate) folder: PathBuf,
    /// Its configuration. In the environment nobody else sees the secrets that are in it.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// A running role. Dropping it kills it and waits for its end.
pub(crate) struct Role {
    name: String,
    child: Child,
    log: PathBuf,
    /// Kept open: what it prints later must not fail.
    stdout: Lines<BufReader<ChildStdout>>,
    public: Option<Origin>,
    internal: Option<Origin>,
}

impl Role {
    /// Starts `chorus <role>` and waits until it says where it listens. `name` tells two of a role
    /// apart.
    pub(crate) async fn start(
        program: &Program,
        name: &str,
        role: &str,
        more: &[(&str, &str)],
    ) -> Result<Self> {
        let mut role = Self::spawn(program, name, role, more)
            .with_context(|| format!("starting {}", program.chorus.display()))?;
        match timeout(START_WITHIN, role.read_addresses()).await {
            Ok(Ok(())) => Ok(role),
            Ok(Err(error)) => Err(error.context(role.last_words())),
            Err(_) => bail!("{name} does not say where it listens: {}", role.last_words()),
        }
    }

    fn spawn(program: &Program, name: &str, role: &str, more: &[(&str, &str)]) -> Result<Self> {
        let log = program.folder.join(name).with_extension("log");
        let mut command = Command::new(&program.chorus);
        without_settings(&mut command);
        let settings = program.settings.iter().map(|(key, value)| (*key, value.as_str()));
        let mut child = command
            .arg(role)
            .envs(settings.chain(more.iter().copied()))
            .current_dir(&program.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let stdout = BufReader::new(ChildStdout::from_std(stdout)?).lines();
        Ok(Self { name: name.to_owned(), child, log, stdout, public: None, internal: None })
    }

    /// Reads `  public    http://…/` if there is one, and `  internal  http://…/`, which comes last.
    async fn read_addresses(&mut self) -> Result<()> {
        while self.internal.is_none() {
            let line = self.stdout.next_line().await?;
            let line = line.with_context(|| format!("{} ended at once", self.name))?;
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("public"), Some(url)) => self.public = Some(url.parse()?),
                (Some("internal"), Some(url)) => self.internal = Some(url.parse()?),
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn public(&self) -> Result<Origin> {
        self.public.clone().with_context(|| format!("{} told no public address", self.name))
    }

    pub(crate) fn internal(&self) -> Result<Origin> {
        self.internal.clone().with_context(|| format!("{} told no internal address", self.name))
    }

    /// kill -9, without waiting for what the kernel has to clear away.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))
    }

    /// Asks it to end.
    pub(crate) fn terminate(&mut self) {
        // Not reaped yet, so that the number can't be another process's.
        if !self.has_ended()
            && let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw)
        {
            // One that doesn't hear is killed when dropped.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// An error if it has ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        if self.has_ended() {
            return Err(anyhow!("{} ended early: {}", self.name, self.last_words()));
        }
        Ok(())
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        last_line(&self.log).unwrap_or_else(|| "it said nothing".to_owned())
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // Both can only fail where it has ended already. The wait is the kernel's, for its sockets.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_line(file: &Path) -> Option<String> {
    let text = read_to_string(file).ok()?;
    text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned)
}
