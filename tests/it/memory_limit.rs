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
            (Path::new("/sys/fs/cgroup"), "memory.max")
        };
        let folder = root.join(format!("chorus-{}", std::process::id()));
        fs::create_dir(&folder).expect("needs root");
        fs::write(folder.join(limit), LIMIT.to_string()).unwrap();
        Self { folder }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.folder)); // a process that outlived the test keeps it
    }
}

/// Opens streams, each of a video of its own, until one is turned away.
async fn fill(client: &Client) -> Vec<Stream> {
    let mut streams = Vec::new();
    loop {
        let mut stream = client.stream(&format!("v{}", streams.len()), "?recent=0").await;
        assert_eq!(stream.status, StatusCode::OK);
        let first = stream.event().await.unwrap();
        if first.name != "resume" {
            assert!(first.retry.is_some(), "{first:?}");
            return streams;
        }
        streams.push(stream);
        assert!(streams.len() < 15_000, "all of them came in");
    }
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
    for n in 0..200 {
        let turned_away = client.get("/v1/videos/v0/stream").await;
        assert_eq!(turned_away.status, StatusCode::OK);
        let posted = client.comment("v0", &n.to_string()).await;
        assert_eq!(posted.status, StatusCode::CREATED, "{posted:?}");
    }
    assert_eq!(streams[0].texts(200).await.len(), 200);
    streams.truncate(streams.len() / 2);
    let comes_in = async {
        while client.stream("v0", "").await.event().await.unwrap().name != "resume" {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(GUARD, comes_in).await.unwrap();
    assert_eq!(client.comment("v0", "last").await.status, StatusCode::CREATED);
    assert_eq!(streams[0].texts(1).await, ["last"]);
    server.kill().await;
}
