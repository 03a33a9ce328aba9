//! File descriptors: a gateway has one for each viewer, and some are kept back for what must go on.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For so many the kernel's table is made at the start (a mebibyte); beyond that it grows as needed.
const TABLE_LEN_MAX: u64 = 128 * 1024;

/// Kept back: of the upper half for what the process itself opens (its store's files, calls between
/// roles), of the lower half for connections that come and go while there is no room for streams.
const RESERVE: RawFd = 256;
/// Of a small limit no more than this part.
const RESERVE_PART: RawFd = 4;

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

/// Whether nothing should be begun that keeps a descriptor for long.
#[must_use]
pub fn are_scarce() -> bool {
    // The system gives the lowest free number, so that there are at least as many open.
    let lowest = rustix::io::fcntl_dupfd_cloexec(io::stderr().as_fd(), 0);
    let limit = limit();
    lowest.map_or(true, |lowest| lowest.as_raw_fd() >= limit - reserve(limit))
}

/// Whether this one was among the last, which are the process's own.
#[must_use]
pub fn is_reserved(descriptor: &impl AsFd) -> bool {
    let limit = limit();
    descriptor.as_fd().as_raw_fd() >= limit - reserve(limit) / 2
}

fn limit() -> RawFd {
    let current = getrlimit(Resource::Nofile).current;
    current.and_then(|limit| limit.try_into().ok()).unwrap_or(RawFd::MAX)
}

fn reserve(limit: RawFd) -> RawFd {
    RESERVE.min(limit / RESERVE_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_limit_leaves_most_for_viewers() {
        assert_eq!([100_000, 1_024, 400].map(reserve), [256, 256, 100]);
        assert!(!are_scarce() && !is_reserved(&io::stderr()));
    }

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
