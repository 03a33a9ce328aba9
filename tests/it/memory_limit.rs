//! A process whose control group has little memory: it turns viewers away before the system kills it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use axum::http::StatusCode;
use tempfile::tempdir;
use tokio::time::{Duration, sleep, timeout};

use crate::{
    client::{Client, GUARD, Stream},
    process::{self, Process},
};

const ALL: [&str; 5] = ["all", "--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
/// What the group may use.
const LIMIT: u64 = 64 * 1024 * 1024;

/// In a group of its own, `$GROUP`.
const LIMITED: &str = "echo $$ > $GROUP/cgroup.procs && exec \"$@\"";

/// A control group, of whichever version there is; gone when it is dropped.
struct Group {
    folder: PathBuf,
}

impl Group {
    fn new() -> Self {
        let first = Path::new("/sys/fs/cgroup/memory");
        let (root, limit) = if first.is_dir() {
            (first, "memory.limit_in_bytes")
        } else {
            let second = Path::new("/sys/fs/cgroup");
            fs::write(second.join("cgroup.subtree_control"), "+memory").expect("needs root");
            (second, "memory.max")
        };
        let group = Self { folder: root.join(format!("chorus-{}", std::process::id())) };
        fs::create_dir(&group.folder).expect("needs root");
        fs::write(group.folder.join(limit), LIMIT.to_string()).unwrap();
        group
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.folder)); // a process that outlived the test keeps it
    }
}

/// A stream of this video, unless its viewer is told to come back.
async fn open(client: &Client, video: &str) -> Option<Stream> {
    let mut stream = client.stream(video, "?recent=0").await;
    assert_eq!(stream.status, StatusCode::OK);
    let first = stream.event().await.unwrap();
    if first.name == "resume" {
        return Some(stream);
    }
    assert!(first.retry.is_some(), "{first:?}");
    None
}

/// Opens streams, each of a video of its own, until one is turned away.
async fn fill(client: &Client) -> Vec<Stream> {
    let mut streams = Vec::new();
    while let Some(stream) = open(client, &format!("v{}", streams.len())).await {
        streams.push(stream);
        assert!(streams.len() < 15_000, "all of them came in");
    }
    streams
}

#[tokio::test]
#[ignore = "needs root: run deploy/dev/test"]
async fn who_comes_when_memory_is_short_is_told_to_come_back_and_all_else_goes_on() {
    let (folder, group) = (tempdir().unwrap(), Group::new());
    let mut command = process::through_shell(LIMITED, folder.path(), &ALL);
    command.env("GROUP", &group.folder);
    let server = Process::start_command(command).await;
    let client = server.client();
    let mut streams = fill(&client).await;
    let mut turned_away = 0;
    for n in 0..200 {
        // It is near the limit, and a look may find it a little below.
        match open(&client, "v0").await {
            Some(stream) => streams.push(stream),
            None => turned_away += 1,
        }
        let posted = client.comment("v0", &n.to_string()).await;
        assert_eq!(posted.status, StatusCode::CREATED, "{posted:?}");
    }
    assert!(turned_away > 100, "{turned_away} of 200");
    assert_eq!(streams[0].texts(200).await.len(), 200);
    streams.truncate(streams.len() / 2);
    let comes_in = async {
        while open(&client, "v0").await.is_none() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(GUARD, comes_in).await.unwrap();
    assert_eq!(client.comment("v0", "last").await.status, StatusCode::CREATED);
    assert_eq!(streams[0].texts(1).await, ["last"]);
    server.kill().await;
}
