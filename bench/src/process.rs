//! What another process of this machine has used of the CPU.

use std::fs::read_to_string;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::report::Row;

/// Of `/proc/PID/stat`: Linux shows 100 per second on every architecture in use today, whatever the
/// kernel's own timer does.
const TICKS_PER_S: u64 = 100;

/// A server whose share is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// In the figures' keys.
    pub(crate) key: &'static str,
    /// In the table.
    pub(crate) name: &'static str,
}

impl Process {
    /// User and system time of all its threads so far, those that have ended too.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let Self { pid, name, .. } = self;
        let file = format!("/proc/{pid}/stat");
        let stat = read_to_string(&file).with_context(|| {
            format!("reading {file}: {name} should run on this machine, as process {pid}")
        })?;
        cpu(&stat).with_context(|| format!("{file} is not as expected"))
    }

    /// What `cpu` comes to for so many comments.
    pub(crate) fn rows(self, cpu: Duration, comments: u64) -> Vec<Row> {
        let Self { key, name, .. } = self;
        let mut rows = vec![Row::seconds(&format!("{key}_cpu_s"), &format!("CPU of {name}"), cpu)];
        if comments > 0 && !cpu.is_zero() {
            let each = Row::seconds("", "", cpu).value / Row::count("", "", comments).value;
            rows.push(Row {
                key: format!("{key}_cpu_us_per_comment"),
                label: "… per comment".to_owned(),
                value: each * 1e6,
                unit: "µs",
            });
            rows.push(Row {
                key: format!("{key}_comments_per_core_s"),
                label: "… comments per core-second".to_owned(),
                value: (1.0 / each).round(),
                unit: "",
            });
        }
        rows
    }
}

/// Keeps our own `CHORUS_…` from a chorus that is started: whoever measures may have another one
/// configured.
pub(crate) fn without_settings(command: &mut Command) {
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("CHORUS_") {
            command.env_remove(variable);
        }
    }
    // A load's few authors say more than people do.
    command.env("CHORUS_LIMITS__COMMENTS_PER_USER_PER_MINUTE", "0");
}

/// The 14th and 15th field. The 2nd is the program's name in parentheses, which may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut times = after_name.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()?.checked_add(times.next()?.ok()?)?;
    Some(Duration::from_millis(ticks.checked_mul(1_000 / TICKS_PER_S)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: fn(u32) -> Process = |pid| Process { pid, key: "tool", name: "the tool" };

    #[test]
    fn reads_user_and_system_time_behind_any_name() {
        let stat = |name: &str| format!("7 ({name}) S 1 7 7 0 -1 4194560 9 8 7 6 120 45 1 2 20 0");
        for name in ["redis-server", "a b", "x) R 1 2", "("] {
            assert_eq!(cpu(&stat(name)), Some(Duration::from_millis(1_650)), "{name}");
        }
        for bad in ["", "7 (a) S 1 2", "7 (a) S 1 7 7 0 -1 4194560 9 8 7 6 x 45"] {
            assert_eq!(cpu(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_process_that_runs_has_used_some_and_one_that_does_not_is_an_error() {
        let sum = (0..40_000_000u64).fold(0u64, |sum, n| std::hint::black_box(sum ^ n));
        std::hint::black_box(sum);
        assert!(!OURS(std::process::id()).cpu().unwrap().is_zero());
        let error = OURS(u32::MAX).cpu().unwrap_err();
        assert!(error.to_string().contains("the tool should run"), "{error}");
    }

    #[test]
    fn per_comment_and_per_core_second() {
        let values = |cpu, comments| {
            let rows = OURS(1).rows(cpu, comments);
            rows.iter().map(|row| (row.key.clone(), row.value)).collect::<Vec<_>>()
        };
        let expected = [("cpu_s", 2.0), ("cpu_us_per_comment", 20.0), ("comments_per_core_s", 5e4)];
        let expected = expected.map(|(key, value)| (format!("tool_{key}"), value));
        assert_eq!(values(Duration::from_secs(2), 100_000), expected);
        assert_eq!(values(Duration::from_secs(2), 0).len(), 1, "nothing to divide by");
    }
}
