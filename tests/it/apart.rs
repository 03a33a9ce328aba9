//! The roles apart, as processes, on a real Redis and a real Cassandra.

use std::{collections::BTreeSet, env, time::Duration};

use axum::http::{Method, StatusCode};
use common::auth::{self, Claims, Role};
use futures_util::future::join_all;
use tempfile::{TempDir, tempdir};
use tokio::time::sleep;

use crate::{
    client::{Answer, Block, Stream},
    process::Process,
    roles::{self, needed, refs},
    stream::sampled,
};

/// Rounds of one key posted 32 times at once.
const KEY_ROUNDS: usize = 50;

/// Two of each role, on a keyspace of their own.
struct Cluster {
    folder: TempDir,
    common: Vec<String>,
    ingest: Vec<Process>,
    dispatchers: Vec<Process>,
    gateways: Vec<Process>,
}

impl Cluster {
    async fn start() -> Self {
        let folder = tempdir().unwrap();
        let common = roles::flags(&roles::unique_name(), &needed("CHORUS_TEST_REDIS"));
        for _ in 0..2 {
            roles::migrate(folder.path(), &common).await; // twice: it is safe to repeat
        }
        let mut cluster =
            Self { folder, common, ingest: vec![], dispatchers: vec![], gateways: vec![] };
        cluster.start_roles().await;
        cluster
    }

    async fn start_roles(&mut self) {
        for _ in 0..2 {
            let dispatcher = self.process("dispatcher", &[]).await;
            self.dispatchers.push(dispatcher);
        }
        let dispatchers = self.dispatchers.iter().map(|d| format!("http://{}", d.internal));
        let dispatchers = dispatchers.collect::<Vec<_>>().join(",");
        for _ in 0..2 {
            let any = ["--listen", "127.0.0.1:0"];
            let ingest = self
                .process("ingest", &[&any[..], &["--ingest.dispatchers", &dispatchers]].concat())
                .await;
            self.ingest.push(ingest);
            let advertise = ["--gateway.advertise", "http://127.0.0.1:0"];
            let gateway = self.process("gateway", &[&any[..], &advertise].concat()).await;
            self.gateways.push(gateway);
        }
    }

    async fn process(&self, role: &str, more: &[&str]) -> Process {
        let args = [&[role][..], &refs(&self.common), more].concat();
        Process::start(self.folder.path(), &args).await
    }

    async fn watch(&self, gateway: usize, video: &str, query: &str) -> (Stream, String) {
        let mut stream = self.gateways[gateway].client().stream(video, query).await;
        let verdict = stream.next().await.expect("no first block");
        let status = verdict.json()["status"].as_str().unwrap().to_owned();
        (stream, status)
    }

    async fn post(&self, ingest: usize, video: &str, text: &str, key: Option<&str>) -> Answer {
        let bearer = roles::bearer("u1", Duration::from_secs(60));
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.ingest[ingest].client().comment_with(video, text, &headers).await
    }
}

impl Cluster {
    async fn produce(&self, ingest: usize, video: &str, body: &str, key: &str) -> Answer {
        let claims =
            Claims { role: Some(Role::Producer), ..Claims::new("p1", Duration::from_secs(60)) };
        let bearer = format!("Bearer {}", auth::sign(roles::SECRET, &claims).unwrap());
        self.post_as(bearer, ingest, video, body, key).await
    }

    async fn post_as(
        &self,
        bearer: String,
        ingest: usize,
        video: &str,
        body: &str,
        key: &str,
    ) -> Answer {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        let path = format!("/v1/videos/{video}/events");
        self.ingest[ingest].client().send(Method::POST, &path, &headers, body.to_owned()).await
    }
}

/// One test, so that the processes and the keyspace are made once: they are most of its time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn the_roles_apart_are_one_system() {
    let mut cluster = Cluster::start().await;
    every_viewer_sees_one_order(&cluster).await;
    one_key_over_two_nodes_is_one_comment(&cluster).await;
    producers_events_stand_among_the_comments(&cluster).await;
    a_dead_dispatcher_costs_nothing(&mut cluster).await;
    a_dead_gateways_viewer_continues_at_the_other(&mut cluster).await;
}

