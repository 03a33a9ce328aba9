//! Makes a store whole again without what is damaged, and says what that was: [`repair`].
//!
//! A new store is made in a folder of the old one and opened to see that it is one; then it takes
//! the old one's place, which is kept aside. Damage of journals alone costs little: the tables' files
//! are the same files under two names. Otherwise all records are written anew.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    batches::{self, HoleKind, Item, Part},
    check::{self, Findings},
    damage::Damage,
    journal,
    lock::Lock,
    open_error::OpenError,
    rebuild,
    salvage::{self, Lost},
    swap,
    tables::Tables,
};

/// How far sequence numbers are moved on, so that the engine takes none for one that it has written
/// out. So many are left that this can be done 65,000 times.
const SEQNO_STEP: u64 = 1 << 32;

/// What [`repair`] found and did.
#[derive(Debug, Default)]
pub struct Report {
    /// What was damaged. Empty: there was nothing to do.
    pub damages: Vec<Damage>,
    /// Of what could not be kept.
    pub lost: Vec<Lost>,
    /// Where the damaged files are now.
    pub aside: Option<PathBuf>,
}

/// All that is damaged in the store in `path`, which is left as it is. Reads every byte.
///
/// # Errors
/// When another process has it, or it can't be read.
pub fn check(path: &Path) -> Result<Vec<Damage>, OpenError> {
    let _lock = take(path)?;
    if swap::is_under_way(path) {
        return Err(OpenError::HalfRepaired(path.to_owned()));
    }
    check::full(path).map_err(|why| OpenError::io(path, why))?.damages(path)
}

/// Repairs the store in `path`; goes on where an earlier repair was interrupted.
///
/// # Errors
/// When another process has it, it can't be read or written, or is beyond repair.
pub fn repair(path: &Path) -> Result<Report, OpenError> {
    let io = |why| OpenError::io(path, why);
    let _lock = take(path)?;
    let mut report = Report::default();
    if swap::is_under_way(path) {
        report.aside = Some(swap::finish(path).map_err(io)?);
    }
    let mut findings = check::full(path).map_err(io)?;
    if findings.damages(path)?.is_empty() {
        findings.in_journals.extend(try_out(path, &findings)?);
    }
    let damages = findings.damages(path)?;
    if !damages.is_empty() {
        let new = swap::begin(path).map_err(io)?;
        report.lost = if findings.in_tables.is_empty() {
            link_tables(path, &new).and_then(|()| clean_journals(path, &new)).map_err(io)?
        } else {
            check_room(path).map_err(io)??;
            rebuild::all(path, &new).map_err(io)?
        };
        let opened = Tables::open(&new).map(drop);
        opened.map_err(|why| OpenError::Beyond { path: path.to_owned(), why: why.to_string() })?;
        report.aside = Some(swap::commit(path).map_err(io)?);
        report.damages = damages;
    }
    swap::abandon(path).map_err(io)?;
    Ok(report)
}

fn take(path: &Path) -> Result<Lock, OpenError> {
    if path.exists() { Lock::take(path) } else { Err(OpenError::Missing(path.to_owned())) }
}

/// Opens a copy, for what only the engine can tell.
fn try_out(path: &Path, findings: &Findings) -> Result<Option<Damage>, OpenError> {
    let io = |why| OpenError::io(path, why);
    let Some(first) = &findings.first else { return Ok(None) };
    let new = swap::begin(path).map_err(io)?;
    link_tables(path, &new).map_err(io)?;
    for (_, journal) in check::journals(path).map_err(io)? {
        fs::copy(&journal, new.join(name(&journal))).map_err(io)?;
    }
    let tables = Tables::open_engine(&new).map_err(|why| OpenError::engine(&new, why))?;
    Ok((!tables.has(first)).then(|| first.damage()))
}

/// A store with the same tables and no journals.
fn link_tables(path: &Path, new: &Path) -> io::Result<()> {
    link_folder(&path.join(check::TABLES), &new.join(check::TABLES))?;
    // The engine takes a store without one for none.
    Lock::make(new).map(drop)?;
    fs::write(new.join(check::MARKER), check::MARKER_TEXT)?;
    fs::File::open(new.join(check::MARKER))?.sync_all()
}

/// The engine never writes to a file again, so it may have two names. A disk that doesn't allow that
/// gets copies.
fn link_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_folder(&entry.path(), &to)?;
        } else if fs::hard_link(entry.path(), &to).is_err() {
            fs::copy(entry.path(), &to)?;
            fs::File::open(&to)?.sync_all()?;
        }
    }
    swap::sync(to)
}

/// All whole batches, and the whole records of others, under the journals' names, with new sequence
/// numbers: the engine has to take in all of them, in this order.
fn clean_journals(path: &Path, new: &Path) -> io::Result<Vec<Lost>> {
    let journals = check::journals(path)?;
    let (mut seqno, mut lost) = (highest_seqno(&journals)? + SEQNO_STEP, Vec::new());
    for (nth, (_, journal)) in journals.iter().enumerate() {
        let bytes = batches::read(journal)?;
        let mut clean = Vec::with_capacity(bytes.len());
        for part in batches::walk(&bytes, nth + 1 == journals.len()) {
            let (count, items) = kept(journal, &bytes, part, &mut lost);
            if count > 0 {
                seqno += 1;
                clean.extend(batches::encode(seqno, count, &items));
            }
        }
        write_synced(&new.join(name(journal)), &clean)?;
    }
    if journals.is_empty() {
        write_synced(&new.join("0.jnl"), &[])?;
    }
    swap::sync(new)?;
    Ok(lost)
}

/// What of a part of a journal is whole: how many items, and those as they stood there.
pub(super) fn kept(
    journal: &Path,
    bytes: &[u8],
    part: Part<'_>,
    lost: &mut Vec<Lost>,
) -> (u32, Vec<u8>) {
    let hole = match part {
        Part::Batch(batch) => return (batch.count, batch.items.to_vec()),
        Part::Hole(hole) => hole,
    };
    if let Some((batch, _)) = batches::unclosed(bytes, hole.from) {
        return (batch.count, batch.items.to_vec());
    }
    if hole.kind == HoleKind::Torn {
        return (0, Vec::new());
    }
    let (items, missing) = salvage::of_journal(journal, bytes, hole.from..hole.to);
    lost.push(missing);
    let raw = items.iter().flat_map(Item::encode).collect();
    (u32::try_from(items.len()).unwrap_or_default(), raw)
}

fn highest_seqno(journals: &[(u64, PathBuf)]) -> io::Result<u64> {
    let mut highest = 0;
    for (_, journal) in journals {
        let bytes = batches::read(journal)?;
        for part in batches::walk(&bytes, false) {
            if let Part::Batch(batch) = part {
                highest = highest.max(batch.seqno.min(check::SEQNO_MAX / 2));
            }
        }
    }
    Ok(highest)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

fn name(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap_or_default()
}

/// Writing all records anew takes as much room as they take now.
fn check_room(path: &Path) -> io::Result<Result<(), OpenError>> {
    let needed = size(&path.join(check::TABLES))? + journal::FREE_BYTES_MIN;
    let free = journal::free_bytes_at(path)()?;
    let too_little = || OpenError::NoRoom {
        path: path.to_owned(),
        needed_mib: needed >> 20,
        free_mib: free >> 20,
    };
    Ok(if free < needed { Err(too_little()) } else { Ok(()) })
}

fn size(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let of_entry = entry.metadata()?;
        sum += if of_entry.is_dir() { size(&entry.path())? } else { of_entry.len() };
    }
    Ok(sum)
}
