//! What the gateways cost, and what the kernel holds for both ends.

use std::time::Duration;

use anyhow::Result;

use super::Watched;
use crate::cluster::Role;
use crate::footprint;
use crate::report::Row;

const KIB: f64 = 1024.0;

/// At one moment.
pub(super) struct Costs {
    /// By gateway: memory in use that no file backs, in bytes.
    memory: Vec<u64>,
    /// Of the whole machine's kernel, in bytes.
    kernel: u64,
    /// CPU time of all gateways so far.
    cpu: Duration,
}

impl Costs {
    pub(super) fn take(gateways: &[Role]) -> Result<Self> {
        let pids = || gateways.iter().map(Role::pid);
        Ok(Self {
            memory: pids().map(footprint::memory).collect::<Result<_>>()?,
            kernel: footprint::kernel_memory(),
            cpu: pids().map(footprint::cpu).sum::<Result<_>>()?,
        })
    }
}

/// Per viewer, and per delivery.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 of anything")]
pub(super) fn rows(watched: &Watched, viewers: usize, deliveries: usize) -> Vec<Row> {
    let [empty, full, after] = &watched.costs;
    let grown = full.memory.iter().zip(&empty.memory);
    let grown: Vec<u64> = grown.map(|(full, empty)| full.saturating_sub(*empty)).collect();
    let (viewers, deliveries) = (viewers as f64, deliveries.max(1) as f64);
    let kib = |bytes: u64| bytes as f64 / KIB / viewers;
    let all = kib(grown.iter().sum());
    let most = kib(grown.iter().max().copied().unwrap_or(0)) * grown.len() as f64;
    let kernel = kib(full.kernel.saturating_sub(empty.kernel));
    let each = |seconds: f64| seconds * 1e6 / deliveries;
    let gateways = each(after.cpu.saturating_sub(full.cpu).as_secs_f64());
    let client = each(watched.seen.iter().map(|seen| seen.cpu_s).sum());
    [
        ("gateway_kib_per_viewer", "gateways' memory per viewer", all, "KiB"),
        ("gateway_kib_per_viewer_max", "… of the gateway with most", most, "KiB"),
        ("kernel_kib_per_viewer", "kernel's memory, both ends", kernel, "KiB"),
        ("gateway_cpu_us", "gateways' CPU per delivery", gateways, "µs"),
        ("client_cpu_us", "this tool's CPU per delivery", client, "µs"),
    ]
    .map(|(key, label, value, unit)| Row { key: key.into(), label: label.into(), value, unit })
    .to_vec()
}
