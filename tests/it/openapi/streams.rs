//! Every event of a stream, held against what the description says of it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use axum::http::Method;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::{schemathesis::program, write};
use crate::{
    client::{Block, Client, Stream},
    server::Server,
};

const EVENTS: &str = "comment delete end hide odds pin reactions resume settings skipped viewers";

/// Does it as a moderator and producer, in a room of its own.
async fn act(client: &Client, method: Method, path: &str, body: &Value) {
    let headers = [("content-type", "application/json"), ("x-chorus-user", "mo")];
    let path = format!("/v1/videos/v{path}");
    let answer = client.send(method, &path, &headers, body.to_string()).await;
    assert!(answer.status.is_success(), "{path}: {answer:?}");
}

async fn until(stream: &mut Stream, seen: &mut Vec<Block>, name: &str) {
    while seen.last().is_none_or(|block| block.name != name) {
        seen.push(stream.any_event().await.expect("the stream ended"));
    }
}

/// What a viewer is shown while everything happens that can.
async fn everything(client: &Client) -> Vec<Block> {
    let (mut stream, mut seen) = (client.stream("v", "").await, Vec::new());
    let comment = client.comment("v", "one").await.json();
    let id = comment["id"].as_str().unwrap();
    let reply = client.comment("v", "two").await.json();
    let there = format!("/comments/{}", reply["id"].as_str().unwrap());
    act(client, Method::PUT, "/pin", &json!({ "comment": id })).await;
    act(client, Method::DELETE, &there, &json!({})).await;
    act(client, Method::PUT, "/settings", &json!({ "blocked_words": ["darn"] })).await;
    act(client, Method::PUT, "/bans/troll", &json!({ "hide_comments": true })).await;
    until(&mut stream, &mut seen, "hide").await;
    act(client, Method::POST, "/events", &json!({ "type": "odds", "data": [1.5, 2] })).await;
    act(client, Method::POST, "/reactions", &json!({ "kind": "wow", "count": 2 })).await;
    until(&mut stream, &mut seen, "reactions").await;
    let mut sampled = client.stream("v", "?rate=1&recent=200").await;
    until(&mut sampled, &mut seen, "settings").await;
    for number in 0..20 {
        client.comment("v", &format!("number {number}")).await;
    }
    until(&mut sampled, &mut seen, "skipped").await;
    act(client, Method::PUT, "", &json!({ "state": "ended" })).await;
    until(&mut stream, &mut seen, "end").await;
    seen
}

fn check(document: &str, blocks: &[Value]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/events.py");
    let mut command = Command::new(program("python"));
    command.arg(script).arg(document).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines: String = blocks.iter().map(|block| format!("{block}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn fields(block: &Block) -> Value {
    let mut fields = json!({ "event": block.name, "data": block.data });
    if let Some(id) = &block.id {
        fields["id"] = id.as_str().into();
    }
    fields
}

#[tokio::test]
#[ignore = "needs schemathesis: run deploy/dev/test"]
async fn every_event_is_as_described() {
    let folder = tempdir().unwrap();
    let server = Server::all(&folder.path().join("data")).await;
    let seen = everything(&server.client()).await;
    server.stop().await;
    let document = write(folder.path(), &chorus::openapi::document());
    let blocks: Vec<_> = seen.iter().filter(|block| !block.name.is_empty()).map(fields).collect();
    let output = check(&document, &blocks);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), EVENTS);
}

/// Who checks is checked: what is not as described is seen.
#[test]
#[ignore = "needs schemathesis: run deploy/dev/test"]
fn an_event_that_is_otherwise_is_noticed() {
    let folder = tempdir().unwrap();
    let document = write(folder.path(), &chorus::openapi::document());
    let right = json!({ "event": "end", "data": "{\"reason\":\"ended\"}" });
    assert!(check(&document, std::slice::from_ref(&right)).status.success());
    for wrong in [
        json!({ "event": "chorus-end", "data": right["data"] }),
        json!({ "event": "end" }),
        json!({ "event": "end", "data": "{\"reason\":\"bored\"}" }),
        json!({ "event": "end", "data": "{}" }),
        json!({ "event": "end", "data": right["data"], "id": "1~dc1:1:1" }),
        json!({ "event": "delete", "data": "{\"id\":\"0190163d\"}", "id": "1~dc1:1:1" }),
    ] {
        assert!(!check(&document, std::slice::from_ref(&wrong)).status.success(), "{wrong}");
    }
}
