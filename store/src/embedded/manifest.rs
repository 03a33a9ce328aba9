//! Which files make up a table of ours: `current` names a manifest and has its checksum, the
//! manifest names the files and has theirs. The engine compares neither.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_128;

use super::{
    bytes::Rest,
    damage::{Damage, Trouble},
    sections,
};

/// What the engine takes a folder for a table by.
pub(super) const CURRENT: &str = "current";
/// Where the files are.
pub(super) const FILES: &str = "tables";

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) file: PathBuf,
    /// Of all its bytes.
    pub(super) sum: u128,
    /// What is added to the sequence numbers inside.
    pub(super) seqno: u64,
}

/// The files of the table in `folder`, newest first where they say different things of a key.
/// `None` when the engine did not get to making it.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<Listed>>, Trouble> {
    let current = folder.join(CURRENT);
    let bytes = match fs::read(&current) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return unmade(folder, &current),
        Err(why) => return Err(why.into()),
    };
    let parsed = parse_current(&bytes).ok_or_else(|| Damage::of(&current, "it can't be read"))?;
    let (manifest, sum) = (folder.join(format!("v{}", parsed.0)), parsed.1);
    let bytes = match fs::read(&manifest) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            let what = format!("it names {}, which is not there", manifest.display());
            return Err(Damage::at(&current, 0, what).into());
        }
        bytes => bytes?,
    };
    if xxh3_128(&bytes) != sum {
        let what = format!("it doesn't match its checksum in {CURRENT}");
        return Err(Damage::of(&manifest, what).into());
    }
    let listed = parse(&bytes, folder);
    Ok(Some(listed.ok_or_else(|| Damage::of(&manifest, "its list of tables can't be read"))?))
}

/// The engine takes a table without `current` for one that was never finished, and removes it.
fn unmade(folder: &Path, current: &Path) -> Result<Option<Vec<Listed>>, Trouble> {
    let files = folder.join(FILES);
    let has_files = files.is_dir() && fs::read_dir(files)?.next().is_some();
    if has_files { Err(Damage::of(current, "it is not there").into()) } else { Ok(None) }
}

fn parse_current(bytes: &[u8]) -> Option<(u64, u128)> {
    let mut rest = Rest(bytes);
    let (version, sum, 0) = (rest.u64()?, rest.u128()?, rest.u8()?) else { return None };
    Some((version, sum))
}

/// The files that a manifest names, whether or not it matches a checksum: repairs take what they get.
pub(super) fn parse(bytes: &[u8], folder: &Path) -> Option<Vec<Listed>> {
    let sections = sections::list(bytes, bytes.len() as u64).ok()?;
    let tables = sections.iter().find(|section| section.name == b"tables")?;
    let from = usize::try_from(tables.at).ok()?;
    let mut rest = Rest(bytes.get(from..)?);
    let mut listed = Vec::new();
    for _level in 0..rest.u8()? {
        for _run in 0..rest.u8()? {
            for _table in 0..rest.u32()? {
                let (id, 0) = (rest.u64()?, rest.u8()?) else { return None };
                let (sum, seqno) = (rest.u128()?, rest.u64()?);
                let file = folder.join(FILES).join(id.to_string());
                listed.push(Listed { file, sum, seqno });
            }
        }
    }
    Some(listed)
}
