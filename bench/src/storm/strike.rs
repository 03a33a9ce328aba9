//! The kill, and the way back.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{sleep, sleep_until};

use super::counts::Counts;
use crate::args::StormArgs;
use crate::client::Client;
use crate::clock::Clock;
use crate::cluster::{Cluster, Role};
use crate::crowd::Crowd;
use crate::process::Process;
use crate::progress;

/// Replays go on for a moment after the last `resume`.
const REPLAYS_LAST: Duration = Duration::from_secs(1);

/// What it came to.
pub(crate) struct Strike {
    pub(crate) killed_us: u64,
    /// Of the gateway that they came to, from right before the kill until a second after all were
    /// back (or nobody came any more).
    pub(crate) counts: Counts,
    /// CPU that it took meanwhile.
    pub(crate) gateway_cpu: Duration,
}

/// Kills `doomed` at `at_us` and waits until its viewers are back.
pub(crate) async fn strike(
    args: &StormArgs,
    (doomed, cluster): (&mut Role, &mut Cluster),
    crowd: &Crowd,
    clock: Clock,
    at_us: u64,
) -> Result<Strike> {
    let refuge = cluster.gateway()?;
    let process = Process { pid: refuge.pid(), key: "gateway", name: "the gateway they came to" };
    let refuge = Client::new(refuge.internal()?)?;
    sleep_until(clock.instant(at_us)).await;
    let (counts_before, cpu_before) = (Counts::fetch(&refuge).await?, process.cpu()?);
    let killed_us = clock.micros();
    crowd.count_back(killed_us);
    doomed.kill()?;
    progress::note("killed the gateway");
    let all_came = crowd.return_all(args.silence_seconds).await;
    cluster.check_alive()?;
    sleep(REPLAYS_LAST).await;
    let counts = Counts::fetch(&refuge).await?;
    if all_came && !counts.has_opened(args.videos) {
        bail!("the gateway's /metrics don't tell how often it reads the live log");
    }
    Ok(Strike {
        killed_us,
        counts: counts.since(counts_before),
        gateway_cpu: process.cpu()?.saturating_sub(cpu_before),
    })
}
