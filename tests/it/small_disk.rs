//! A server whose store has a disk of its own, small enough to be filled.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use crate::process::{self, Process};

/// It is there for this process alone, and gone when that ends. Needs root, or user namespaces.
const SMALL_DISK: &str = "mkdir -p chorus-data; [ $(id -u) = 0 ] || own=--map-root-user; \
    exec unshare --mount $own sh -c \
    'mount -t tmpfs -o size=48m none chorus-data && cd . && exec \"$@\"' sh \"$@\"";

/// Starts the binary in `folder` with a small disk for `chorus-data`.
pub(crate) async fn start(folder: &Path, args: &[&str]) -> (Process, Ballast) {
    let command = process::through_shell(SMALL_DISK, folder, args);
    let server = Process::start_command(command).await;
    let inside = PathBuf::from(format!("/proc/{}/root", server.pid()));
    let disk = folder.join("chorus-data");
    let path = inside.join(disk.strip_prefix("/").unwrap()).join("ballast");
    (server, Ballast { path })
}

/// A file that takes all the room there is on such a disk.
pub(crate) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    pub(crate) fn fill(&self) {
        let mut file = File::create(&self.path).unwrap();
        while file.write_all(&[1; 1 << 16]).is_ok() {}
    }

    pub(crate) fn free(&self) {
        fs::remove_file(&self.path).unwrap();
    }
}
