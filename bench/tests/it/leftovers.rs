//! Processes that a run has started, and that may not be left over.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// The stand-in's processes that are still there.
pub(crate) fn alive(folder: &Path) -> Vec<u32> {
    pids(folder).into_iter().filter(is_alive).collect()
}

fn is_alive(pid: &u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Starts a run whose stand-in is in `folder`, and interrupts it once it has so many children: it
/// must end without a verdict, and so must they.
pub(crate) fn interrupt(command: &mut Command, folder: &Path, count: usize) {
    let mut bench = command.spawn().unwrap();
    let begun = Instant::now();
    let file = format!("/proc/{0}/task/{0}/children", bench.id());
    let mut children = Vec::new();
    while children.len() < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "only {children:?} started");
        park_timeout(Duration::from_millis(10));
        let text = fs::read_to_string(&file).unwrap();
        children = text.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    }
    let killed = Command::new("kill").args(["-INT", &bench.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(bench.wait().unwrap().code(), Some(2));
    assert_eq!(alive(folder), [0; 0]);
    assert!(!children.iter().any(is_alive), "{children:?}");
}

/// The stand-in's processes that were ever started there.
pub(crate) fn pids(folder: &Path) -> Vec<u32> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter_map(|name| name.to_str()?.strip_prefix("pid-")?.parse().ok()).collect()
}
