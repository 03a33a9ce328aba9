//! Reads all tables again and again in the background, to tell of damage before somebody needs what
//! is damaged: a start doesn't wait for that, since it takes the longer the more is stored.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::JoinHandle,
    time::Duration,
};

use super::{
    check,
    damage::{Damage, Trouble},
    manifest::{self, Listed},
    table_file,
};

/// Bytes read per second at most: little beside what a disk can do.
const BYTES_PER_SECOND: u32 = 32 * 1024 * 1024;
/// From the end of a look at everything to the next one.
const PERIOD: Duration = Duration::from_secs(24 * 3600);
/// A manifest may be replaced while it is read.
const TRIES: usize = 3;

/// Handle of the thread, which ends when it is dropped.
pub(super) struct Audit {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The store is closed.
struct Stopped;

/// Waits that end when the store is closed.
struct Pauses(Receiver<()>);

impl Audit {
    pub(super) fn start(path: PathBuf) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let pauses = Pauses(stopped);
        let run = move || while round(&path, &pauses).is_ok() && pauses.rest(PERIOD).is_ok() {};
        let thread = std::thread::Builder::new().name("store-audit".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A panic of the thread has ended it as well.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Pauses {
    fn rest(&self, time: Duration) -> Result<(), Stopped> {
        match self.0.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            _ => Err(Stopped),
        }
    }

    fn after(&self, bytes: usize) -> Result<(), Stopped> {
        let seconds =
            f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / f64::from(BYTES_PER_SECOND);
        self.rest(Duration::from_secs_f64(seconds))
    }
}

/// One look at everything.
fn round(path: &Path, pauses: &Pauses) -> Result<(), Stopped> {
    let mut damaged = 0_u32;
    for (_, folder) in check::table_folders(path).unwrap_or_default() {
        for listed in listed(&folder) {
            pauses.after(0)?;
            if let Some(damage) = damage_of(&folder, &listed, pauses)? {
                damaged += 1;
                tracing::error!(%damage, "a file of the comment store is damaged: what stands there can't be read; stop chorus and run `chorus repair`");
            }
        }
    }
    metrics::gauge!("chorus_store_damaged_files").set(damaged);
    Ok(())
}

/// The files of a table. Damage of its manifest was found before the start.
fn listed(folder: &Path) -> Vec<Listed> {
    let read = std::iter::repeat_with(|| manifest::read(folder)).take(TRIES);
    read.filter_map(Result::ok).flatten().next().unwrap_or_default()
}

fn damage_of(folder: &Path, listed: &Listed, pauses: &Pauses) -> Result<Option<Damage>, Stopped> {
    let mut stopped = false;
    let checked = table_file::check_all(listed, |bytes| {
        stopped = stopped || pauses.after(bytes).is_err();
    });
    match checked {
        _ if stopped => Err(Stopped),
        // The engine removes what it has merged into other files.
        Err(Trouble::Damage(damage)) if self::listed(folder).contains(listed) => Ok(Some(damage)),
        Err(Trouble::Io(why)) => {
            tracing::warn!(file = %listed.file.display(), %why, "can't check a file of the comment store");
            Ok(None)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::embedded::tables::Tables;

    #[test]
    fn what_is_damaged_is_told_and_what_was_merged_is_not() {
        let home = tempfile::tempdir().unwrap();
        let tables = Tables::open(home.path()).unwrap();
        let pending = &tables.pending;
        let folder = pending.path().to_owned();
        let (_open, stopped) = sync_channel(0);
        let pauses = Pauses(stopped);
        let damage = |listed: &Listed| damage_of(&folder, listed, &pauses).ok().unwrap();
        for key in ["a", "b"] {
            pending.insert(key, "value").unwrap();
            pending.rotate_memtable_and_wait().unwrap();
        }
        let before = listed(&folder);
        assert!(!before.is_empty() && before.iter().all(|listed| damage(listed).is_none()));
        let file = &before[0].file;
        let whole = fs::read(file).unwrap();
        let mut bytes = whole.clone();
        bytes[50] ^= 1;
        fs::write(file, bytes).unwrap();
        assert_eq!(damage(&before[0]).map(|damage| damage.at), Some(Some(0)));
        assert!(round(home.path(), &pauses).is_ok());
        fs::write(file, whole).unwrap();
        pending.insert("c", "value").unwrap();
        pending.rotate_memtable_and_wait().unwrap();
        pending.major_compact().unwrap();
        // Their names may be others' now, or nobody's.
        assert!(before.iter().all(|listed| damage(listed).is_none()));
    }

    #[test]
    fn it_ends_with_the_store() {
        let home = tempfile::tempdir().unwrap();
        drop(Audit::start(home.path().to_owned()).unwrap());
    }
}
