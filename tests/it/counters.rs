//! Reactions, viewers and views, from outside: one process, and the roles apart while parts of them
//! die.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, GUARD, Stream},
    server::Server,
};

mod apart;

/// Ten times of what any of it takes.
const HANG_GUARD: Duration = Duration::from_secs(3 * GUARD.as_secs());
const ACCEPTED: StatusCode = StatusCode::ACCEPTED;
const USER: [(&str, &str); 1] = [("x-chorus-user", "u1")];
/// Between two numbers that a video's viewers are told.
const TOLD_PERIOD: Duration = Duration::from_millis(500);

/// Reads until the event of that name says so; all that it said on the way.
async fn until(stream: &mut Stream, name: &str, data: &Value) -> Vec<Value> {
    let mut said = Vec::new();
    let read = async {
        while said.last() != Some(data) {
            let block = stream.any_event().await.expect("the stream ended");
            assert!(block.name != name || block.id.is_none(), "it has no place");
            if block.name == name {
                said.push(block.json());
            }
        }
    };
    // Heartbeats come for ever.
    let is_said = timeout(HANG_GUARD, read).await.is_ok();
    assert!(is_said, "{name} never says {data}: {said:?}");
    said
}

fn totals(kind: &str, count: u64) -> Value {
    json!({ "totals": { kind: count } })
}

fn viewers(count: u64) -> Value {
    json!({ "count": count })
}

async fn open(client: &Client, video: &str, query: &str) -> Stream {
    let mut stream = client.stream(video, query).await;
    assert_eq!(stream.any_event().await.unwrap().name, "resume");
    stream
}

