//! What the tool itself costs, and on what it ran: a figure without its machine says nothing.

use std::fs::read_to_string;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// CPU time of the calling thread so far; zero where the system has no such file.
pub(crate) fn thread_cpu() -> Duration {
    on_cpu(&read_to_string("/proc/thread-self/schedstat").unwrap_or_default())
}

/// Time on a processor out of a thread's `schedstat`; zero where there is none.
pub(crate) fn on_cpu(schedstat: &str) -> Duration {
    let nanos = schedstat.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// Sees to it that this process, and each that it starts, may have so many files (and so sockets)
/// open: raises the soft limit as far as the hard one allows.
pub(crate) fn allow_open_files(needed: usize) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed as u64);
    if enough(current) {
        return Ok(());
    }
    if !enough(maximum) {
        bail!(
            "{needed} open files are needed and {} allowed: raise it (ulimit -Hn), or spread the \
             viewers over several processes",
            maximum.unwrap_or_default()
        );
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(needed as u64), maximum })?)
}

/// What the kernel says of the load of the last minute: others' work is in every figure.
pub(crate) fn load_average() -> Option<f64> {
    read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The machine of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    pub(crate) fn cores(&self) -> usize {
        self.cores
    }

    pub(crate) fn here() -> Self {
        let info = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: model.map_or("unknown", |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism().map_or(0, Into::into),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cores, {}, Linux {}", self.cores, self.cpu, self.kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_than_the_system_allows_is_an_error_that_says_what_to_do() {
        allow_open_files(16).unwrap();
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let error = allow_open_files(usize::MAX).unwrap_err().to_string();
            assert!(error.contains("ulimit -Hn"), "{error}");
        }
    }

    #[test]
    fn cpu_time_grows_with_work() {
        let before = thread_cpu();
        let sum = (0..20_000_000u64).fold(0u64, |sum, n| std::hint::black_box(sum ^ n));
        std::hint::black_box(sum);
        assert!(thread_cpu() > before);
    }
}
