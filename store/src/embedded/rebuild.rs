//! A store written anew from what can be read of another one's files: the second half of
//! [`repair()`](super::repair()), for when its tables are damaged.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fjall::{Keyspace, OwnedWriteBatch, PersistMode};

use super::{
    batches,
    bytes::Rest,
    check,
    damage::Trouble,
    manifest, record, repair, room_record,
    salvage::{self, Lost},
    tables::Tables,
    totals_record,
};

/// Records written at a time.
const BATCH_LEN: usize = 1_000;
/// A file for [`salvage`], in the new store's folder.
const SCRATCH: &str = "scratch";

/// Writes all that is whole of the store in `path` into a new one in `new`, oldest first, so that
/// what was newer stays so.
pub(super) fn all(path: &Path, new: &Path) -> io::Result<Vec<Lost>> {
    let tables = Tables::open_engine(new).map_err(io::Error::other)?;
    let mut lost = Vec::new();
    let mut copy = Copy { batch: batch(&tables), tables: &tables };
    for (nth, (_, table)) in tables.named().into_iter().enumerate() {
        let folder = path.join(check::TABLES).join((nth + 1).to_string());
        for file in files(&folder)? {
            lost.extend(of_file(&file, &new.join(SCRATCH), &mut copy, table)?);
        }
    }
    let journals = check::journals(path)?;
    for (nth, (_, journal)) in journals.iter().enumerate() {
        of_journal(journal, nth + 1 == journals.len(), &mut copy, &mut lost)?;
    }
    copy.write()?;
    copy.apply_deletions()?;
    tables.db.persist(PersistMode::SyncAll).map_err(io::Error::other)?;
    Ok(lost)
}

/// A table's files, oldest first. Where the manifest is damaged it may name too few: all others
/// count as older, which is right for comments, since those never change, and of no weight for
/// slots and totals, which tell themselves.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = match manifest::read(folder) {
        Ok(listed) => listed.unwrap_or_default(),
        Err(Trouble::Io(why)) => return Err(why),
        Err(Trouble::Damage(_)) => {
            let listed = newest_manifest(folder)?.unwrap_or_default();
            let mut files = unlisted(folder, &listed)?;
            files.extend(listed.into_iter().rev().map(|listed| listed.file));
            return Ok(files);
        }
    };
    Ok(listed.into_iter().rev().map(|listed| listed.file).collect())
}

fn newest_manifest(folder: &Path) -> io::Result<Option<Vec<manifest::Listed>>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(None) };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let numbers = names.filter_map(|name| name.strip_prefix('v')?.parse::<u64>().ok());
    let Some(newest) = numbers.max() else { return Ok(None) };
    Ok(manifest::parse(&fs::read(folder.join(format!("v{newest}")))?, folder))
}

fn unlisted(folder: &Path, listed: &[manifest::Listed]) -> io::Result<Vec<PathBuf>> {
    let files = folder.join(manifest::FILES);
    if !files.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(files)?.collect::<io::Result<Vec<_>>>()?;
    let mut files = entries.into_iter().map(|entry| entry.path()).collect::<Vec<_>>();
    files.retain(|file| listed.iter().all(|listed| listed.file != *file));
    // By number: the engine counts them up.
    files.sort_by_key(|file| file.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok()));
    Ok(files)
}

fn of_file(
    file: &Path,
    scratch: &Path,
    copy: &mut Copy<'_>,
    table: &Keyspace,
) -> io::Result<Vec<Lost>> {
    if !file.exists() {
        let file = file.to_owned();
        return Ok(vec![Lost { file, at: 0..0, records: None, names: Vec::new() }]);
    }
    let mut before = None;
    salvage::of_table(file, scratch, |record| {
        let key = record.key.user_key;
        // The newest state of a key comes first.
        if before.replace(key.clone()).is_some_and(|before| before == key) {
            return Ok(());
        }
        let value = (!record.key.value_type.is_tombstone()).then_some(record.value);
        copy.put(table, &key, value.as_deref())
    })
}

