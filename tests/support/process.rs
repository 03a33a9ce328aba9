//! The real binary as a process.

use std::{
    env,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Output, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::client::{Client, GUARD};

const BINARY: &str = env!("CARGO_BIN_EXE_chorus");

/// The binary with arguments, yet to be run; it dies with the test.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    program(BINARY, folder, args)
}

/// The same with so many file descriptors.
pub(crate) fn limited(descriptors: u32, folder: &Path, args: &[&str]) -> Command {
    through_shell(&format!("ulimit -n {descriptors} && exec \"$@\""), folder, args)
}

/// The same, started by a shell's `script`, which runs `"$@"`.
pub(crate) fn through_shell(script: &str, folder: &Path, args: &[&str]) -> Command {
    program("sh", folder, &[&["-c", script, "sh", BINARY], args].concat())
}

fn program(name: &str, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    // What is configured for the tests, or for somebody's own chorus, is none of its business.
    for (name, _) in
        env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CHORUS_"))
    {
        command.env_remove(name);
    }
    // Tests say a lot by few authors; those of limits say otherwise.
    command.env("CHORUS_LIMITS__COMMENTS_PER_USER_PER_MINUTE", "0");
    command.current_dir(folder).args(args).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it to its end.
pub(crate) async fn run(folder: &Path, args: &[&str]) -> Output {
    let output = command(folder, args).output();
    timeout(GUARD, output).await.expect("it does not end").expect("can't run it")
}

/// What it said when it ended, on one line.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A process that serves.
pub(crate) struct Process {
    child: Child,
    pub(crate) public: Option<SocketAddr>,
    pub(crate) internal: SocketAddr,
}

impl Process {
    /// Starts it and waits until it prints where it listens.
    pub(crate) async fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_command(command(folder, args)).await
    }

    /// As [`Process::start`], of a [`command`].
    pub(crate) async fn start_command(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("can't start");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut public, mut internal) = (None, None);
        while internal.is_none() {
            let line = timeout(GUARD, lines.next_line()).await.expect("it prints nothing");
            let line = line.unwrap().expect("it ended before it listened");
            let address = |line: &str| {
                let rest = line.split_once("://")?.1;
                rest.split('/').next()?.parse::<SocketAddr>().ok()
            };
            match line.split_whitespace().next() {
                Some("public") => public = address(&line),
                Some("internal") => internal = address(&line),
                _ => {}
            }
        }
        Self { child, public, internal: internal.unwrap() }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.public.expect("no public socket"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it has ended")
    }

    /// Processor time that it has used, in hundredths of a second.
    pub(crate) fn ticks(&self) -> u64 {
        let pid = self.pid();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.pid();
        // The shell's own: not every system has a `kill` to be run.
        let kill = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status();
        let status = timeout(GUARD, kill).await.expect("kill hangs").expect("no shell");
        assert!(status.success(), "kill -s {name} {pid}: {status}");
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        timeout(GUARD, self.child.wait()).await.expect("it does not end").unwrap()
    }

    /// kill -9.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The first line that a [`command`] prints which doesn't end by itself.
pub(crate) async fn first_line(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("can't start");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(GUARD, lines.next_line()).await.expect("it prints nothing");
    line.unwrap().expect("it ended before it printed anything")
}
