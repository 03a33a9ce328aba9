//! A process of this tool that is some of the viewers: `bench watch`.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::time::timeout;

use crate::args::{ManyArgs, WatchArgs};
use crate::clock::Clock;
use crate::cluster::Role;
use crate::load::Opened;
use crate::load::watch::Seen;

/// However many there are, and as long as some come: longer is a mistake.
const OPEN_WITHIN: Duration = Duration::from_secs(600);
/// What came of a run is there at once, a few megabytes.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Addresses that each process's viewers connect from. One has 28,000 ports, and looking for one of
/// the last is slow.
const SOURCES: u8 = 4;

/// All viewers.
pub(super) struct Watchers(Vec<Watcher>);

/// Dropping it kills it and waits for its end.
struct Watcher {
    viewers: usize,
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Watchers {
    /// Starts a process for each of the `parties`.
    pub(super) fn start(
        args: &ManyArgs,
        parties: &[usize],
        gateways: &[Role],
        video: &str,
        clock: Clock,
    ) -> Result<Self> {
        let address = |gateway: &Role| -> Result<SocketAddr> {
            gateway.public()?.authority().parse().context("a gateway's address")
        };
        let server = gateways.iter().map(address).collect::<Result<Vec<_>>>()?;
        let flags = |viewers, process| WatchArgs {
            server: server.clone(),
            source: (1..=SOURCES).map(|nth| Ipv4Addr::new(127, 0, process, nth).into()).collect(),
            video: video.to_owned(),
            viewers,
            comments: args.comments,
            zero_us: clock.zero_us(),
            silence_seconds: args.silence_seconds,
        };
        let flags = parties.iter().zip(1..).map(|(viewers, process)| flags(*viewers, process));
        Ok(Self(flags.map(|flags| Watcher::start(&flags)).collect::<Result<_>>()?))
    }

    /// Waits until all have their streams.
    pub(super) async fn open(&mut self) -> Result<()> {
        let viewers: usize = self.0.iter().map(|watcher| watcher.viewers).sum();
        let opened = timeout(OPEN_WITHIN, self.hear_all::<Opened>());
        let opened = opened.await.context("opening the streams takes too long")??;
        let refused: u64 = opened.iter().map(|opened| opened.refused).sum();
        if refused > 0 {
            bail!("{refused} of {viewers} viewers got no stream");
        }
        Ok(())
    }

    /// Whether everybody has comment `number` in time.
    pub(super) async fn have(&mut self, number: u32, within: Duration) -> Result<bool> {
        let Ok(told) = timeout(within, self.hear_all::<u32>()).await else { return Ok(false) };
        Ok(told?.into_iter().all(|told| told == number))
    }

    /// Ends them, after `posted` comments, and takes what they saw.
    pub(super) async fn finish(mut self, posted: usize) -> Result<Vec<Seen>> {
        for watcher in &mut self.0 {
            writeln!(watcher.stdin, "{posted}").context("a process of viewers has ended")?;
        }
        let seen = try_join_all(self.0.iter_mut().map(Watcher::hear_seen));
        timeout(ANSWER_WITHIN, seen).await.context("viewers don't tell what they saw")?
    }

    async fn hear_all<T: DeserializeOwned>(&mut self) -> Result<Vec<T>> {
        try_join_all(self.0.iter_mut().map(Watcher::hear)).await
    }
}

impl Watcher {
    fn start(args: &WatchArgs) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("watch").args(args.flags()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting viewers")?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = ChildStdout::from_std(child.stdout.take().context("no stdout")?)?;
        Ok(Self { viewers: args.viewers, child, stdin, stdout: BufReader::new(stdout).lines() })
    }

    async fn line(&mut self) -> Result<String> {
        self.stdout.next_line().await?.context("a process of viewers ended early")
    }

    async fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.line().await?;
        serde_json::from_str(&line).with_context(|| format!("bench watch said {line:.100}"))
    }

    /// What it saw; before that it may tell of a comment that came late.
    async fn hear_seen(&mut self) -> Result<Seen> {
        loop {
            let line = self.line().await?;
            if line.parse::<u32>().is_err() {
                return serde_json::from_str(&line).context("what viewers saw");
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Both can only fail where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
