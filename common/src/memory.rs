//! Memory: how near the process's control group is to its limit, at which the system would kill it.
//! Viewers are turned away before that; those who are there stay.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::sleep;

use crate::{outage::Outage, task};

/// Between looks: little of what is kept back can be used up meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// This part of the limit is kept back for what is under way.
const RESERVE_PART: u64 = 10;
/// A group without a limit says a number above this, or a word.
const LIMIT_MAX: u64 = 1 << 60;

static SCARCE: AtomicBool = AtomicBool::new(false);

/// Whether less than a tenth of the limit is left. What was given back counts as used as long as the
/// allocator keeps it.
#[must_use]
pub fn is_scarce() -> bool {
    SCARCE.load(Relaxed)
}

/// Looks from now on, if there is a limit.
pub fn watch() {
    let groups = groups();
    if groups.is_empty() {
        return;
    }
    task::spawn("memory", async move {
        let outage = Outage::new("take more viewers");
        loop {
            let looked = groups.iter().try_for_each(Group::look);
            SCARCE.store(looked.is_err(), Relaxed);
            outage.note(&looked);
            sleep(LOOK_EVERY).await;
        }
    });
}

/// The two versions of control groups, by the names of their files.
struct Version {
    root: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// Lines of `memory.stat`: what the system takes back when there is nothing else.
    cached: [&'static str; 2],
}

static FIRST: Version = Version {
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cached: ["total_inactive_file", "total_active_file"],
};
static SECOND: Version = Version {
    root: "/sys/fs/cgroup",
    limit: "memory.max",
    usage: "memory.current",
    cached: ["inactive_file", "active_file"],
};

/// A control group with a limit.
struct Group {
    folder: PathBuf,
    version: &'static Version,
}

/// The process's own, and those that it is in: the limit of each counts.
fn groups() -> Vec<Group> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let named = own.lines().filter_map(parse);
    let folders = named.flat_map(|(version, path)| {
        let folder = Path::new(version.root).join(path.trim_start_matches('/'));
        let folders: Vec<_> = folder.ancestors().map(Path::to_owned).collect();
        folders.into_iter().map(move |folder| Group { folder, version })
    });
    folders
        .filter(|group| group.folder.starts_with(group.version.root) && group.limit().is_some())
        .collect()
}

/// A line of /proc/self/cgroup, `hierarchy:controllers:path`, if it is about memory. A container may
/// not see the folder by that path; then its own group is the root.
fn parse(line: &str) -> Option<(&'static Version, &str)> {
    let (hierarchy, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    if controllers.split(',').any(|name| name == "memory") {
        Some((&FIRST, path))
    } else {
        (hierarchy == "0").then_some((&SECOND, path))
    }
}

impl Group {
    fn limit(&self) -> Option<u64> {
        self.number(self.version.limit).filter(|limit| *limit < LIMIT_MAX)
    }

    /// Bytes that can't be taken back.
    fn used(&self) -> Option<u64> {
        let usage = self.number(self.version.usage)?;
        let stat = fs::read_to_string(self.folder.join("memory.stat")).ok()?;
        let cached = stat.lines().filter_map(|line| {
            let (name, bytes) = line.split_once(' ')?;
            self.version.cached.contains(&name).then(|| bytes.parse::<u64>().ok())?
        });
        Some(usage.saturating_sub(cached.sum()))
    }

    /// An error says how little is left.
    fn look(&self) -> Result<(), String> {
        let (Some(limit), Some(used)) = (self.limit(), self.used()) else { return Ok(()) };
        if used <= limit - limit / RESERVE_PART {
            return Ok(());
        }
        Err(format!("{} of {} MiB of memory are in use", used >> 20, limit >> 20))
    }

    fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.folder.join(file)).ok()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_memory_counts() {
        let lines = ["4:memory:/a/b", "8:pids:/c", "2:cpu,memory:/d", "0::/e", "nonsense"];
        let parsed = lines.map(|line| parse(line).map(|(version, path)| (version.limit, path)));
        let (first, second) = (FIRST.limit, SECOND.limit);
        let expected =
            [Some((first, "/a/b")), None, Some((first, "/d")), Some((second, "/e")), None];
        assert_eq!(parsed, expected);
    }

    #[test]
    fn the_last_tenth_is_kept_back_and_what_is_cached_is_free() {
        let folder = tempfile::tempdir().unwrap();
        for version in [&FIRST, &SECOND] {
            let group = Group { folder: folder.path().to_owned(), version };
            let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
            let [inactive, active] = version.cached;
            write("memory.stat", &format!("anon 7\n{inactive} 30\n{active} 20\nother 9\n"));
            write(version.usage, "1000\n");
            for (limit, is_near) in [("1055", false), ("1054", true), ("max", false)] {
                write(version.limit, &format!("{limit}\n"));
                assert_eq!(group.look().is_err(), is_near, "{limit}");
            }
            write(version.limit, "9223372036854771712\n");
            assert_eq!(group.limit(), None);
            write(version.limit, "0\n");
            assert!(group.look().is_err(), "no room at all");
        }
        let nowhere = Group { folder: folder.path().join("nowhere"), version: &FIRST };
        assert_eq!(nowhere.look(), Ok(()));
    }
}
