//! A disk that is full, or fails: the binary on a real one, or with real errors of system calls.

use std::{
    fs::{self, File},
    path::Path,
    process::ExitStatus,
};

use axum::http::StatusCode;
use tempfile::tempdir;
use tokio::time::{Duration, sleep, timeout};

use crate::{
    client::{Client, GUARD},
    process::{self, Process},
    small_disk,
};

const ALL: [&str; 5] = ["all", "--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
/// Where the process writes what it has to say.
const SAID: &str = "said";

/// Posts until something else than 201 comes, if it does; the acknowledged texts.
async fn post_until_refused(client: Client) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0..1_000 {
        let text = format!("number {n}");
        let post = {
            let (client, text) = (client.clone(), text.clone());
            common::task::spawn("test", async move { client.comment("v", &text).await })
        };
        // A process that is gone answers nothing.
        match post.await {
            Ok(answer) if answer.status == StatusCode::CREATED => acknowledged.push(text),
            Ok(answer) => {
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
                break;
            }
            Err(_) => break,
        }
    }
    acknowledged
}

async fn texts(client: &Client) -> Vec<String> {
    let page = client.get("/v1/videos/v/comments?limit=200").await;
    assert_eq!(page.status, StatusCode::OK);
    let page = page.json();
    let comments = page["comments"].as_array().unwrap().iter();
    comments.map(|comment| comment["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
#[ignore = "needs root, or user namespaces: run deploy/dev/test"]
async fn a_full_disk_refuses_posts_and_nothing_else_until_there_is_room() {
    let folder = tempdir().unwrap();
    let (server, ballast) = small_disk::start(folder.path(), &ALL).await;
    let client = server.client();
    assert_eq!(client.comment("v", "before").await.status, StatusCode::CREATED);
    let mut stream = client.stream("v", "").await;
    assert_eq!(stream.texts(1).await, ["before"]);

    ballast.fill();
    for _ in 0..20 {
        let refused = client.comment("v", "meanwhile").await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
        assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{refused:?}");
    }
    assert_eq!(texts(&client).await, ["before"]);
    assert_eq!(client.stream("v", "").await.texts(1).await, ["before"]);

    ballast.free();
    let posted = async {
        while client.comment("v", "after").await.status != StatusCode::CREATED {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(GUARD, posted).await.expect("posting does not recover");
    assert_eq!(stream.texts(1).await, ["after"]);
    server.kill().await;
}

/// Starts the server by a shell's `script`, posts until it refuses, and waits for its end.
async fn until_it_fails(script: &str, folder: &Path) -> (Vec<String>, ExitStatus, String) {
    let mut command = process::through_shell(script, folder, &ALL);
    command.stderr(File::create(folder.join(SAID)).unwrap());
    let server = Process::start_command(command).await;
    let acknowledged = post_until_refused(server.client()).await;
    let status = server.ended().await;
    (acknowledged, status, fs::read_to_string(folder.join(SAID)).unwrap())
}

/// Nothing is acknowledged once writing failed, the process says why and ends, and a disk that is
/// well again has all that was acknowledged.
async fn expect_the_end(script: &str, why: &str) {
    let folder = tempdir().unwrap();
    let healthy = Process::start(folder.path(), &ALL).await;
    assert_eq!(healthy.client().comment("v", "before").await.status, StatusCode::CREATED);
    healthy.kill().await;

    let (acknowledged, status, said) = until_it_fails(script, folder.path()).await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!((1..1_000).contains(&acknowledged.len()), "{} of 1,000", acknowledged.len());
    let line = said.lines().find(|line| line.starts_with("chorus: ")).expect(&said);
    assert!(line.contains(why) && line.ends_with("check it, then restart"), "{line}");

    let again = Process::start(folder.path(), &ALL).await;
    let stored = texts(&again.client()).await;
    let lost: Vec<_> = acknowledged.iter().filter(|text| !stored.contains(text)).collect();
    assert!(lost.is_empty(), "{lost:?} of {acknowledged:?}");
    assert!(stored.contains(&"before".to_owned()));
    again.kill().await;
}

/// A write beyond the largest file that the process may make fails.
#[tokio::test]
async fn a_write_that_fails_is_the_end() {
    expect_the_end("trap '' XFSZ; ulimit -f 40; exec \"$@\"", "File too large").await;
}

/// From the twentieth on, the kernel's answer is an error of the disk.
#[tokio::test]
#[ignore = "needs strace: run deploy/dev/test"]
async fn an_fsync_that_fails_is_the_end() {
    let script = "exec strace -D -f -qq -o /dev/null -e trace=fdatasync \
        -e inject=fdatasync:error=EIO:when=20+ \"$@\"";
    expect_the_end(script, "Input/output error").await;
}
