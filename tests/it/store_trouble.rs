//! The comment store in trouble, on a real Cassandra behind a fault proxy: slow, gone, or taking
//! writes whose answers get lost. Posts and history are refused in time and may be repeated, viewers
//! notice nothing, and all goes on by itself afterwards.
//!
//! Of two ingest nodes one, the *far* one, reaches the store through the proxy; the *near* one does
//! so directly, and shows what is there and that streams live.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::time::{sleep, timeout};

use crate::{
    client::{Answer, Client, GUARD, Stream},
    process::{self, Process},
    proxy::tcp::{Door, Faults, Flow, TcpProxy},
    roles::{self, needed, refs},
};

/// Longest that a post may wait for its answer, whatever the store does: a second for a place, five
/// for the store, and as much again as a machine in a hurry may take.
const ANSWER_MAX: Duration = Duration::from_secs(8);
/// Posts at once.
const POSTS: usize = 32;

struct System {
    _folder: TempDir,
    /// The far ingest's way to the store.
    link: TcpProxy,
    far: Process,
    near: Process,
    gateway: Process,
    _dispatcher: Process,
}

impl System {
    async fn start() -> Self {
        let folder = tempdir().unwrap();
        let flags = roles::flags(&roles::unique_name(), &needed("CHORUS_TEST_REDIS"));
        roles::migrate(folder.path(), &flags).await;
        let start = async |role: &str, more: &[&str]| {
            let args = [&[role][..], &refs(&flags), more].concat();
            let mut command = process::command(folder.path(), &args);
            let log = folder.path().join(format!("{role}.log"));
            let log = std::fs::OpenOptions::new().create(true).append(true).open(log);
            command.stderr(log.unwrap());
            Process::start_command(command).await
        };
        let link = TcpProxy::start(vec![Some(cassandra())]);
        let proxied = link.address().to_string();
        let dispatcher = start("dispatcher", &[]).await;
        let url = format!("http://{}", dispatcher.internal);
        let any = ["--listen", "127.0.0.1:0"];
        let ingest = [&any[..], &["--ingest.dispatchers", &url]].concat();
        let near = start("ingest", &ingest).await;
        let far = start("ingest", &[&ingest[..], &["--store.nodes", &proxied]].concat()).await;
        let advertise = ["--gateway.advertise", "http://127.0.0.1:0"];
        let gateway = start("gateway", &[&any[..], &advertise].concat()).await;
        Self { _folder: folder, link, far, near, gateway, _dispatcher: dispatcher }
    }

    /// A viewer, once its stream is live.
    async fn watch(&self, video: &str) -> Stream {
        let mut stream = self.gateway.client().stream(video, "?recent=0").await;
        stream.next().await.expect("no first block");
        stream
    }

    /// Posts at the near node, which a viewer sees.
    async fn shows(&self, video: &str, stream: &mut Stream, text: &str) {
        let answer = post(&self.near.client(), video, text, None).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        assert_eq!(stream.texts(1).await, [text]);
    }

    /// Texts and ids of a video's history, newest first.
    async fn history(&self, video: &str) -> Vec<(String, String)> {
        let page = listed(&self.near.client(), video).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let page = page.json();
        let word = |comment: &Value, name: &str| comment[name].as_str().unwrap().to_owned();
        let comments = page["comments"].as_array().unwrap().iter();
        comments.map(|comment| (word(comment, "text"), word(comment, "id"))).collect()
    }

    /// What the far node's `/readyz` says of the store; it has to be ready.
    async fn store_is(&self) -> String {
        let answer = Client::new(self.far.internal).get("/readyz").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["dependencies"]["store"].as_str().unwrap().to_owned()
    }

