//! Looks at a store's files before the engine does, which takes several kinds of damage for an
//! unfinished write and drops what is behind it.
//!
//! Before every start: the journals to the last byte, the manifests, and of each table file the list
//! that the engine trusts. That is bounded however much is stored. What is inside of table files has
//! checksums that the engine compares when it reads; [`full`] compares all of them.

mod journals;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub(super) use journals::First;
use journals::Tail;

use super::{
    batches,
    damage::{Damage, Trouble},
    manifest::{self, Listed},
    open_error::OpenError,
    table_file,
};

/// Where the engine has its tables.
pub(super) const TABLES: &str = "keyspaces";
/// What the engine writes when a new store is complete, and what is in it.
pub(super) const MARKER: &str = "version";
pub(super) const MARKER_TEXT: &[u8] = b"FJL\x03";
/// Ends the names of journals.
const JOURNAL: &str = "jnl";
/// The engine's own table of tables.
pub(super) const META: u64 = 0;
/// Greater than any sequence number that a store will ever reach.
pub(super) const SEQNO_MAX: u64 = 1 << 48;

/// What a look at the files found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Damage of what the engine wrote out, sorted.
    pub(super) in_tables: Vec<Damage>,
    /// Damage of everything else.
    pub(super) in_journals: Vec<Damage>,
    /// Damage of the engine's mark alone; with other damage it is another version's store.
    mark: Option<Damage>,
    /// How the last journal ends, when it doesn't end well.
    tail: Option<Tail>,
    /// The oldest batch.
    pub(super) first: Option<First>,
}

impl Findings {
    /// All that is damaged. Where the mark says that another version wrote the store, and the rest
    /// doesn't look like this version's either, that is so.
    pub(super) fn damages(&self, path: &Path) -> Result<Vec<Damage>, OpenError> {
        let damages = [self.in_tables.as_slice(), &self.in_journals].concat();
        match &self.mark {
            Some(_) if !damages.is_empty() => Err(OpenError::Version(path.to_owned())),
            Some(mark) => Ok(vec![mark.clone()]),
            None => Ok(damages),
        }
    }

    /// Cuts off what a dying process left half written, or completes it. Only for who has the lock.
    pub(super) fn mend_tail(&self) -> io::Result<()> {
        self.tail.as_ref().map_or(Ok(()), Tail::mend)
    }
}

/// What has to be right before the engine may open the store in `path`.
pub(super) fn before_open(path: &Path) -> io::Result<Findings> {
    check(path, &table_file::check_list)
}

/// The same, and every byte of every table.
pub(super) fn full(path: &Path) -> io::Result<Findings> {
    check(path, &|listed| table_file::check_all(listed, |_| {}))
}

type CheckFile<'c> = &'c dyn Fn(&Listed) -> Result<(), Trouble>;

fn check(path: &Path, check_file: CheckFile<'_>) -> io::Result<Findings> {
    let mut findings = Findings::default();
    let marker = path.join(MARKER);
    match fs::read(&marker) {
        Ok(text) if text == MARKER_TEXT => {}
        Ok(_) => findings.mark = Some(Damage::at(&marker, 0, "it is not this engine's mark")),
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        // The engine writes it before anything is stored.
        Err(_) if is_empty(path)? => return Ok(findings),
        Err(_) => findings.in_journals.push(Damage::of(&marker, "it is not there")),
    }
    check_tables(path, check_file, &mut findings)?;
    journals::check(path, &mut findings)?;
    Ok(findings)
}

/// Whether nothing was ever stored, though the engine may have begun to make files for it.
fn is_empty(path: &Path) -> io::Result<bool> {
    let tables = path.join(TABLES);
    if tables.is_dir() && !table_folders(path)?.is_empty() {
        return Ok(false);
    }
    for (_, journal) in journals(path)? {
        if !batches::read(&journal)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The folders of the engine's tables, by its numbers of them.
pub(super) fn table_folders(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    numbered(&path.join(TABLES), |name| name.parse().ok())
}

/// The journals, oldest first.
pub(super) fn journals(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    numbered(path, |name| name.strip_suffix(JOURNAL)?.strip_suffix('.')?.parse().ok())
}

fn numbered(
    folder: &Path,
    number: impl Fn(&str) -> Option<u64>,
) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(&number) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn check_tables(path: &Path, check_file: CheckFile<'_>, findings: &mut Findings) -> io::Result<()> {
    let tables = path.join(TABLES);
    if !tables.is_dir() {
        findings.in_tables.push(Damage::of(&tables, "it is not there"));
        return Ok(());
    }
    let folders = table_folders(path)?;
    let mut made = Vec::new();
    for (number, folder) in &folders {
        let check_file: CheckFile<'_> = if *number == META {
            &|listed| table_file::check_all(listed, |_| {})
        } else {
            check_file
        };
        if check_table(folder, check_file, &mut findings.in_tables)? {
            made.push(*number);
        }
    }
    // The engine begins anew what it misses, and removes tables that its table of tables misses.
    for number in 0..made.iter().max().map_or(0, |last| last + 1) {
        let folder = tables.join(number.to_string());
        if !made.contains(&number) && !tells_of(&findings.in_tables, &folder) {
            findings.in_tables.push(Damage::of(&folder, "it is not there, or empty"));
        }
    }
    Ok(())
}

fn tells_of(damages: &[Damage], folder: &Path) -> bool {
    damages.iter().any(|damage| damage.file.starts_with(folder))
}

/// Whether the table is one, damaged or not.
fn check_table(
    folder: &Path,
    check_file: CheckFile<'_>,
    damages: &mut Vec<Damage>,
) -> io::Result<bool> {
    let Some(listed) = or_damage(manifest::read(folder), damages)? else { return Ok(true) };
    for listed in listed.iter().flatten() {
        or_damage(check_file(listed), damages)?;
    }
    Ok(listed.is_some())
}

/// What a check gave, or nothing and its damage among `damages`.
fn or_damage<T>(checked: Result<T, Trouble>, damages: &mut Vec<Damage>) -> io::Result<Option<T>> {
    match checked {
        Ok(found) => Ok(Some(found)),
        Err(Trouble::Io(why)) => Err(why),
        Err(Trouble::Damage(damage)) => {
            damages.push(damage);
            Ok(None)
        }
    }
}