fn of_journal(
    journal: &Path,
    last: bool,
    copy: &mut Copy<'_>,
    lost: &mut Vec<Lost>,
) -> io::Result<()> {
    let bytes = batches::read(journal)?;
    for part in batches::walk(&bytes, last) {
        let (_, items) = repair::kept(journal, &bytes, part, lost);
        let mut rest = Rest(&items);
        while let Some(item) = batches::item(&mut rest) {
            let number = item.table.checked_sub(1).and_then(|number| usize::try_from(number).ok());
            let tables = copy.tables.named();
            if let Some((_, table)) = number.and_then(|number| tables.get(number).copied()) {
                copy.put(table, item.key, (!item.removes).then_some(item.value))?;
            }
        }
    }
    Ok(())
}

/// Writes records in batches.
struct Copy<'t> {
    tables: &'t Tables,
    batch: OwnedWriteBatch,
}

fn batch(tables: &Tables) -> OwnedWriteBatch {
    OwnedWriteBatch::with_capacity(tables.db.clone(), BATCH_LEN)
}

impl Copy<'_> {
    fn put(&mut self, table: &Keyspace, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
        let tells_itself = [&self.tables.slots, &self.tables.totals].map(|table| table.id());
        if tells_itself.contains(&table.id()) && self.is_outdated(table, key, value)? {
            return Ok(());
        }
        match value {
            Some(value) => self.batch.insert(table, key, value),
            None => self.batch.remove(table, key),
        }
        if self.batch.len() < BATCH_LEN { Ok(()) } else { self.write() }
    }

    /// Whether a later version of the slot is there, or of totals more.
    fn is_outdated(
        &mut self,
        table: &Keyspace,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> io::Result<bool> {
        // What waits to be written can't be read yet.
        self.write()?;
        let (Some(value), Some(stored)) = (value, table.get(key).map_err(io::Error::other)?) else {
            return Ok(false);
        };
        if table.id() == self.tables.totals.id() {
            let weight = |value: &[u8]| {
                let totals = record::unseal(key, value).and_then(totals_record::totals);
                totals.ok().map(|totals| totals.weight())
            };
            return Ok(weight(value) < weight(&stored));
        }
        let version =
            |value: &[u8]| record::unseal(key, value).and_then(room_record::slot_version).ok();
        Ok(version(value) < version(&stored))
    }

    /// A deletion holds, in whatever order what it removes was found.
    fn apply_deletions(&mut self) -> io::Result<()> {
        let Tables { comments, deleted, .. } = self.tables;
        for deletion in deleted.iter() {
            self.put(comments, &deletion.key().map_err(io::Error::other)?, None)?;
        }
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.batch, batch(self.tables));
        full.commit().map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use common::{
        ids::{ActionId, CommentId, VideoId},
        room_store::{Slot, SlotName},
    };

    use super::*;

    fn write_out(table: &Keyspace, key: &[u8], payload: &[u8]) {
        table.insert(key, record::seal(key, payload)).unwrap();
        table.rotate_memtable_and_wait().unwrap();
    }

    /// Files may be found in any order: what they say of themselves counts.
    #[test]
    fn deletions_and_later_versions_hold_whatever_is_found_last() {
        let home = tempfile::tempdir().unwrap();
        let (old, new) = (home.path().join("old"), home.path().join("new"));
        let (video, name): (VideoId, _) = ("v".parse().unwrap(), SlotName::Pin);
        let [stays, gone] = [(); 2].map(|()| record::comment_key(&video, CommentId::now()));
        let slot = room_record::slot_key(&video, &name);
        let (earlier, later) = (ActionId::now(), ActionId::now());
        let set = |version: ActionId| {
            let value = version.to_string();
            room_record::slot_payload(&Slot { name: name.clone(), version, value, until_ms: None })
        };
        let tables = Tables::open(&old).unwrap();
        write_out(&tables.deleted, &gone, b"D{}");
        write_out(&tables.comments, &stays, b"{}");
        write_out(&tables.comments, &gone, b"{}");
        write_out(&tables.slots, &slot, &set(later));
        write_out(&tables.slots, &slot, &set(earlier));
        drop(tables);
        fs::create_dir(&new).unwrap();
        assert_eq!(all(&old, &new).unwrap(), []);
        let tables = Tables::open(&new).unwrap();
        let has = |key: &[u8]| tables.comments.contains_key(key).unwrap();
        assert!(has(&stays) && !has(&gone) && tables.deleted.contains_key(&gone).unwrap());
        let kept = tables.slots.get(&slot).unwrap().unwrap();
        let kept = record::unseal(&slot, &kept).and_then(room_record::slot_version);
        assert_eq!(kept, Ok(later));
    }
}