async fn stats(client: &Client, video: &str) -> Value {
    let answer = client.get(&format!("/v1/videos/{video}/stats")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

/// Asks until the statistics have it.
async fn stats_become(client: &Client, video: &str, part: &str, expected: u64) {
    let began = Instant::now();
    loop {
        let stats = stats(client, video).await;
        if stats.pointer(part) == Some(&json!(expected)) {
            return;
        }
        assert!(began.elapsed() < HANG_GUARD, "{part} is not {expected}: {stats}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_are_told_the_last_total_and_not_each() {
    const PRESSES: u64 = 150;
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut stream = open(&client, "v", "?recent=0").await;
    let began = Instant::now();
    let press = async {
        for _ in 0..PRESSES {
            assert_eq!(client.react("v", "like", 1, &USER).await.status, ACCEPTED);
            sleep(Duration::from_millis(10)).await;
        }
    };
    let last = totals("like", PRESSES);
    let ((), said) = tokio::join!(press, until(&mut stream, "reactions", &last));
    let rounds = began.elapsed().as_millis() / TOLD_PERIOD.as_millis();
    assert!(said.len() as u128 <= rounds + 1, "{} in {rounds} half seconds", said.len());
    assert!(said.len() >= 2, "it did not come while they were pressed: {said:?}");
    let counts = said.iter().map(|said| said["totals"]["like"].as_u64().unwrap());
    assert!(counts.is_sorted(), "{said:?}");
    server.stop().await;
}

/// In the contract's order, after the replay and without a place.
#[tokio::test(flavor = "multi_thread")]
async fn newcomers_are_told_what_there_is_after_their_replay() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let comment = client.comment("v", "pinned").await.json()["id"].clone();
    let put = async |path: &str, body: Value| {
        let headers = [("content-type", "application/json"), USER[0]];
        let path = format!("/v1/videos/v/{path}");
        client.send(Method::PUT, &path, &headers, body.to_string()).await
    };
    assert_eq!(put("settings", json!({"slow_mode_s": 0})).await.status, StatusCode::OK);
    assert_eq!(put("pin", json!({"comment": comment})).await.status, StatusCode::OK);
    assert_eq!(client.react("v", "love", 3, &USER).await.status, ACCEPTED);
    let mut first = open(&client, "v", "?recent=0").await;
    // Whichever comes first.
    let mut expected = vec![("reactions", totals("love", 3)), ("viewers", viewers(1))];
    let both = async {
        while !expected.is_empty() {
            let block = first.any_event().await.unwrap();
            expected.retain(|(name, data)| block.name != *name || block.json() != *data);
        }
    };
    timeout(HANG_GUARD, both).await.expect("one of them never comes");
    let mut second = client.stream("v", "").await;
    // (Numbers that stand in what is replayed come there as well.)
    let told = ["settings", "pin", "reactions", "viewers"];
    let mut unplaced = Vec::new();
    let read = async {
        while !unplaced.ends_with(&told.map(str::to_owned)) {
            let block = second.any_event().await.unwrap();
            match block.id {
                None => unplaced.push(block.name),
                Some(_) => assert!(!unplaced.ends_with(&["pin".to_owned()]), "it is replay"),
            }
        }
    };
    assert!(timeout(HANG_GUARD, read).await.is_ok(), "{unplaced:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_are_told_how_many_they_are() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let (client, http2) = (server.client(), Client::http2(server.public()));
    let mut first = open(&client, "v", "").await;
    until(&mut first, "viewers", &viewers(1)).await;
    let (second, third) = (open(&http2, "v", "").await, open(&client, "v", "?rate=1").await);
    until(&mut first, "viewers", &viewers(3)).await;
    stats_become(&client, "v", "/viewers", 3).await;
    drop((second, third));
    until(&mut first, "viewers", &viewers(1)).await;
    drop(first);
    stats_become(&client, "v", "/viewers", 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_streams_opened_and_comments_those_that_are_there() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut stream = client.stream("v", "").await;
    let cursor = stream.any_event().await.unwrap().id.unwrap();
    drop(open(&client, "v", "?recent=3").await);
    for _ in 0..3 {
        drop(open(&client, "v", &format!("?after={cursor}")).await);
    }
    stats_become(&client, "v", "/views", 2).await;
    let [one, two] = [client.comment("v", "one").await, client.comment("v", "two").await];
    assert_eq!([one.status, two.status], [StatusCode::CREATED; 2]);
    stats_become(&client, "v", "/comments", 2).await;
    let path = format!("/v1/videos/v/comments/{}", two.json()["id"].as_str().unwrap());
    for _ in 0..2 {
        let deleted = client.send(Method::DELETE, &path, &USER, "").await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    }
    stats_become(&client, "v", "/comments", 1).await;
    assert_eq!(stats(&client, "v").await["views"], 2, "and none of those who came back");
    let unseen = stats(&client, "unseen").await;
    assert_eq!((&unseen["comments"], &unseen["reactions"]["like"]), (&json!(0), &json!(0)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_once_and_each_press_is_limited() {
    let folder = tempdir().unwrap();
    let limits = "[limits]\nreactions_per_user_per_minute = 100\n[reactions]\nkinds = [\"boo\"]\n";
    let server = Server::all_with(folder.path(), limits).await;
    let client = server.client();
    for _ in 0..3 {
        let headers = [USER[0], ("idempotency-key", "k")];
        assert_eq!(client.react("v", "boo", 50, &headers).await.status, ACCEPTED);
    }
    assert_eq!(client.react("v", "boo", 50, &USER).await.status, ACCEPTED);
    let limited = client.react("v", "boo", 1, &USER).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(limited.header("retry-after").parse::<u64>().unwrap() >= 1);
    let repeated = [USER[0], ("idempotency-key", "k")];
    assert_eq!(client.react("v", "boo", 50, &repeated).await.status, ACCEPTED, "it is known");
    let reused = client.react("v", "boo", 49, &repeated).await;
    assert_eq!(reused.status.as_u16(), 422, "it is another request");
    let other = [("x-chorus-user", "u2")];
    assert_eq!(client.react("v", "boo", 1, &other).await.status, ACCEPTED);
    assert_eq!(client.react("v", "like", 1, &other).await.status.as_u16(), 422);
    stats_become(&client, "v", "/reactions/boo", 101).await;
    server.stop().await;
}

/// A count of viewers does not: each poll that ends changes it.
#[tokio::test(flavor = "multi_thread")]
async fn reactions_end_a_long_poll() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let mut stream = open(&client, "v", "?recent=0").await;
    let mut poll = open(&client, "v", "?recent=0&poll=60").await;
    until(&mut stream, "viewers", &viewers(2)).await;
    let began = Instant::now();
    client.react("v", "wow", 2, &USER).await;
    until(&mut poll, "reactions", &totals("wow", 2)).await;
    while poll.any_event().await.is_some() {}
    assert!(began.elapsed() < GUARD, "it ended with that");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_outlives_the_process() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    client.comment("v", "one").await;
    // No moment to keep it: the end does.
    client.react("v", "like", 5, &USER).await;
    server.stop().await;
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let all = stats(&client, "v").await;
    assert_eq!((&all["comments"], &all["reactions"]["like"]), (&json!(1), &json!(5)));
    let mut stream = open(&client, "v", "?recent=0").await;
    client.react("v", "like", 1, &USER).await;
    let said = until(&mut stream, "reactions", &totals("like", 6)).await;
    let counts = said.iter().map(|said| said["totals"]["like"].as_u64().unwrap());
    assert!(counts.clone().all(|count| count >= 5), "never fewer than there were: {said:?}");
    server.stop().await;
}
