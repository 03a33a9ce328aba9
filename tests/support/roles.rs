//! What roles apart need to be one system: flags in common, a keyspace, tokens.

use std::{env, path::Path, time::Duration};

use common::{
    auth::{self, Claims},
    ids::CommentId,
};

use crate::process::{self, stderr};

/// Signs commenters' tokens.
pub(crate) const SECRET: &str = "a secret of tests";

/// A variable that `deploy/dev/test` sets.
pub(crate) fn needed(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run deploy/dev/test"))
}

/// A name that no other test has.
pub(crate) fn unique_name() -> String {
    let random = CommentId::now().as_uuid().as_u128() & u128::from(u64::MAX);
    format!("t{random:016x}")
}

/// The flags that all roles share, on Redis at `redis` and a store on the disk, in the folder that a
/// process is started in: for one ingest.
pub(crate) fn flags_embedded(redis: &str) -> Vec<String> {
    let flags = [
        ("--internal_listen", "127.0.0.1:0"),
        ("--internal.secret", "inner"),
        ("--auth.hs256_secret", SECRET),
        ("--live.kind", "redis"),
        ("--live.url", redis),
    ];
    pairs(&flags)
}

/// The same on a keyspace of their own.
pub(crate) fn flags(name: &str, redis: &str) -> Vec<String> {
    let store = [
        ("--store.kind", "scylla"),
        ("--store.nodes", &*needed("CHORUS_TEST_CQL")),
        ("--store.keyspace", name),
        ("--store.replication", "datacenter1=1"),
    ];
    [flags_embedded(redis), pairs(&store)].concat()
}

fn pairs(flags: &[(&str, &str)]) -> Vec<String> {
    flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]).collect()
}

/// Creates the keyspace and its tables.
pub(crate) async fn migrate(folder: &Path, flags: &[String]) {
    let args = [&["migrate"][..], &refs(flags)].concat();
    let output = process::run(folder, &args).await;
    assert!(output.status.success(), "{}", stderr(&output));
}

/// What a commenter's `Authorization` says.
pub(crate) fn bearer(user: &str, ttl: Duration) -> String {
    format!("Bearer {}", auth::sign(SECRET, &Claims::new(user, ttl)).unwrap())
}

pub(crate) fn refs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}
