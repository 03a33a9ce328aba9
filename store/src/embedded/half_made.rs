//! What a process left that died while it made tables. The engine numbers them, and of one that it
//! did not get to the end of it removes the files but keeps the number: all later tables would
//! have others than they should. So before any is made, those at the end that hold nothing go.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    batches::{self, Part},
    check,
    lock::Lock,
    manifest, swap,
};

/// Removes all tables behind the last one that something is in, so that those that are made next
/// are numbered from there. Where nothing is in any, the whole store is begun anew: of one without
/// tables the engine begins with the second number. Only for stores that were found whole.
pub(super) fn clear(path: &Path) -> io::Result<()> {
    let _lock = Lock::take(path).map_err(io::Error::other)?;
    let used = used_by_journals(path)?;
    for (number, folder) in check::table_folders(path)?.into_iter().rev() {
        if number != check::META {
            if used.contains(&number) || !is_empty(&folder) {
                return Ok(());
            }
            remove(&folder)?;
        }
    }
    begin_anew(path)
}

/// The engine's numbers of tables that something is written to in journals.
fn used_by_journals(path: &Path) -> io::Result<BTreeSet<u64>> {
    let mut used = BTreeSet::new();
    for (_, journal) in check::journals(path)? {
        for part in batches::walk(&batches::read(&journal)?, true) {
            if let Part::Batch(batch) = part {
                used.extend(batches::items(&batch).map(|item| item.table));
            }
        }
    }
    Ok(used)
}

fn is_empty(table: &Path) -> bool {
    manifest::read(table).is_ok_and(|listed| listed.unwrap_or_default().is_empty())
}

/// First what makes it a table: half of one would count as damage.
fn remove(table: &Path) -> io::Result<()> {
    match fs::remove_file(table.join(manifest::CURRENT)) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => swap::sync(table)?,
    }
    fs::remove_dir_all(table)
}

/// In this order: a store with the mark may lack tables, one without it may have journals that are
/// empty.
fn begin_anew(path: &Path) -> io::Result<()> {
    let meta = path.join(check::TABLES).join(check::META.to_string());
    let journals = check::journals(path)?.into_iter().map(|(_, journal)| journal);
    if meta.exists() {
        remove(&meta)?;
    }
    for file in [path.join(check::MARKER)].into_iter().chain(journals) {
        remove_synced(&file)?;
    }
    Ok(())
}

fn remove_synced(file: &PathBuf) -> io::Result<()> {
    fs::remove_file(file)?;
    file.parent().map_or(Ok(()), swap::sync)
}

#[cfg(test)]
mod tests {
    use fjall::Database;
    use tempfile::TempDir;

    use super::*;
    use crate::embedded::tables::Tables;

    const OF_AN_EARLIER_CHORUS: [&str; 4] = ["comments", "claims", "pending", "settled"];

    /// A store with these tables, the first of which has a record.
    fn store_of(tables: &[&str]) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        let db = Database::builder(home.path()).open().unwrap();
        for (nth, table) in tables.iter().enumerate() {
            let table = db.keyspace(table, Default::default).unwrap();
            if nth == 0 {
                table.insert("key", "value").unwrap();
            }
        }
        drop(db);
        home
    }

    fn folder(home: &TempDir, number: u64) -> PathBuf {
        home.path().join(check::TABLES).join(number.to_string())
    }

    /// Opens it twice: what is numbered wrongly is told the second time.
    fn expect_whole(home: &TempDir, has_record: bool, what: &str) {
        for nth in 0..2 {
            let tables = Tables::open(home.path()).map_err(|why| format!("{what} {nth}: {why}"));
            let tables = tables.unwrap();
            for (number, (name, table)) in (1..).zip(tables.named()) {
                assert_eq!(table.path(), folder(home, number), "{what} {nth}: {name}");
            }
            assert_eq!(tables.comments.contains_key("key").unwrap(), has_record, "{what} {nth}");
        }
    }

    #[test]
    fn an_earlier_store_gets_what_it_lacks() {
        expect_whole(&store_of(&OF_AN_EARLIER_CHORUS), true, "four");
        expect_whole(&store_of(&["comments", "claims"]), true, "two");
    }

    #[test]
    fn tables_are_made_where_a_process_died_making_one() {
        let more = store_of(&[&OF_AN_EARLIER_CHORUS[..], &["deleted", "slots"]].concat());
        let begun = store_of(&OF_AN_EARLIER_CHORUS);
        fs::create_dir_all(folder(&begun, 5).join(manifest::FILES)).unwrap();
        expect_whole(&begun, true, "a folder");
        // The engine's own table of tables doesn't know these yet.
        let unknown = store_of(&OF_AN_EARLIER_CHORUS);
        for number in [5, 6] {
            fs::create_dir_all(folder(&unknown, number).join(manifest::FILES)).unwrap();
            for file in fs::read_dir(folder(&more, number)).unwrap() {
                let file = file.unwrap();
                if file.file_type().unwrap().is_file() {
                    let to = folder(&unknown, number).join(file.file_name());
                    fs::copy(file.path(), to).unwrap();
                }
            }
        }
        expect_whole(&unknown, true, "tables");
        fs::create_dir(folder(&more, 7)).unwrap();
        expect_whole(&more, true, "a folder behind tables");
    }

    #[test]
    fn a_store_of_no_tables_is_begun_anew_also_where_that_was_cut_short() {
        let empty = || {
            let home = tempfile::tempdir().unwrap();
            drop(Database::builder(home.path()).open().unwrap());
            home
        };
        expect_whole(&empty(), false, "whole");
        let first_begun = empty();
        fs::create_dir(folder(&first_begun, 1)).unwrap();
        expect_whole(&first_begun, false, "a folder");
        let cut = empty();
        fs::remove_dir_all(folder(&cut, 0)).unwrap();
        expect_whole(&cut, false, "without the table of tables");
        let cut = empty();
        fs::remove_dir_all(folder(&cut, 0)).unwrap();
        fs::remove_file(cut.path().join(check::MARKER)).unwrap();
        expect_whole(&cut, false, "without the mark");
    }
}
