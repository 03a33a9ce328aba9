//! The roles apart, as processes, on a Redis of their own and a real Cassandra.

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::{
    process::Process,
    redis_server::RedisServer,
    roles::{self, bearer, refs},
};

/// A crash loses nothing that was acknowledged longer ago.
const KEPT: Duration = Duration::from_secs(2);

/// Views are kept a little later.
const VIEWS_KEPT: Duration = Duration::from_secs(7);

/// Two ingest nodes and two gateways.
struct System {
    folder: TempDir,
    flags: Vec<String>,
    redis: RedisServer,
    ingest: Vec<Process>,
    gateways: Vec<Process>,
    dispatcher: Process,
}

impl System {
    async fn start() -> Self {
        let folder = tempdir().unwrap();
        let redis = RedisServer::start(&[]).await;
        let flags = roles::flags(&roles::unique_name(), &redis.url());
        roles::migrate(folder.path(), &flags).await;
        let start = async |role: &str, more: &[&str]| {
            let args = [&[role][..], &refs(&flags), more].concat();
            Process::start(folder.path(), &args).await
        };
        let dispatcher = start("dispatcher", &[]).await;
        let to = format!("http://{}", dispatcher.internal);
        let (mut ingest, mut gateways) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let any = ["--listen", "127.0.0.1:0"];
            ingest
                .push(start("ingest", &[&any[..], &["--ingest.dispatchers", &to]].concat()).await);
            let advertise = ["--gateway.advertise", "http://127.0.0.1:0"];
            gateways.push(start("gateway", &[&any[..], &advertise].concat()).await);
        }
        Self { folder, flags, redis, ingest, gateways, dispatcher }
    }

    /// Another ingest in the place of one that died.
    async fn start_ingest(&mut self) {
        let to = format!("http://{}", self.dispatcher.internal);
        let more = ["--listen", "127.0.0.1:0", "--ingest.dispatchers", &to];
        let args = [&["ingest"][..], &refs(&self.flags), &more].concat();
        self.ingest.push(Process::start(self.folder.path(), &args).await);
    }

    async fn react(&self, ingest: usize, video: &str, count: u64, key: Option<&str>) {
        let bearer = bearer("u1", Duration::from_secs(600));
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let answer = self.ingest[ingest].client().react(video, "like", count, &headers).await;
        assert_eq!(answer.status, ACCEPTED, "{answer:?}");
    }

    async fn watch(&self, gateway: usize, video: &str) -> Stream {
        open(&self.gateways[gateway].client(), video, "?recent=0").await
    }
}

fn likes(said: &[Value]) -> Vec<u64> {
    said.iter().map(|said| said["totals"]["like"].as_u64().unwrap()).collect()
}

/// One test, so that the processes and the keyspace are made once: they are most of its time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn numbers_of_the_roles_apart_add_up() {
    let mut system = System::start().await;
    reactions_add_up_over_nodes(&system).await;
    a_key_over_two_nodes_counts_once(&system).await;
    viewers_and_views_add_up_over_gateways(&system).await;
    what_redis_loses_is_filled_again(&system).await;
    while_redis_is_away_reactions_are_taken(&mut system).await;
    a_dead_ingest_loses_nothing_that_was_kept(&mut system).await;
    a_dead_gateways_viewers_are_not_counted(&mut system).await;
}

async fn reactions_add_up_over_nodes(system: &System) {
    let (mut first, mut second) = (system.watch(0, "sum").await, system.watch(1, "sum").await);
    for n in 0..40 {
        system.react(n % 2, "sum", 5, None).await;
    }
    for stream in [&mut first, &mut second] {
        assert!(likes(&until(stream, "reactions", &totals("like", 200)).await).is_sorted());
    }
    for ingest in &system.ingest {
        stats_become(&ingest.client(), "sum", "/reactions/like", 200).await;
    }
}

async fn a_key_over_two_nodes_counts_once(system: &System) {
    let mut stream = system.watch(0, "key").await;
    for n in 0..10 {
        system.react(n % 2, "key", 7, Some("k")).await;
    }
    system.react(1, "key", 1, Some("another")).await;
    let said = until(&mut stream, "reactions", &totals("like", 8)).await;
    assert!(likes(&said).iter().all(|count| *count <= 8), "{said:?}");
}

async fn viewers_and_views_add_up_over_gateways(system: &System) {
    let (mut first, second) = (system.watch(0, "seen").await, system.watch(1, "seen").await);
    let third = system.watch(1, "seen").await;
    until(&mut first, "viewers", &viewers(3)).await;
    let client = system.ingest[0].client();
    stats_become(&client, "seen", "/viewers", 3).await;
    stats_become(&client, "seen", "/views", 3).await;
    drop((second, third));
    until(&mut first, "viewers", &viewers(1)).await;
    // Gateways have no store: an ingest has kept them by now.
    sleep(VIEWS_KEPT).await;
    system.redis.run::<()>(&["FLUSHALL"]).await;
    for ingest in &system.ingest {
        stats_become(&ingest.client(), "seen", "/views", 3).await;
    }
}

/// Totals never go down: until they are filled viewers are told nothing.
async fn what_redis_loses_is_filled_again(system: &System) {
    let (mut first, mut second) = (system.watch(0, "flush").await, system.watch(1, "flush").await);
    system.react(0, "flush", 30, None).await;
    system.react(1, "flush", 12, None).await;
    until(&mut first, "reactions", &totals("like", 42)).await;
    sleep(KEPT).await;
    system.redis.run::<()>(&["FLUSHALL"]).await;
    system.react(0, "flush", 1, None).await;
    for stream in [&mut first, &mut second] {
        let said = likes(&until(stream, "reactions", &totals("like", 43)).await);
        assert!(said.is_sorted(), "{said:?}");
        until(stream, "viewers", &viewers(2)).await;
    }
    // Nobody reacts after this one, and newcomers are told all the same.
    system.redis.run::<()>(&["FLUSHALL"]).await;
    let mut late = system.watch(0, "flush").await;
    until(&mut late, "reactions", &totals("like", 43)).await;
}

async fn while_redis_is_away_reactions_are_taken(system: &mut System) {
    let mut stream = system.watch(0, "away").await;
    system.react(0, "away", 2, None).await;
    until(&mut stream, "reactions", &totals("like", 2)).await;
    system.redis.kill();
    for n in 0..4 {
        system.react(n % 2, "away", 5, None).await;
    }
    sleep(KEPT).await;
    system.redis.start_again().await;
    let said = likes(&until(&mut stream, "reactions", &totals("like", 22)).await);
    assert!(said.is_sorted(), "{said:?}");
}

async fn a_dead_ingest_loses_nothing_that_was_kept(system: &mut System) {
    let mut stream = system.watch(0, "kill").await;
    system.react(0, "kill", 20, None).await;
    system.react(1, "kill", 3, None).await;
    sleep(KEPT).await;
    system.ingest.remove(0).kill().await;
    // Redis has forgotten as well what the dead one told.
    system.redis.run::<()>(&["FLUSHALL"]).await;
    system.start_ingest().await;
    system.react(1, "kill", 1, None).await;
    let said = likes(&until(&mut stream, "reactions", &totals("like", 24)).await);
    assert!(said.is_sorted(), "{said:?}");
}

async fn a_dead_gateways_viewers_are_not_counted(system: &mut System) {
    let mut stays = system.watch(0, "dead").await;
    let _gone = [system.watch(1, "dead").await, system.watch(1, "dead").await];
    until(&mut stays, "viewers", &viewers(3)).await;
    system.gateways.pop().unwrap().kill().await;
    until(&mut stays, "viewers", &viewers(1)).await;
}
