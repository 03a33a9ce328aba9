//! What a server and its children use, as the kernel accounts for it.

use std::fs::{read_dir, read_to_string};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::on_cpu;

/// Time on a processor, of all threads that live, to the nanosecond. On loopback that includes what
/// the kernel does for whoever receives.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let mut cpu = Duration::ZERO;
    for pid in family(pid) {
        let tasks = format!("/proc/{pid}/task");
        for task in read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
            cpu += on_cpu(&read_to_string(task?.path().join("schedstat")).unwrap_or_default());
        }
    }
    Ok(cpu)
}

/// Memory in use that no file backs, in bytes.
pub(crate) fn memory(pid: u32) -> Result<u64> {
    let mut kib = 0;
    for pid in family(pid) {
        let file = format!("/proc/{pid}/status");
        let status = read_to_string(&file).with_context(|| format!("reading {file}"))?;
        kib +=
            ["RssAnon:", "RssShmem:"].iter().filter_map(|name| field(&status, name)).sum::<u64>();
    }
    Ok(kib * 1024)
}

/// What the kernel holds for sockets and all else, both ends, in bytes.
pub(crate) fn kernel_memory() -> u64 {
    let slab = field(&read_to_string("/proc/meminfo").unwrap_or_default(), "Slab:");
    let sockets = read_to_string("/proc/net/sockstat").unwrap_or_default();
    let tcp = sockets.lines().find_map(|line| line.strip_prefix("TCP:"));
    let pages = tcp.and_then(|line| field(line, "mem "));
    slab.unwrap_or(0) * 1024 + pages.unwrap_or(0) * 4096
}

/// Ends it and its children.
pub(crate) fn kill(pid: u32) {
    for pid in family(pid).into_iter().rev() {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL); // it may have ended
        }
    }
}

/// A process and its children.
fn family(pid: u32) -> Vec<u32> {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = read_to_string(children).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children).collect()
}

/// The number after `name`.
fn field(text: &str, name: &str) -> Option<u64> {
    let (_, value) = text.split_once(name)?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_both() {
        let own = std::process::id();
        let before = cpu(own).unwrap();
        let sum = (0..20_000_000_u64).fold(0_u64, |sum, n| std::hint::black_box(sum ^ n));
        std::hint::black_box(sum);
        assert!(cpu(own).unwrap() > before);
        let before = memory(own).unwrap();
        let held = std::hint::black_box(vec![1_u8; 64 * 1024 * 1024]);
        assert!(memory(own).unwrap() > before + 32 * 1024 * 1024);
        drop(held);
        assert!(kernel_memory() > 0);
        assert!(cpu(u32::MAX).is_err());
    }

    #[test]
    fn numbers_are_found_behind_their_names() {
        assert_eq!(field("VmRSS:\t 9 kB\nRssAnon:\t   536 kB\n", "RssAnon:"), Some(536));
        assert_eq!(field(" inuse 5 orphan 0 tw 0 alloc 8 mem 77\n", "mem "), Some(77));
        assert_eq!(field("RssAnon: x", "RssAnon:"), None);
    }
}
