//! How a batch of writes gets on disk: one atomic batch of the engine, synced before it is seen.

use std::{collections::HashMap, io, path::Path};

use common::comment_store::{Claim, StoreError};
use fjall::{Keyspace, OwnedWriteBatch, PersistMode};

use super::{
    damaged, expiry,
    group_commit::{Answers, CommitError, Sink},
    record,
    tables::{MEMTABLE_BYTES_MAX, Tables},
};

/// Free bytes that writes leave on the disk at least: one table written out, and a bit.
pub(super) const FREE_BYTES_MIN: u64 = MEMTABLE_BYTES_MAX + 8 * 1024 * 1024;
/// Free bytes that writes leave on the disk at most.
const FREE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// One write of the embedded store; keys and values as [`record`] makes them.
pub(super) enum Write {
    /// Stores a comment.
    Comment {
        /// Its key.
        key: Vec<u8>,
        /// The sealed comment.
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

/// The commit thread's side of the tables. It alone writes, so what it reads for a claim holds.
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

    /// The claim in force, where there is one.
    fn claim_in_force(&self, key: &[u8]) -> Result<Option<Claim>, StoreError> {
        let value = self.tables.claims.get(key).map_err(|why| super::unread("claim", key, why))?;
        let Some(value) = value else { return Ok(None) };
        let claim = record::unseal(key, &value).and_then(record::parse_claim);
        let claim = claim.map_err(|flaw| damaged("claim", key, flaw))?;
        Ok(expiry::holds(&claim, expiry::now_ms()).then_some(claim))
    }
}

/// Claims that stand in a batch that isn't on disk yet.
type Claimed = HashMap<Vec<u8>, Claim>;

impl Journal {
    fn stage(
        &self,
        write: Write,
        batch: &mut OwnedWriteBatch,
        claimed: &mut Claimed,
    ) -> Result<Option<Claim>, StoreError> {
        let Tables { comments, pending, settled, .. } = &self.tables;
        match write {
            Write::Comment { key, value } => batch.insert(comments, key, value),
            Write::AddPending { key } => insert_empty(batch, pending, key),
            Write::RemovePending { key } => batch.remove(pending, key),
            Write::Settle { key } => insert_empty(batch, settled, key),
            Write::Claim { key, claim } => {
                return self.stage_claim(key, claim, batch, claimed).map(Some);
            }
            Write::Nothing => {}
        }
        Ok(None)
    }

    fn stage_claim(
        &self,
        key: Vec<u8>,
        claim: Claim,
        batch: &mut OwnedWriteBatch,
        claimed: &mut Claimed,
    ) -> Result<Claim, StoreError> {
        let earlier = match claimed.get(&key) {
            Some(earlier) => Some(*earlier),
            None => self.claim_in_force(&key)?,
        };
        if let Some(earlier) = earlier {
            return Ok(earlier);
        }
        let value = record::seal(&key, &record::claim_payload(&claim));
        batch.insert(&self.tables.claims, key.clone(), value);
        claimed.insert(key, claim);
        Ok(claim)
    }
}

fn insert_empty(batch: &mut OwnedWriteBatch, table: &Keyspace, key: Vec<u8>) {
    let value = record::seal(&key, &[]);
    batch.insert(table, key, value);
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
        let batch = OwnedWriteBatch::with_capacity(self.tables.db.clone(), writes.len());
        let mut batch = batch.durability(Some(persist_mode(&writes)));
        let mut claimed = Claimed::new();
        let answers =
            writes.into_iter().map(|write| self.stage(write, &mut batch, &mut claimed)).collect();
        batch.commit().map_err(|why| CommitError::Fatal(fatal(&why)))?;
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

    use common::ids::CommentId;

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

    #[test]
    fn two_claims_of_a_key_in_one_batch_have_one_winner() {
        let home = tempfile::tempdir().unwrap();
        let tables = Tables::open(home.path()).unwrap();
        let mut journal = Journal::new(tables, free_bytes_at(home.path()));
        let claim = |digest| Claim { comment: CommentId::now(), digest: [digest; 32] };
        let (first, second, third) = (claim(1), claim(2), claim(3));
        let write = |claim| Write::Claim { key: b"a\0k".to_vec(), claim };
        let answers = journal.commit(vec![write(first), write(second)]).unwrap();
        let later = journal.commit(vec![write(third)]).unwrap();
        for answer in answers.into_iter().chain(later) {
            assert_eq!(answer.unwrap(), Some(first));
        }
    }
}
