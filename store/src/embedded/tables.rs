//! The directory of the embedded store: taking it for this process, and the tables inside.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};

use super::{
    check::{self, First},
    expiry, half_made,
    lock::Lock,
    open_error::OpenError,
    swap,
};

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
const DELETED: &str = "deleted";
pub(super) const SLOTS: &str = "slots";
const NOTES: &str = "notes";
const TOTALS: &str = "totals";
/// All of them, in the order in which they are made, which numbers them from 1. A later chorus adds
/// to its end.
const NAMES: [&str; 8] = [COMMENTS, CLAIMS, PENDING, SETTLED, DELETED, SLOTS, NOTES, TOTALS];

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
    /// Key: video, id, as in `comments`, where the comment then isn't. Value: the deletion as JSON.
    pub(super) deleted: Keyspace,
    /// Key: video, name. Value: version, end, value.
    pub(super) slots: Keyspace,
    /// Key: video, journal, id. Value: the note's.
    pub(super) notes: Keyspace,
    /// Key: video, source. Value: what that has counted.
    pub(super) totals: Keyspace,
}

impl Tables {
    /// Opens the directory, and makes it when there is none. The engine locks a file inside it, so
    /// one process has it at a time; the kernel lets go of that lock however the process ends.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |why| OpenError::io(path, why);
        fs::create_dir_all(path).map_err(io)?;
        let first = prepare(path)?;
        let tables = Self::open_engine(path).map_err(|why| OpenError::engine(path, why))?;
        if let Some(first) = first.filter(|first| !tables.has(first)) {
            return Err(OpenError::damaged(path, &[first.damage()]));
        }
        sync_directories(path).map_err(io)?;
        Ok(tables)
    }

    /// Whether the engine took in what a batch writes. What it can't read counts as there: whoever
    /// reads it is told.
    pub(super) fn has(&self, first: &First) -> bool {
        first.writes.iter().all(|(number, writes)| {
            let Some((name, table)) = self.numbered(*number) else { return true };
            writes.iter().all(|(key, value)| {
                expiry::may_be_gone(name, key, value) || table.contains_key(key).unwrap_or(true)
            })
        })
    }

    /// The table that has this number in journals, and its name.
    fn numbered(&self, number: u64) -> Option<(&'static str, &Keyspace)> {
        let folder = number.to_string();
        self.named().into_iter().find(|(_, table)| table.path().ends_with(&folder))
    }

    /// All tables, by their numbers from 1 on.
    pub(super) fn named(&self) -> [(&'static str, &Keyspace); NAMES.len()] {
        let Self { comments, claims, pending, settled, deleted, slots, notes, totals, .. } = self;
        let tables = [comments, claims, pending, settled, deleted, slots, notes, totals];
        std::array::from_fn(|nth| (NAMES[nth], tables[nth]))
    }

    /// Has the engine open the directory, whatever is in it, and makes the tables that it lacks.
    pub(super) fn open_engine(path: &Path) -> fjall::Result<Self> {
        let is_new = !path.join(check::MARKER).exists();
        let mut db = open_database(path)?;
        if !is_new && NAMES.iter().any(|name| !db.keyspace_exists(name)) {
            drop(db);
            half_made::clear(path)?;
            db = open_database(path)?;
        }
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX);
        Ok(Self {
            comments: db.keyspace(COMMENTS, options)?,
            claims: db.keyspace(CLAIMS, options)?,
            pending: db.keyspace(PENDING, options)?,
            settled: db.keyspace(SETTLED, options)?,
            deleted: db.keyspace(DELETED, options)?,
            slots: db.keyspace(SLOTS, options)?,
            notes: db.keyspace(NOTES, options)?,
            totals: db.keyspace(TOTALS, options)?,
            db,
        })
    }

    /// Bytes of all tables on disk, without the journal.
    pub(super) fn disk_space(&self) -> u64 {
        self.named().into_iter().map(|(_, table)| table.disk_space()).sum()
    }
}

fn open_database(path: &Path) -> fjall::Result<Database> {
    Database::builder(path)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .with_compaction_filter_factories(Arc::new(expiry::filter_of))
        .open()
}

/// Looks at what is there before the engine believes it, and clears away what a process that died
/// left half written. Gives the oldest batch, to be asked for once the store is open.
fn prepare(path: &Path) -> Result<Option<First>, OpenError> {
    let io = |why| OpenError::io(path, why);
    // Until the engine takes it: another process may have begun writing.
    let _lock = Lock::take(path)?;
    if swap::is_under_way(path) {
        return Err(OpenError::HalfRepaired(path.to_owned()));
    }
    let mut findings = check::before_open(path).map_err(io)?;
    let first = findings.first.take();
    findings.mend_tail().map_err(io)?;
    let damages = findings.damages(path)?;
    if !damages.is_empty() {
        return Err(OpenError::damaged(path, &damages));
    }
    finish_half_made(path).map_err(io)?;
    Ok(first)
}

/// A process that died in the middle of making the directory leaves an empty journal without the
/// marker that the engine writes last, and the engine then refuses to make another.
fn finish_half_made(path: &Path) -> io::Result<()> {
    if path.join(check::MARKER).exists() {
        return Ok(());
    }
    check::journals(path)?.into_iter().try_for_each(|(_, journal)| fs::remove_file(journal))
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
