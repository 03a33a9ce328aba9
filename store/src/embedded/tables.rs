//! The directory of the embedded store: taking it for this process, and the tables inside.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};

use super::expiry;

/// Bytes of recent writes that a table keeps in memory before it writes them out, sorted. Small, so
/// that memory is bounded and a nearly full disk has room for what is written out.
pub(super) const MEMTABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of journal on disk; what a start has to read again at most.
const JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Bytes of blocks kept in memory for reads.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

const COMMENTS: &str = "comments";
pub(super) const CLAIMS: &str = "claims";
const PENDING: &str = "pending";
pub(super) const SETTLED: &str = "settled";

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
    #[error("{} is damaged ({why}); keep a copy of it and restore a backup, or set store.path", path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What the storage engine says.
        why: String,
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

    fn engine(path: &Path, why: fjall::Error) -> Self {
        match why {
            fjall::Error::Locked => Self::InUse(path.to_owned()),
            fjall::Error::Io(why) | fjall::Error::Storage(fjall::LsmError::Io(why)) => {
                Self::io(path, why)
            }
            fjall::Error::InvalidVersion(Some(_)) => Self::Version(path.to_owned()),
            why => Self::Damaged { path: path.to_owned(), why: why.to_string() },
        }
    }
}

/// The open tables. Clones are handles of the same; the directory stays taken until all are gone.
#[derive(Clone)]
pub(super) struct Tables {
    pub(super) db: Database,
    /// Key: video, id. Value: the comment as JSON.
    pub(super) comments: Keyspace,
    /// Key: author, Idempotency-Key. Value: the claim.
    pub(super) claims: Keyspace,
    /// Key: id, video. No value.
    pub(super) pending: Keyspace,
    /// Key: video, id, as in `comments`. No value.
    pub(super) settled: Keyspace,
}

impl Tables {
    /// Opens the directory, and makes it when there is none. The engine locks a file inside it, so
    /// one process has it at a time; the kernel lets go of that lock however the process ends.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(|why| OpenError::io(path, why))?;
        finish_half_made(path)?;
        let tables = Self::open_engine(path).map_err(|why| OpenError::engine(path, why))?;
        sync_directories(path).map_err(|why| OpenError::io(path, why))?;
        Ok(tables)
    }

    fn open_engine(path: &Path) -> fjall::Result<Self> {
        let db = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .with_compaction_filter_factories(Arc::new(expiry::filter_of))
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX);
        Ok(Self {
            comments: db.keyspace(COMMENTS, options)?,
            claims: db.keyspace(CLAIMS, options)?,
            pending: db.keyspace(PENDING, options)?,
            settled: db.keyspace(SETTLED, options)?,
            db,
        })
    }

    /// Bytes of all tables on disk, without the journal.
    pub(super) fn disk_space(&self) -> u64 {
        let tables = [&self.comments, &self.claims, &self.pending, &self.settled];
        tables.into_iter().map(Keyspace::disk_space).sum()
    }
}

/// A process that died in the middle of making the directory leaves a journal without the marker
/// that the engine writes last, and the engine then refuses to make another. Nothing was ever
/// written to that journal.
fn finish_half_made(path: &Path) -> Result<(), OpenError> {
    let (marker, journal) = (path.join("version"), path.join("0.jnl"));
    if marker.exists() || !journal.exists() {
        return Ok(());
    }
    let io = |why| OpenError::io(path, why);
    // The engine's own lock: a process that is just making the directory has it.
    let lock = File::create(path.join("lock")).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => fs::remove_file(journal).map_err(io),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(why)) => Err(io(why)),
    }
}

/// The engine syncs what it writes into its directories, but not the entries of the directories
/// themselves: after power loss a synced file could be in a directory that isn't there.
fn sync_directories(path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    for directory in [Some(path.join("keyspaces").as_path()), Some(&path), path.parent()] {
        directory.map_or(Ok(()), |directory| File::open(directory)?.sync_all())?;
    }
    Ok(())
}
