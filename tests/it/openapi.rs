//! What the API says of itself: the same everywhere, the same as ever, and true.

use std::{env, fs, path::Path};

use axum::http::{Method, StatusCode};
use common::config::Role;
use serde_json::{Map, Value, json};
use tempfile::tempdir;

use crate::{client::Client, server::Server};

mod schemathesis;
mod streams;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json");

/// Whoever changes what the API looks like sees it in the diff of a file.
#[test]
fn it_is_the_golden_document() {
    let document = format!("{:#}\n", chorus::openapi::document());
    if env::var_os("CHORUS_RENEW_GOLDEN").is_some() {
        fs::write(GOLDEN, &document).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap_or_default();
    let differs = document.lines().zip(golden.lines()).find(|(is, was)| is != was);
    assert!(
        document == golden,
        "the API's description is not {GOLDEN} any more, first in {differs:?}.\nIf it is meant to be so: \
         CHORUS_RENEW_GOLDEN=1 cargo test -p chorus --test it golden_document"
    );
}

#[tokio::test]
async fn whoever_serves_it_serves_all_of_it() {
    let folder = tempdir().unwrap();
    let all = Server::all(&folder.path().join("all")).await;
    let ingest = format!(
        "listen = \"127.0.0.1:0\"\ninternal_listen = \"127.0.0.1:0\"\n[internal]\nsecret = \"s\"\n\
         [auth]\nhs256_secret = \"s\"\n[live]\nkind = \"redis\"\nurl = \"redis://127.0.0.1:1\"\n\
         [store]\npath = {:?}\n",
        folder.path().join("ingest")
    );
    let ingest = Server::start(Role::Ingest, &ingest).await;
    for server in [all, ingest] {
        let answer = server.client().get("/openapi.json").await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json(), chorus::openapi::document());
        server.stop().await;
    }
}

/// Bodies are read field by field, and described by a type beside that: here the two meet.
#[tokio::test]
async fn bodies_as_described_are_taken_and_others_are_not() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let posted = client.comment("v", "the first").await.json();
    let id = posted["id"].as_str().unwrap();
    let document = chorus::openapi::document();
    let mut taken = Vec::new();
    for (path, method, operation) in operations(&document) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema")
        else {
            continue;
        };
        let path = path.replace("{video}", "v").replace("{id}", id).replace("{user}", "u2");
        let body = example(&document, schema, id);
        let answer = send(&client, &method, &path, &body).await;
        assert!(answer.is_success(), "{method} {path} {body}: {answer}");
        for (name, value) in body.as_object().unwrap() {
            let mut other = body.clone();
            other[name] = if is_any_json(&document, schema, name) {
                Value::Null
            } else {
                json!({ "not": value })
            };
            let answer = send(&client, &method, &path, &other).await;
            assert_eq!(answer, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path} {other}");
        }
        taken.push(operation["operationId"].as_str().unwrap().to_owned());
    }
    taken.sort_unstable();
    let all = [
        "ban",
        "pin",
        "postComment",
        "postEvent",
        "putSettings",
        "putVideo",
        "react",
        "reportComment",
    ];
    assert_eq!(taken, all);
    server.stop().await;
}

/// Whether a body's field may be of every type but null.
fn is_any_json(document: &Value, schema: &Value, field: &str) -> bool {
    let schema =
        schema["$ref"].as_str().map_or(schema, |name| document.pointer(&name[1..]).unwrap());
    let types = schema["properties"][field]["type"].as_array();
    types.is_some_and(|types| types.contains(&json!("object")))
}

async fn send(client: &Client, method: &Method, path: &str, body: &Value) -> StatusCode {
    let headers = [("content-type", "application/json"), ("x-chorus-user", "u1")];
    client.send(method.clone(), path, &headers, body.to_string()).await.status
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, Method, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| {
            (path, method.to_uppercase().parse().unwrap(), operation)
        })
    })
}

/// A value as the schema says, all of its fields given; ids are that of a comment which is there.
fn example(document: &Value, schema: &Value, id: &str) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return example(document, document.pointer(&name[1..]).unwrap(), id);
    }
    if let Some(properties) = schema["properties"].as_object() {
        let fields = properties.iter();
        let fields = fields.map(|(name, schema)| (name.clone(), example(document, schema, id)));
        return Value::Object(fields.collect::<Map<_, _>>());
    }
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    if let Some(choice) = choices.into_iter().find(|choice| choice["type"] != "null") {
        return example(document, choice, id);
    }
    if schema["format"] == "uuid"
        || schema["pattern"].as_str().is_some_and(|p| p.contains("-7[0-9a-f]"))
    {
        return id.into();
    }
    match schema["type"].as_array().map_or(&schema["type"], |types| &types[0]).as_str() {
        Some("array") => json!([example(document, &schema["items"], id)]),
        Some("boolean") => json!(true),
        Some("integer") => json!(schema["maximum"]),
        _ if schema["enum"].is_array() => schema["enum"][0].clone(),
        _ => schema["examples"][0].clone(),
    }
}

/// The document as a file, for programs that read it there.
fn write(folder: &Path, document: &Value) -> String {
    let path = folder.join("openapi.json");
    fs::write(&path, document.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}
