//! A store that was used for a while, for tests to damage copies of.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Deletion, Pending},
    ids::{ActionId, CommentId, IdempotencyKey, UserId, VideoId},
    room_store::{Journal, Note, RoomStore, Slot, SlotName},
};
use store::embedded::EmbeddedStore;
use tempfile::TempDir;

use crate::{
    comment_store::{claim, comment, deletion},
    room_store::slot,
};

/// Comments of each of the three ages.
pub(super) const COMMENTS: u8 = 30;

pub(super) fn video() -> VideoId {
    "used".parse().unwrap()
}

/// A store that was used for a while: tables in two layers, and a journal.
pub(super) struct Used {
    pub(super) home: TempDir,
    pub(super) known: Known,
    /// Length of the journal when a comment was acknowledged, of those that are in the journal.
    pub(super) acknowledged: Vec<(CommentId, u64)>,
    /// … when a deletion was.
    pub(super) deleted: Vec<(CommentId, u64)>,
}

/// What the store has said that it keeps.
#[derive(Default)]
pub(super) struct Known {
    pub(super) comments: Vec<Comment>,
    pub(super) claims: Vec<(UserId, IdempotencyKey, Claim)>,
    pub(super) deletions: Vec<(CommentId, Deletion)>,
    /// The latest versions.
    pub(super) slots: BTreeMap<SlotName, Slot>,
    pub(super) notes: Vec<Note>,
    /// Pending records that were struck off after they had been written out.
    pub(super) struck_off: Vec<Pending>,
}

pub(super) static USED: LazyLock<Used> = LazyLock::new(|| {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Used::make())
});

impl Used {
    async fn make() -> Self {
        let home = tempfile::tempdir().unwrap();
        let known = Known::default();
        let mut used = Self { home, known, acknowledged: Vec::new(), deleted: Vec::new() };
        for age in 0..3_u8 {
            let store = EmbeddedStore::open(used.home.path()).unwrap();
            for nth in 0..COMMENTS {
                used.put(&store, age * COMMENTS + nth, age == 2).await;
            }
            drop(store);
            if age < 2 {
                write_out(used.home.path());
            }
        }
        used
    }

    async fn put(&mut self, store: &EmbeddedStore, nth: u8, is_in_journal: bool) {
        let there = comment(&video(), CommentId::now(), &format!("number {nth} of them"));
        let (author, key) = ("uma".parse().unwrap(), format!("k{nth}").parse().unwrap());
        if nth.is_multiple_of(5) {
            let claim = store.claim(&author, &key, claim(nth)).await.unwrap();
            self.known.claims.push((author, key, claim));
        }
        store.put(&there).await.unwrap();
        store.settle(&there.video, there.id).await.unwrap();
        if nth < 3 {
            let pending = Pending { video: video(), comment: there.id };
            store.add_pending(&pending).await.unwrap();
            self.known.struck_off.push(pending);
        } else if nth == COMMENTS {
            for pending in &self.known.struck_off {
                store.remove_pending(pending).await.unwrap();
            }
        }
        if nth % 6 == 4 {
            return self.delete(store, &there, is_in_journal).await;
        }
        if is_in_journal {
            self.acknowledged.push((there.id, self.journal_len()));
        }
        self.known.comments.push(there);
    }

    /// Deletes a comment, and does what else a moderator does.
    async fn delete(&mut self, store: &EmbeddedStore, gone: &Comment, is_in_journal: bool) {
        let action = ActionId::now();
        let deletion = deletion("mo", action);
        store.delete(&gone.video, gone.id, &deletion).await.unwrap();
        if is_in_journal {
            self.deleted.push((gone.id, self.journal_len()));
        }
        self.known.deletions.push((gone.id, deletion));
        let value = format!("{{\"of\":\"{action}\"}}");
        for name in ["pin", &format!("ban/user {}", gone.id), "settings"] {
            let slot = slot(name, action, &value);
            store.set(&gone.video, &slot).await.unwrap();
            self.known.slots.insert(slot.name.clone(), slot);
        }
        let note = Note { id: action, value };
        store.note(&gone.video, Journal::Moderation, &note).await.unwrap();
        self.known.notes.push(note);
    }

    fn journal_len(&self) -> u64 {
        fs::metadata(journal(self.home.path())).unwrap().len()
    }

    pub(super) fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for file in files(self.home.path()) {
            let to = copy.path().join(&file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(self.home.path().join(&file), to).unwrap();
        }
        // Empty, but the engine wants it.
        fs::write(copy.path().join("lock"), "").unwrap();
        copy
    }
}

/// Has the engine write out what it has in memory. Its journal is then of no use, and it would go on
/// with an empty one once this one is long enough.
pub(super) fn write_out(home: &Path) {
    let db = fjall::Database::builder(home).open().unwrap();
    for table in ["comments", "claims", "pending", "settled", "deleted", "slots", "notes", "totals"]
    {
        let table = db.keyspace(table, || panic!("the table is there")).unwrap();
        table.rotate_memtable_and_wait().unwrap();
    }
    drop(db);
    fs::write(journal(home), "").unwrap();
}

pub(super) fn journal(home: &Path) -> PathBuf {
    home.join("0.jnl")
}

/// All files of a store that have something in them, by their names inside of it.
pub(super) fn files(home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::metadata(&path).unwrap().len() > 0 {
                found.push(path.strip_prefix(home).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
