//! A store on disk that is damaged, and the commands that say so and mend it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use axum::http::StatusCode;
use tempfile::{TempDir, tempdir};

use crate::process::{self, Process, stderr};

const ANY_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
const COMMENTS: usize = 9;

async fn store_with_comments() -> TempDir {
    let folder = tempdir().unwrap();
    let server = Process::start(folder.path(), &ANY_PORTS).await;
    for n in 0..COMMENTS {
        let answer = server.client().comment("v", &format!("number {n}")).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    server.kill().await;
    folder
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("chorus-data/0.jnl")
}

/// Changes a letter of a comment; where it stands.
fn damage(folder: &Path) -> usize {
    let mut bytes = fs::read(journal(folder)).unwrap();
    let at = bytes.windows(8).position(|part| part == b"number 4").unwrap();
    bytes[at] ^= 1;
    fs::write(journal(folder), bytes).unwrap();
    at
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn texts(server: &Process) -> Vec<String> {
    let page = server.client().get("/v1/videos/v/comments").await.json();
    let comments = page["comments"].as_array().unwrap().iter();
    comments.map(|comment| comment["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_damaged_store_is_refused_by_name_and_repaired() {
    let folder = store_with_comments().await;
    damage(folder.path());
    let refused = process::run(folder.path(), &ANY_PORTS).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert_eq!(said.trim().lines().count(), 1, "one line: {said}");
    for word in ["chorus-data/0.jnl at byte ", "run `chorus repair`"] {
        assert!(said.contains(word), "{word:?} in {said}");
    }
    let checked = process::run(folder.path(), &["repair", "--check"]).await;
    assert_eq!(checked.status.code(), Some(1));
    assert!(stdout(&checked).starts_with("damaged  chorus-data/0.jnl at byte "), "{checked:?}");
    assert!(
        stderr(&checked).contains("damaged places in chorus-data: 1; run `chorus repair`"),
        "{checked:?}"
    );

    let repaired = process::run(folder.path(), &["repair"]).await;
    assert!(repaired.status.success(), "{repaired:?}");
    let said = stdout(&repaired);
    for words in ["damaged  ", "lost     ", ": records lost: 1 (v/", "kept     ", "repaired: "] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let server = Process::start(folder.path(), &ANY_PORTS).await;
    let texts = texts(&server).await;
    assert_eq!(texts.len(), COMMENTS - 1);
    assert!(!texts.contains(&"number 4".to_owned()), "{texts:?}");
    server.kill().await;
}

#[tokio::test]
async fn a_whole_store_needs_no_repair() {
    let folder = store_with_comments().await;
    for (args, said) in [
        (&["repair", "--check"][..], "nothing is damaged\n"),
        (&["repair"], "nothing to repair\n"),
        (&["repair", "--store.path", "chorus-data"], "nothing to repair\n"),
    ] {
        let output = process::run(folder.path(), args).await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!(stdout(&output), said);
    }
    let server = Process::start(folder.path(), &ANY_PORTS).await;
    assert_eq!(texts(&server).await.len(), COMMENTS);
    server.kill().await;
}

#[tokio::test]
async fn no_repair_under_a_running_server_or_of_nothing() {
    let folder = tempdir().unwrap();
    let server = Process::start(folder.path(), &ANY_PORTS).await;
    for (args, words) in [
        (&["repair"][..], "is in use by another chorus process; stop it or set store.path"),
        (&["repair", "--check"], "is in use by another chorus process; stop it"),
        (&["repair", "--store.path", "nowhere"], "nowhere is not there; set store.path"),
        (&["repair", "--store.kind", "scylla"], "`store.kind` is \"scylla\""),
    ] {
        let output = process::run(folder.path(), args).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains(words), "{output:?}");
    }
    assert!(!folder.path().join("nowhere").exists());
    server.kill().await;
}
