//! How a batch of writes gets on disk: one atomic batch of the engine, synced before it is seen.

use std::{io, path::Path};

use common::{comment_store::Claim, ids::ActionId};
use fjall::PersistMode;

use super::{
    group_commit::{Answers, CommitError, Sink},
    staging::Staging,
    tables::{MEMTABLE_BYTES_MAX, Tables},
};

/// Free bytes that writes leave on the disk at least: one table written out, and a bit.
pub(super) const FREE_BYTES_MIN: u64 = MEMTABLE_BYTES_MAX + 8 * 1024 * 1024;
/// Free bytes that writes leave on the disk at most.
const FREE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// One write of the embedded store; keys and values as [`record`](super::record),
/// [`room_record`](super::room_record) and [`totals_record`](super::totals_record) make them.
pub(super) enum Write {
    /// Stores a comment.
    Comment {
        /// Its key.
        key: Vec<u8>,
        /// The sealed comment.
        value: Vec<u8>,
    },
    /// Deletes a comment unless somebody has.
    Delete {
        /// The comment's key.
        key: Vec<u8>,
        /// The sealed deletion.
        value: Vec<u8>,
    },
    /// Claims a key unless somebody has.
    Claim {
        /// The claim's key.
        key: Vec<u8>,
        /// What to claim it for.
        claim: Claim,
    },
    /// Puts a comment on record as pending.
    AddPending {
        /// The record's key.
        key: Vec<u8>,
    },
    /// Strikes such a record off.
    RemovePending {
        /// The record's key.
        key: Vec<u8>,
    },
    /// Marks a comment as settled.
    Settle {
        /// The comment's key.
        key: Vec<u8>,
    },
    /// Sets a slot unless a later version is there.
    Set {
        /// The slot's key.
        key: Vec<u8>,
        /// The slot's version.
        version: ActionId,
        /// The sealed slot.
        value: Vec<u8>,
    },
    /// Adds a note to a journal.
    Note {
        /// The note's key.
        key: Vec<u8>,
        /// The sealed note.
        value: Vec<u8>,
    },
    /// Keeps what a source has counted.
    Totals {
        /// The row's key.
        key: Vec<u8>,
        /// The sealed totals.
        value: Vec<u8>,
    },
    /// Writes nothing: only asks whether writes get through.
    Nothing,
}

/// Tells the free bytes of the disk.
pub(super) type FreeBytes = Box<dyn Fn() -> io::Result<u64> + Send>;

/// The free bytes of the disk that `path` is on.
pub(super) fn free_bytes_at(path: &Path) -> FreeBytes {
    let path = path.to_owned();
    Box::new(move || {
        let disk = rustix::fs::statvfs(&path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    })
}

/// The commit thread's side of the tables. It alone writes, so what it reads meanwhile holds.
pub(super) struct Journal {
    tables: Tables,
    free_bytes: FreeBytes,
}

impl Journal {
    pub(super) fn new(tables: Tables, free_bytes: FreeBytes) -> Self {
        Self { tables, free_bytes }
    }

    /// Refuses writes while the disk is nearly full. The engine does not survive a write that fails
    /// half way, and its compactions need up to the size of the tables; stopping earlier keeps
    /// reads alive, and posting resumes by itself once there is room.
    fn check_disk(&self) -> Result<(), CommitError> {
        let needed = self.tables.disk_space().clamp(FREE_BYTES_MIN, FREE_BYTES_MAX);
        match (self.free_bytes)() {
            Ok(free) if free < needed => Err(CommitError::Refused(format!(
                "the disk is nearly full: {} MiB free, {} MiB needed; make room on it",
                free >> 20,
                needed >> 20
            ))),
            Ok(_) => Ok(()),
            Err(why) => {
                Err(CommitError::Refused(format!("can't tell the disk's free space: {why}")))
            }
        }
    }
}

/// SyncData is fdatasync: it also brings a grown file's length and blocks to the disk, and leaves
/// out only times. The engine shows the batch to readers after that, not before. Settled marks
/// alone are not worth one: the next batch brings them to the disk as well, and posts don't wait
/// for them.
fn persist_mode(writes: &[Write]) -> PersistMode {
    let marks_only = writes.iter().all(|write| matches!(write, Write::Settle { .. }));
    if marks_only { PersistMode::Buffer } else { PersistMode::SyncData }
}

impl Sink for Journal {
    type Write = Write;
    /// The claim in force, to who claimed.
    type Answer = Option<Claim>;

    fn commit(&mut self, writes: Vec<Write>) -> Result<Answers<Option<Claim>>, CommitError> {
        self.check_disk()?;
        let mode = persist_mode(&writes);
        let mut staging = Staging::new(&self.tables, &writes);
        let answers = writes.into_iter().map(|write| staging.stage(write)).collect();
        staging
            .batch
            .durability(Some(mode))
            .commit()
            .map_err(|why| CommitError::Fatal(fatal(&why)))?;
        Ok(answers)
    }
}

/// What is to be told when nothing more is written.
fn fatal(why: &fjall::Error) -> String {
    match why {
        // By one of its own threads, which could not write a table, or not read one to merge it.
        fjall::Error::Poisoned => "the storage engine gave up writing; check the disk, run \
                                   `chorus repair --check`, then restart"
            .into(),
        why => format!("writing to the disk failed ({why}); check it, then restart"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    #[test]
    fn a_full_disk_refuses_until_there_is_room() {
        let home = tempfile::tempdir().unwrap();
        let free = Arc::new(AtomicU64::new(FREE_BYTES_MIN - 1));
        let told = Arc::clone(&free);
        let tables = Tables::open(home.path()).unwrap();
        let mut journal = Journal::new(tables, Box::new(move || Ok(told.load(Ordering::Relaxed))));
        let put = || vec![Write::AddPending { key: b"key".to_vec() }];
        let refusal = journal.commit(put());
        assert!(matches!(refusal, Err(CommitError::Refused(why)) if why.contains("23 MiB free")));
        free.store(FREE_BYTES_MIN, Ordering::Relaxed);
        assert_eq!(journal.commit(put()).unwrap().len(), 1);
    }

    /// A table that can't be read to merge it stops the engine at every start.
    #[test]
    fn who_reads_of_a_stopped_engine_is_led_to_the_damage() {
        assert!(fatal(&fjall::Error::Poisoned).contains("`chorus repair --check`"));
        assert!(fatal(&fjall::Error::Io(io::ErrorKind::StorageFull.into())).contains("writing"));
    }

    /// A batch is synced unless nothing but settled marks is in it.
    #[test]
    fn only_settled_marks_are_not_worth_a_sync() {
        let mark = || Write::Settle { key: b"v\0id".to_vec() };
        assert!(matches!(persist_mode(&[mark(), mark()]), PersistMode::Buffer));
        for other in [Write::Nothing, Write::AddPending { key: b"key".to_vec() }] {
            assert!(matches!(persist_mode(&[mark(), other, mark()]), PersistMode::SyncData));
        }
    }
}
