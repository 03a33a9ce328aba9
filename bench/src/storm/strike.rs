//! The kill, and the way back.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::sleep_until;

use super::cluster::Cluster;
use super::log_reads::LogReads;
use crate::args::StormArgs;
use crate::client::Client;
use crate::clock::Clock;
use crate::crowd::Crowd;
use crate::process::Process;
use crate::progress;

/// What it came to.
pub(crate) struct Strike {
    pub(crate) killed_us: u64,
    /// Of the gateway that they came to, from right before the kill until all were back (or nobody
    /// came any more).
    pub(crate) log_reads: LogReads,
    /// CPU that it took meanwhile.
    pub(crate) gateway_cpu: Duration,
}

/// Kills the gateway at `at_us` and waits until its viewers are back.
pub(crate) async fn strike(
    args: &StormArgs,
    cluster: &mut Cluster,
    crowd: &Crowd,
    clock: Clock,
    at_us: u64,
) -> Result<Strike> {
    let refuge = Client::new(cluster.refuge.internal()?)?;
    let process =
        Process { pid: cluster.refuge.pid(), key: "gateway", name: "the gateway they came to" };
    sleep_until(clock.instant(at_us)).await;
    let (reads_before, cpu_before) = (LogReads::fetch(&refuge).await?, process.cpu()?);
    let killed_us = clock.micros();
    crowd.count_back(killed_us);
    cluster.doomed.kill()?;
    progress::note("killed the gateway");
    let all_came = crowd.return_all(args.silence_seconds).await;
    cluster.check_alive()?;
    let reads = LogReads::fetch(&refuge).await?;
    if all_came && !reads.has_opened(args.videos) {
        bail!("the gateway's /metrics don't tell how often it reads the live log");
    }
    Ok(Strike {
        killed_us,
        log_reads: reads.since(reads_before),
        gateway_cpu: process.cpu()?.saturating_sub(cpu_before),
    })
}