async fn every_viewer_sees_one_order(cluster: &Cluster) {
    let (mut first, _) = cluster.watch(0, "order", "?recent=0").await;
    let (mut second, _) = cluster.watch(1, "order", "?recent=0").await;
    let clients = [0, 1].map(|n| cluster.gateways[n].client());
    let streams = clients.iter().map(|client| client.stream("order", "?recent=0&rate=5"));
    let streams = join_all(streams).await.into_iter().map(sampled);
    let samples = common::task::spawn("test", join_all(streams));
    let texts: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    let posts = texts.iter().enumerate().map(|(n, text)| cluster.post(n % 2, "order", text, None));
    for answer in join_all(posts).await {
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    }
    let seen = first.texts(100).await;
    assert_eq!(seen, second.texts(100).await);
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), 100, "each once");
    sleep(Duration::from_millis(1_100)).await; // for another second of the log's to begin
    assert_eq!(cluster.post(0, "order", "last", None).await.status, StatusCode::CREATED);
    let both = samples.await.unwrap();
    assert_eq!(both[0], both[1], "gateways agree on what is left out");
    assert!(both[0].1 > 0, "something was left out: {both:?}");
}

/// The same key 32 times at once, at both nodes: one comment, shown once. `CHORUS_KEY_ROUNDS` says
/// how often.
async fn one_key_over_two_nodes_is_one_comment(cluster: &Cluster) {
    let rounds = env::var("CHORUS_KEY_ROUNDS").map_or(KEY_ROUNDS, |text| text.parse().unwrap());
    let (mut stream, _) = cluster.watch(0, "key", "?recent=0").await;
    for round in 0..rounds {
        let (key, text) = (format!("k{round}"), format!("t{round}"));
        let posts = (0..32).map(|n| cluster.post(n % 2, "key", &text, Some(&key)));
        let answers = join_all(posts).await;
        let ids: BTreeSet<_> =
            answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{answers:?}");
        assert_eq!(stream.texts(1).await, [text]);
    }
    let (mut stored, mut query) = (0, String::new());
    while stored <= rounds {
        let path = format!("/v1/videos/key/comments?limit=200{query}");
        let page = cluster.ingest[1].client().get(&path).await.json();
        stored += page["comments"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        query = format!("&before={next}");
    }
    assert_eq!(stored, rounds);
}

/// At both gateways in the same place, once per key whichever node it comes to, and again to who
/// comes back.
async fn producers_events_stand_among_the_comments(cluster: &Cluster) {
    let (mut first, _) = cluster.watch(0, "live", "?recent=0").await;
    let (mut second, _) = cluster.watch(1, "live", "?recent=0").await;
    cluster.post(0, "live", "before", None).await;
    let odds = r#"{"type":"odds","data":{"home":1.10,"away":7}}"#;
    for node in [0, 1, 0] {
        let answer = cluster.produce(node, "live", odds, "k").await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    }
    cluster.post(1, "live", "after", None).await;
    let before = first.event().await.unwrap();
    let names =
        |blocks: &[Block]| blocks.iter().map(|block| block.name.clone()).collect::<Vec<_>>();
    let rest = [first.event().await.unwrap(), first.event().await.unwrap()];
    assert_eq!(names(&rest), ["odds", "comment"]);
    assert_eq!(rest[0].data, r#"{"home":1.10,"away":7}"#, "as it was sent");
    for block in [&before, &rest[0], &rest[1]] {
        assert_eq!(second.event().await.as_ref(), Some(block));
    }
    let query = format!("?after={}", before.id.unwrap());
    let (mut back, status) = cluster.watch(1, "live", &query).await;
    assert_eq!(status, "continued");
    assert_eq!([back.event().await.unwrap(), back.event().await.unwrap()], rest);
    let refused =
        cluster.post_as(roles::bearer("u1", Duration::from_secs(60)), 0, "live", odds, "k");
    assert_eq!(refused.await.status, StatusCode::FORBIDDEN, "a commenter");
}

async fn a_dead_dispatcher_costs_nothing(cluster: &mut Cluster) {
    let (mut stream, _) = cluster.watch(0, "dead", "?recent=0").await;
    cluster.dispatchers.pop().unwrap().kill().await;
    let texts: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(cluster.post(n % 2, "dead", text, None).await.status, StatusCode::CREATED);
    }
    assert_eq!(stream.texts(20).await, texts);
}

async fn a_dead_gateways_viewer_continues_at_the_other(cluster: &mut Cluster) {
    let (mut stream, _) = cluster.watch(1, "move", "?recent=0").await;
    cluster.post(0, "move", "one", None).await;
    let seen = stream.event().await.unwrap();
    cluster.gateways.pop().unwrap().kill().await;
    cluster.post(0, "move", "two", None).await;
    let query = format!("?after={}", seen.id.unwrap());
    let (mut back, status) = cluster.watch(0, "move", &query).await;
    assert_eq!(status, "continued");
    assert_eq!(back.texts(1).await, ["two"]);
}
