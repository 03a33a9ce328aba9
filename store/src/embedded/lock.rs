//! The engine's lock file, taken by ourselves: for what is done to a store while nobody serves it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    thread,
    time::Duration,
};

use super::open_error::OpenError;

const FILE: &str = "lock";
/// A process that is just ending may still have it, as may a read under way in this one: two seconds,
/// for busy machines.
const TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// Held until dropped.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the file, for a store that is made by hand.
    pub(super) fn make(path: &Path) -> io::Result<File> {
        OpenOptions::new().create(true).truncate(false).write(true).open(path.join(FILE))
    }

    /// Takes the store in `path` for this process.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let io = |why| OpenError::io(path, why);
        let file = Self::make(path).map_err(io)?;
        for nth in 1..=TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(why)) => return Err(io(why)),
                Err(TryLockError::WouldBlock) if nth < TRIES => {
                    #[expect(clippy::disallowed_methods, reason = "opening a store blocks anyway")]
                    thread::sleep(BETWEEN_TRIES);
                }
                Err(TryLockError::WouldBlock) => {}
            }
        }
        Err(OpenError::InUse(path.to_owned()))
    }
}
