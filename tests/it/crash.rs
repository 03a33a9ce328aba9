//! P1 on the embedded store: what was acknowledged survives kill -9.

use std::{collections::BTreeSet, time::Duration};

use axum::http::StatusCode;
use tempfile::tempdir;

use crate::{client::Client, process::Process};

const ANY_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];

/// Posts until the server is gone; gives the acknowledged texts.
async fn post_until_killed(client: Client, poster: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let text = format!("{poster}-{n}");
        let answer = common::task::spawn("test", {
            let (client, text) = (client.clone(), text.clone());
            async move { client.comment("v", &text).await }
        });
        match answer.await {
            Ok(answer) if answer.status == StatusCode::CREATED => acknowledged.push(text),
            _ => break, // the connection is gone, and with it the answer
        }
    }
    acknowledged
}

async fn everything(client: &Client) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let mut query = String::from("?limit=200");
    loop {
        let page = client.get(&format!("/v1/videos/v/comments{query}")).await.json();
        let comments = page["comments"].as_array().unwrap();
        texts.extend(comments.iter().map(|c| c["text"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=200&before={next}"),
            None => return texts,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_comments_survive_kill_9() {
    let folder = tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..3 {
        let server = Process::start(folder.path(), &ANY_PORTS).await;
        let posters: Vec<_> = (0..8)
            .map(|poster| {
                common::task::spawn("test", post_until_killed(server.client(), round * 8 + poster))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(400)).await;
        server.kill().await;
        for poster in posters {
            acknowledged.extend(poster.await.unwrap());
        }
    }
    let server = Process::start(folder.path(), &ANY_PORTS).await;
    let stored = everything(&server.client()).await;
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(acknowledged.len() > 100, "only {} were acknowledged at all", acknowledged.len());
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    server.kill().await;
}
