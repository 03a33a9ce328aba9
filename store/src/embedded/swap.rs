//! Puts a repaired store in the place of the damaged one, which is kept. Inside the directory, since
//! that may be a volume of its own, and in steps that can be gone on with after a crash at any of
//! them: the name of the folder that is left says which.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::expiry;

/// Being made; of no worth until it is done.
const BEGUN: &str = "repair";
/// Whole. The old files are being moved aside.
const READY: &str = "repair-ready";
/// The old files are aside. The new ones are being moved in.
const MOVING_IN: &str = "repair-moving-in";
/// Begins the name of the folder with the old files.
const ASIDE: &str = "damaged-";

/// Whether a repair has begun to move files.
pub(super) fn is_under_way(path: &Path) -> bool {
    path.join(READY).exists() || path.join(MOVING_IN).exists()
}

/// An empty folder to make the repaired store in; what an interrupted repair left there goes.
pub(super) fn begin(path: &Path) -> io::Result<PathBuf> {
    let folder = path.join(BEGUN);
    abandon(path)?;
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// Removes what was begun.
pub(super) fn abandon(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path.join(BEGUN)) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// Replaces the store by the one that was begun, which is whole and synced.
pub(super) fn commit(path: &Path) -> io::Result<PathBuf> {
    fs::create_dir(path.join(format!("{ASIDE}{}", expiry::now_ms())))?;
    step(path, BEGUN, READY)?;
    finish(path)
}

/// Goes on with a replacement from where it is; gives the folder with the old files.
pub(super) fn finish(path: &Path) -> io::Result<PathBuf> {
    let aside = newest_aside(path)?;
    if path.join(READY).exists() {
        for entry in entries(path)? {
            if is_part_of_store(&entry) {
                fs::rename(path.join(&entry), aside.join(&entry))?;
            }
        }
        sync(&aside)?;
        step(path, READY, MOVING_IN)?;
    }
    let new = path.join(MOVING_IN);
    for entry in entries(&new)? {
        if is_part_of_store(&entry) {
            fs::rename(new.join(&entry), path.join(&entry))?;
        }
    }
    sync(path)?;
    fs::remove_dir_all(new)?;
    sync(path)?;
    Ok(aside)
}

fn newest_aside(path: &Path) -> io::Result<PathBuf> {
    let names = entries(path)?.into_iter();
    let newest = names.filter(|name| name.as_encoded_bytes().starts_with(ASIDE.as_bytes())).max();
    newest.map(|name| path.join(name)).ok_or_else(|| {
        let what = format!("the folder {ASIDE}… of the repair that was begun is not there");
        io::Error::new(io::ErrorKind::NotFound, what)
    })
}

/// The lock stays: it is held.
fn is_part_of_store(name: &OsStr) -> bool {
    name == super::check::MARKER
        || name == super::check::TABLES
        || name.as_encoded_bytes().ends_with(b".jnl")
}

fn entries(path: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

fn step(path: &Path, from: &str, to: &str) -> io::Result<()> {
    fs::rename(path.join(from), path.join(to))?;
    sync(path)
}

/// Syncs what is in a folder, by name.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
