//! The comments section of the contract, in tables.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    client::{Answer, Client},
    server::Server,
};

const PATH: &str = "/v1/videos/v/comments";

/// A refusal as the contract wants it; gives the body back for more.
fn assert_problem(answer: &Answer, status: u16, what: &str) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    let body = answer.json();
    for field in ["type", "title", "detail", "request_id"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: {field}");
    }
    assert_eq!(body["status"], status, "{what}");
    assert_eq!(body["request_id"], answer.header("x-request-id"), "{what}");
    assert_eq!(body["errors"].is_array(), status == 422, "{what}");
    body
}

async fn raw(client: &Client, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Answer {
    client.send(Method::POST, PATH, headers, body).await
}

#[tokio::test]
async fn a_comment_is_answered_listed_and_found() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let posted = client.comment("v", " e\u{301} 😀 <b>&\"\n2 ").await;
    assert_eq!(posted.status, StatusCode::CREATED);
    let comment = posted.json();
    let id = comment["id"].as_str().unwrap();
    let created_at = comment["created_at"].as_str().unwrap();
    let expected = json!({
        "id": id, "video": "v", "author": {"id": "u1", "name": "u1"},
        "text": "é 😀 <b>&\"\n2", "created_at": created_at,
    });
    assert_eq!(comment, expected);
    assert_eq!(created_at.len(), "2026-11-22T05:30:10.874Z".len());
    assert_eq!(posted.header("location"), format!("{PATH}/{id}"));
    assert!(!posted.header("x-request-id").is_empty());
    assert_eq!(client.get(&format!("{PATH}/{id}")).await.json(), comment);
    let listed = client.get(PATH).await.json();
    assert_eq!((&listed["comments"], &listed["next"]), (&json!([comment]), &Value::Null));
    server.stop().await;
}

#[tokio::test]
async fn refusals() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let json_type = ("content-type", "application/json");
    let good = r#"{"text":"hi"}"#;
    let grave = "x".repeat(501);
    for (status, what, headers, body) in [
        (415, "no content type", &[][..], good.to_owned()),
        (415, "text/plain", &[("content-type", "text/plain")][..], good.to_owned()),
        (415, "encoded", &[json_type, ("content-encoding", "gzip")][..], good.to_owned()),
        (400, "not JSON", &[json_type][..], "{\"text\":".to_owned()),
        (400, "empty body", &[json_type][..], String::new()),
        (400, "bad key", &[json_type, ("idempotency-key", "a b")][..], good.to_owned()),
        (400, "empty key", &[json_type, ("idempotency-key", "\"\"")][..], good.to_owned()),
        (413, "too large", &[json_type][..], format!("{{\"text\":\"{}\"}}", "x".repeat(17_000))),
        (422, "no text", &[json_type][..], "{}".to_owned()),
        (422, "empty", &[json_type][..], r#"{"text":" \n"}"#.to_owned()),
        (422, "too long", &[json_type][..], json!({ "text": grave }).to_string()),
        (422, "control", &[json_type][..], r#"{"text":"a\u0007"}"#.to_owned()),
        (422, "lone surrogate", &[json_type][..], r#"{"text":"\ud800"}"#.to_owned()),
        (422, "reply to nothing", &[json_type][..], r#"{"text":"a","reply_to":"b"}"#.to_owned()),
        (
            401,
            "token nobody can check",
            &[json_type, ("authorization", "Bearer x")][..],
            good.to_owned(),
        ),
    ] {
        assert_problem(&raw(&client, headers, body).await, status, what);
    }
    let not_utf8 = raw(&client, &[json_type], &b"{\"text\":\"\xff\"}"[..]).await;
    assert_problem(&not_utf8, 400, "not UTF-8");
    let control = raw(&client, &[json_type], r#"{"text":"\u0000"}"#).await;
    assert_eq!(assert_problem(&control, 422, "field")["errors"][0]["field"], "text");
    assert_eq!(client.get(PATH).await.json()["comments"], json!([]), "nothing was stored");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let long = "v".repeat(65);
    for path in [
        "/v1/nothing".to_owned(),
        format!("/v1/videos/{long}/comments"),
        "/v1/videos/a%20b/comments".to_owned(),
        "/v1/videos/..%2fx/stream".to_owned(),
        format!("{PATH}/nothing"),
        format!("{PATH}/0190163d-8694-739b-aea5-966c26f8ad91"),
    ] {
        assert_problem(&client.get(&path).await, 404, &path);
    }
    let posted = client.comment(&long, "hi").await;
    assert_problem(&posted, 404, "post to a video that can't be");
    let patched = client.send(Method::PATCH, PATH, &[], "").await;
    assert_problem(&patched, 405, "PATCH");
    assert!(patched.header("allow").contains("POST"));
    let named = client.send(Method::GET, "/v1/x", &[("x-request-id", "mine-1")], "").await;
    assert_eq!(named.header("x-request-id"), "mine-1");
    server.stop().await;
}

#[tokio::test]
async fn pages() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut ids = Vec::new();
    for n in 0..7 {
        let posted = client.comment("v", &n.to_string()).await.json();
        ids.push(posted["id"].as_str().unwrap().to_owned());
    }
    let page = async |query: String| {
        let body = client.get(&format!("{PATH}{query}")).await.json();
        let comments = body["comments"].as_array().unwrap();
        let texts = comments.iter().map(|c| c["text"].as_str().unwrap()).collect::<String>();
        (texts, body["next"].as_str().map(str::to_owned))
    };
    assert_eq!(page("?limit=3".into()).await, ("654".into(), Some(ids[4].clone())));
    assert_eq!(page(format!("?limit=3&before={}", ids[4])).await.0, "321");
    assert_eq!(page(format!("?limit=3&before={}", ids[1])).await, ("0".into(), None));
    assert_eq!(
        page(format!("?limit=3&after={}", ids[0])).await,
        ("123".into(), Some(ids[3].clone()))
    );
    assert_eq!(page(format!("?after={}", ids[5])).await, ("6".into(), None));
    assert_eq!(page("?limit=7".into()).await, ("6543210".into(), None));
    for bad in ["?limit=0", "?limit=201", "?limit=x", "?before=x", "?after=1"] {
        assert_problem(&client.get(&format!("{PATH}{bad}")).await, 422, bad);
    }
    server.stop().await;
}

#[tokio::test]
async fn one_key_is_one_comment() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut stream = client.stream("v", "").await;
    let keyed = async |user: &'static str,
                       key: &'static str,
                       video: &'static str,
                       text: &'static str| {
        client.comment_with(video, text, &[("x-chorus-user", user), ("idempotency-key", key)]).await
    };
    let first = keyed("u1", "k", "v", "hi").await;
    let again = keyed("u1", "\"k\"", "v", " hi ").await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.json(), again.json());
    assert_problem(&keyed("u1", "k", "v", "other text").await, 422, "another text");
    assert_problem(&keyed("u1", "k", "w", "hi").await, 422, "another video");
    assert_ne!(
        keyed("u2", "k", "v", "hi").await.json()["id"],
        first.json()["id"],
        "another author"
    );
    keyed("u1", "k2", "v", "last").await;
    assert_eq!(stream.texts(3).await, ["hi", "hi", "last"], "shown once per comment");
    server.stop().await;
}

