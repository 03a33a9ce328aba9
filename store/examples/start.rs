//! How long a start of the embedded store takes, a look at every byte of it and a repair of what is
//! whole: with so many comments and a full journal, as after a kill.
//!
//! ```sh
//! cargo run --release -p chorus-store --example start -- 1000000
//! ```
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

use std::{env, fs, os::unix::fs::MetadataExt, path::Path, time::Instant};

use common::ids::CommentId;
use store::embedded::{self, EmbeddedStore};

const COMMENTS_DEFAULT: u64 = 20_000;

fn main() {
    let count = env::args().nth(1).map_or(COMMENTS_DEFAULT, |count| count.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    drop(EmbeddedStore::open(home.path()).unwrap());
    fill(home.path(), count);
    let (tables, journals) = (mebibytes(home.path(), "tables"), mebibytes(home.path(), "jnl"));
    println!("{count} comments, {tables} MiB of tables, {journals} of journals");
    timed("look at everything", || assert_eq!(embedded::check(home.path()).unwrap(), []));
    timed("engine alone", || drop(fjall::Database::builder(home.path()).open().unwrap()));
    timed("start", || drop(EmbeddedStore::open(home.path()).unwrap()));
    timed("repair", || assert!(embedded::repair(home.path()).unwrap().damages.is_empty()));
}

fn timed(what: &str, run: impl FnOnce()) {
    let began = Instant::now();
    run();
    println!("{what}: {:?}", began.elapsed());
}

/// What the files whose path has `part` in it really take of the disk: journals are made long and
/// empty.
fn mebibytes(folder: &Path, part: &str) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: std::path::PathBuf| match fs::metadata(&path).unwrap() {
        meta if meta.is_dir() => mebibytes(&path, part),
        meta if path.to_str().unwrap().contains(part) => (meta.blocks() * 512) >> 20,
        _ => 0,
    };
    entries.map(of).sum()
}

/// Records as long as a comment's, as fast as the engine takes them.
fn fill(home: &Path, count: u64) {
    let db = fjall::Database::builder(home).max_journaling_size(128 << 20).open().unwrap();
    let tables = ["comments", "settled"];
    let tables = tables.map(|table| db.keyspace(table, || panic!("it is there")).unwrap());
    let value = [b'x'; 260];
    let mut nth = 0;
    while nth < count {
        let mut batch = db.batch();
        for _ in 0..100 {
            let id = CommentId::now();
            let key = [b"video\0", id.as_bytes().as_slice()].concat();
            batch.insert(&tables[0], key.clone(), value);
            batch.insert(&tables[1], key, "sealed");
            nth += 1;
        }
        batch.commit().unwrap();
    }
    db.persist(fjall::PersistMode::SyncAll).unwrap();
}
