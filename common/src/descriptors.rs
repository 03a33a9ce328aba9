//! File descriptors: a gateway has one for each viewer.

use std::{io, os::fd::AsFd};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For so many the kernel's table is made at the start (a mebibyte); beyond that it grows as needed.
const TABLE_LEN_MAX: u64 = 128 * 1024;

/// Raises the soft limit as far as the hard one allows, and has the kernel make its table of
/// descriptors as large at once. In a process with several threads that table grows by steps that
/// take 20 ms each, in which nothing can be accepted: of 10,000 viewers who come at once, many were
/// turned away and came again a second later.
///
/// # Errors
/// What the system says. Serving goes on as well without it, for fewer.
pub fn prepare() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let len = maximum.map_or(TABLE_LEN_MAX, |maximum| maximum.min(TABLE_LEN_MAX));
    let highest = len.saturating_sub(1).try_into().unwrap_or(i32::MAX);
    // Closed again at once; the table stays.
    rustix::io::fcntl_dupfd_cloexec(io::stderr().as_fd(), highest)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_are_allowed() {
        prepare().unwrap();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let table = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
        let table: u64 = table.trim().parse().unwrap();
        let wanted = maximum.map_or(TABLE_LEN_MAX, |maximum| maximum.min(TABLE_LEN_MAX));
        assert!(table >= wanted, "{table} of {wanted}");
    }
}
