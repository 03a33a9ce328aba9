//! What tool and server used of the machine: where they share it, a rate alone says little.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::machine::thread_cpu;
use crate::process::Process;
use crate::report::Row;

/// Where the clocks stood.
pub(super) struct Meter {
    server: Option<Process>,
    at: Instant,
    client_cpu: Duration,
    server_cpu: Option<Duration>,
}

/// CPU in cores, of some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) client: f64,
    server: Option<f64>,
}

impl Meter {
    /// # Errors
    /// When the server isn't a process of this machine.
    pub(super) fn start(server_pid: Option<u32>) -> Result<Self> {
        let server = server_pid.map(|pid| Process { pid, key: "server", name: "the server" });
        let server_cpu = server.map(Process::cpu).transpose()?;
        Ok(Self { server, at: Instant::now(), client_cpu: thread_cpu(), server_cpu })
    }

    pub(super) fn stop(self) -> Result<Usage> {
        let took_s = self.at.elapsed().as_secs_f64();
        let cores =
            |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() / took_s;
        let server_cpu = self.server.map(Process::cpu).transpose()?;
        let server = self.server_cpu.zip(server_cpu).map(|(before, after)| cores(before, after));
        Ok(Usage { client: cores(self.client_cpu, thread_cpu()), server })
    }
}

impl Usage {
    /// `phase` as in `peak`; `per_s` is what was acknowledged meanwhile.
    pub(super) fn rows(&self, phase: &str, per_s: f64) -> Vec<Row> {
        let row = |key, label: &str, value, unit| Row {
            key: format!("{key}_{phase}"),
            label: label.to_owned(),
            value,
            unit,
        };
        let mut rows = vec![row("client_cores", "… CPU of this tool", self.client, "core")];
        if let Some(server) = self.server.filter(|cores| *cores > 0.0) {
            rows.push(row("server_cores", "… CPU of the server", server, "core"));
            let each = (per_s / server).round();
            rows.push(row("per_core_s", "… acknowledged per core-second", each, ""));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_for_whoever_did_it() {
        let meter = Meter::start(Some(std::process::id())).unwrap();
        let sum = (0..80_000_000u64).fold(0u64, |sum, n| std::hint::black_box(sum ^ n));
        std::hint::black_box(sum);
        let usage = meter.stop().unwrap();
        assert!(usage.client > 0.0 && usage.server.is_some_and(|cores| cores > 0.0), "{usage:?}");
        let keys = |usage: &Usage| usage.rows("peak", 100.0).len();
        assert_eq!(keys(&usage), 3);
        assert_eq!(keys(&Usage { server: None, ..usage }), 1);
        assert!(Meter::start(Some(u32::MAX)).is_err());
    }
}
