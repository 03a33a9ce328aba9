//! Why a store can't be opened or repaired, each with what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{check, damage::Damage};

/// Why the embedded store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another chorus process; stop it or set store.path", .0.display())]
    InUse(PathBuf),
    /// Something else stands there.
    #[error("{} is not a directory; move it away or set store.path", .0.display())]
    NotADirectory(PathBuf),
    /// The user chorus runs as may not.
    #[error("no permission to write to {}; change its owner or set store.path", .0.display())]
    Permission(PathBuf),
    /// Written by another version of the storage engine.
    #[error("{} was written by another version of chorus; start that one, or set store.path", .0.display())]
    Version(PathBuf),
    /// What is there can't be read.
    #[error("{} is damaged: {why}; run `chorus repair`, which keeps all that is whole, or restore a backup", path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// Which file and what of it.
        why: String,
    },
    /// A repair was interrupted while it put new files in the place of old ones.
    #[error("a repair of {} was interrupted; run `chorus repair` again", .0.display())]
    HalfRepaired(PathBuf),
    /// There is nothing to check or repair.
    #[error("{} is not there; set store.path", .0.display())]
    Missing(PathBuf),
    /// What `chorus repair` made of it can't be opened either.
    #[error("{} can't be repaired: {why}; keep a copy of it and restore a backup", path.display())]
    Beyond {
        /// The directory.
        path: PathBuf,
        /// Why the repaired one is of no use.
        why: String,
    },
    /// A repair writes a table anew beside the damaged one.
    #[error("repairing {} takes {needed_mib} MiB of free disk, {free_mib} are there; make room on it", path.display())]
    NoRoom {
        /// The directory.
        path: PathBuf,
        /// What a repair writes at most, in MiB.
        needed_mib: u64,
        /// What is free, in MiB.
        free_mib: u64,
    },
    /// Anything else that the operating system refuses.
    #[error("{}: {why}; mend that or set store.path", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        why: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, why: io::Error) -> Self {
        let is_directory = path.is_dir();
        let path = path.to_owned();
        match why.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission(path),
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists if !is_directory => {
                Self::NotADirectory(path)
            }
            _ => Self::Io { path, why },
        }
    }

    /// Of these damages, of which there is one at least.
    pub(super) fn damaged(path: &Path, damages: &[Damage]) -> Self {
        let more = match damages.len() {
            0 | 1 => String::new(),
            len => format!(" (and {} more)", len - 1),
        };
        let why = damages.first().map_or_else(String::new, |damage| format!("{damage}{more}"));
        Self::Damaged { path: path.to_owned(), why }
    }

    /// What the engine says; damage it tells without a name, so all files are looked at for it.
    pub(super) fn engine(path: &Path, why: fjall::Error) -> Self {
        match why {
            fjall::Error::Locked => Self::InUse(path.to_owned()),
            fjall::Error::Io(why) | fjall::Error::Storage(fjall::LsmError::Io(why)) => {
                Self::io(path, why)
            }
            fjall::Error::InvalidVersion(Some(_)) => Self::Version(path.to_owned()),
            why => match check::full(path).map(|findings| findings.damages(path)) {
                Ok(Ok(damages)) if !damages.is_empty() => Self::damaged(path, &damages),
                _ => Self::Damaged { path: path.to_owned(), why: why.to_string() },
            },
        }
    }
}