#[tokio::test]
async fn the_same_key_32_times_at_once() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let headers = [("x-chorus-user", "u1"), ("idempotency-key", "k")];
    let posts = (0..32).map(|_| client.comment_with("v", "hi", &headers));
    let answers = futures_util::future::join_all(posts).await;
    let id = answers[0].json()["id"].clone();
    for answer in &answers {
        assert_eq!((answer.status, &answer.json()["id"]), (StatusCode::CREATED, &id));
    }
    assert_eq!(client.get(PATH).await.json()["comments"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn guests_keep_their_name_over_a_retry() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let guest = async |key: &'static str| {
        client.comment_with("v", "hi", &[("idempotency-key", key)]).await.json()
    };
    assert_eq!(guest("a").await["id"], guest("\"a\"").await["id"]);
    assert_ne!(guest("a").await["author"], guest("b").await["author"]);
    server.stop().await;
}

#[tokio::test]
async fn tokens_are_asked_for_when_a_secret_is_set() {
    let folder = tempdir().unwrap();
    let server = Server::all_with(folder.path(), "auth.hs256_secret = \"s3cret\"").await;
    let client = server.client();
    assert_problem(&client.comment("v", "hi").await, 401, "the development header");
    let mut claims = common::auth::Claims::new("u9", std::time::Duration::from_secs(60));
    claims.name = Some("Nina".into());
    let bearer = format!("Bearer {}", common::auth::sign("s3cret", &claims).unwrap());
    let posted = client.comment_with("v", "hi", &[("authorization", &bearer)]).await;
    assert_eq!(posted.json()["author"], json!({"id": "u9", "name": "Nina"}));
    claims.videos = Some(vec!["other".into()]);
    let bearer = format!("Bearer {}", common::auth::sign("s3cret", &claims).unwrap());
    let refused = client.comment_with("v", "hi", &[("authorization", &bearer)]).await;
    assert_problem(&refused, 403, "a token of another video");
    server.stop().await;
}