    /// Waits until the far node has no post under way.
    async fn is_idle(&self) {
        let idle = async {
            loop {
                let metrics = Client::new(self.far.internal).get("/metrics").await.body;
                let metrics = str::from_utf8(&metrics).unwrap();
                if metrics.contains("chorus_tasks{task=\"ingest.post\"} 0\n") {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(GUARD, idle).await.expect("posts pile up");
    }

    /// Repeats a post at the far node until it is taken; its id.
    async fn insist(&self, video: &str, text: &str, key: Option<&str>) -> String {
        let taken = async {
            loop {
                let answer = post(&self.far.client(), video, text, key).await;
                match answer.status {
                    StatusCode::CREATED => break answer.json()["id"].as_str().unwrap().to_owned(),
                    _ => expect_refused(&answer),
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(GUARD, taken).await.expect("posting does not recover")
    }
}

fn cassandra() -> std::net::SocketAddr {
    needed("CHORUS_TEST_CQL").replace("localhost", "127.0.0.1").parse().unwrap()
}

async fn post(client: &Client, video: &str, text: &str, key: Option<&str>) -> Answer {
    let bearer = roles::bearer("u1", Duration::from_secs(60));
    let mut headers =
        vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let (path, body) = (format!("/v1/videos/{video}/comments"), json!({ "text": text }));
    let began = Instant::now();
    let answer = client.try_send(Method::POST, &path, &headers, body.to_string()).await.unwrap();
    assert!(began.elapsed() < ANSWER_MAX, "{:?}: {answer:?}", began.elapsed());
    answer
}

async fn listed(client: &Client, video: &str) -> Answer {
    let began = Instant::now();
    let answer = client.get(&format!("/v1/videos/{video}/comments?limit=200")).await;
    assert!(began.elapsed() < ANSWER_MAX, "{:?}: {answer:?}", began.elapsed());
    answer
}

fn expect_refused(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{answer:?}");
}

/// One test, so that the processes and the keyspace are made once: they are most of its time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn a_store_in_trouble_costs_posts_and_nothing_else() {
    let system = System::start().await;
    slow(&system).await;
    gone(&system).await;
    an_answer_is_lost(&system).await;
}

/// A store that takes half a second more is waited for. One that takes two is not: no request ends
/// within its time. Between the two each post is taken or refused, as it happens.
async fn slow(system: &System) {
    let ms = Duration::from_millis;
    let mut stream = system.watch("slow").await;
    system.link.set(Faults { latency: ms(250), ..Faults::NONE });
    let taken = post(&system.far.client(), "slow", "before", Some("before")).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{taken:?}");
    assert_eq!(stream.texts(1).await, ["before"]);

    let answers = under_load(system, "slow", Faults { latency: ms(1_000), ..Faults::NONE });
    answers.await.iter().for_each(expect_refused);
    let answers = under_load(system, "uneven", Faults { jitter: ms(700), ..Faults::NONE }).await;
    let refused = answers.iter().filter(|answer| answer.status != StatusCode::CREATED);
    refused.for_each(expect_refused);
}

/// Posts all at once while the store is in trouble, and again when it is not; what the first ones
/// were answered. Viewers notice nothing.
async fn under_load(system: &System, video: &str, faults: Faults) -> Vec<Answer> {
    let mut stream = system.watch(video).await;
    system.link.set(faults);
    let (far, began) = (system.far.client(), Instant::now());
    let texts: Vec<_> = (0..POSTS).map(|n| format!("{video}{n}")).collect();
    let posts = join_all(texts.iter().map(|text| post(&far, video, text, Some(text))));
    let reads = join_all((0..8).map(|_| listed(&far, video)));
    let shown = async {
        let posted = Instant::now();
        system.shows(video, &mut stream, "meanwhile").await;
        say(video, "another's comment shown", posted);
    };
    let (posts, reads, ()) = tokio::join!(posts, reads, shown);
    let taken = posts.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    say(video, &format!("{taken} of {POSTS} taken, all answered"), began);
    reads.iter().filter(|answer| answer.status != StatusCode::OK).for_each(expect_refused);

    system.link.set(Faults::NONE);
    let began = Instant::now();
    system.insist(video, &texts[0], Some(&texts[0])).await;
    say(video, "taken again", began);
    let ids = async || join_all(texts.iter().map(|t| system.insist(video, t, Some(t)))).await;
    assert_eq!(ids().await, ids().await);
    shown_once(system, video, &mut stream, &texts).await;
    system.is_idle().await;
    posts
}

/// Each of these texts once in history, beside what the near node posted, and once on the stream.
async fn shown_once(system: &System, video: &str, stream: &mut Stream, texts: &[String]) {
    let texts = sorted(texts.to_vec());
    assert_eq!(sorted(stream.texts(texts.len()).await), texts);
    system.shows(video, stream, "after").await; // none came twice
    let history = system.history(video).await.into_iter().map(|(text, _)| text);
    let others = ["before", "meanwhile", "after"];
    assert_eq!(sorted(history.filter(|text| !others.contains(&text.as_str())).collect()), texts);
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts
}

/// As after kill -9: connections are reset, nobody listens.
async fn gone(system: &System) {
    let mut stream = system.watch("gone").await;
    assert_eq!(system.store_is().await, "up");
    system.link.set(Faults { door: Door::Refusing, ..Faults::NONE });
    system.link.reset();
    let (far, began) = (system.far.client(), Instant::now());
    for n in 0..3 {
        let text = format!("gone{n}");
        expect_refused(&post(&far, "gone", &text, None).await);
        expect_refused(&post(&far, "gone", &text, Some(&text)).await);
        expect_refused(&listed(&far, "gone").await);
    }
    assert!(began.elapsed() < ANSWER_MAX, "who can't be asked isn't waited for");
    say("gone", "nine refused, one after the other,", began);
    let told = system.store_is().await;
    assert!(told.starts_with("down: "), "{told}");
    system.shows("gone", &mut stream, "meanwhile").await;

    system.link.set(Faults::NONE);
    let began = Instant::now();
    system.insist("gone", "gone0", Some("gone0")).await;
    say("gone", "taken again", began);
    assert_eq!(system.store_is().await, "up");
    assert_eq!(listed(&far, "gone").await.status, StatusCode::OK);
    shown_once(system, "gone", &mut stream, &["gone0".to_owned()]).await;
}

/// A write lands and its answer doesn't: repeated with its key it is the same comment. Without a
/// key it is another one, which shows that it did land.
async fn an_answer_is_lost(system: &System) {
    for (video, key) in [("lost", Some("lost")), ("doubled", None)] {
        let mut stream = system.watch(video).await;
        let landed = land_unanswered(system, video, key).await;
        let id = system.insist(video, video, key).await;
        let ids: BTreeSet<_> = system.history(video).await.into_iter().map(|(_, id)| id).collect();
        assert!(ids.contains(&landed) && ids.contains(&id), "{ids:?}");
        if key.is_some() {
            assert_eq!(id, landed);
            shown_once(system, video, &mut stream, &[video.to_owned()]).await;
        } else {
            assert_eq!(ids.len(), 2);
        }
    }
}

/// Posts at the far node a comment that is stored and refused; its id. With a key the store is
/// asked twice, and what gets lost is the second answer: cut off half a way after the first.
async fn land_unanswered(system: &System, video: &str, key: Option<&str>) -> String {
    let latency = Duration::from_millis(300);
    let far = system.far.client();
    system.link.set(Faults { latency, ..Faults::NONE });
    let (ways, began) = (if key.is_some() { 5 } else { 1 }, Instant::now());
    let cut = async {
        sleep(latency * ways / 2).await;
        system.link.set(Faults { latency, down: Flow::Swallowed, ..Faults::NONE });
    };
    let (answer, ()) = tokio::join!(post(&far, video, video, key), cut);
    expect_refused(&answer);
    say(video, "refused", began);
    system.link.set(Faults::NONE);
    let history = system.history(video).await;
    assert_eq!(history.len(), 1, "the write did not land");
    history[0].1.clone()
}

#[expect(clippy::print_stderr, reason = "a test's only way to tell a figure")]
fn say(fault: &str, what: &str, since: Instant) {
    eprintln!("{fault}: {what} after {:?}", since.elapsed());
}
