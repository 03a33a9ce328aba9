//! Redis in trouble. Viewers receive all the same, and everything is with everybody, once, when it
//! is over.

use std::{
    collections::{HashMap, HashSet},
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    event::EventId,
    ids::{CommentId, VideoId},
    live_log::{From, LiveLog, Retention},
};
use store::redis::RedisStore;
use tokio::time::sleep;

use crate::{
    cluster::{Role, Who},
    outcome,
    proxy::tcp::{Door, Faults},
    stage::{GUARD, Stage},
};

/// By then dispatchers, which look once a second, know of all gateways.
pub(super) const KNOWN: Duration = Duration::from_secs(2);
/// How long it is away: longer than a gateway's lease.
const AWAY: Duration = Duration::from_secs(4);
/// Longer than ingest watches over what was accepted.
const WATCHED: Duration = Duration::from_secs(11);
/// How long the load goes on after it at least.
const AFTERMATH: Duration = Duration::from_secs(2);
/// Goal: what was answered with 202 is in the live log so soon after Redis is back.
const PLACED: Duration = Duration::from_secs(10);
/// How often it is rolled back unless `CHORUS_CHAOS_ROLLBACKS` says otherwise.
const ROLLBACKS: usize = 2;
/// What happens between the snapshot and the kill.
const LOST: Duration = Duration::from_millis(700);

pub(super) async fn all(stage: &mut Stage) {
    sleep(KNOWN).await;
    paused(stage).await;
    cut_off(stage).await;
    full(stage).await;
    flushed(stage).await;
    killed(stage).await;
    killed_with_a_gateway(stage).await;
    killed_with_an_ingest(stage).await;
    restarted_without(stage).await;
    let rollbacks = env::var("CHORUS_CHAOS_ROLLBACKS").map_or(ROLLBACKS, |n| n.parse().unwrap());
    for nth in 1..=rollbacks {
        rolled_back(stage, nth).await;
    }
}

/// SIGSTOP, and a pause that it was asked for: calls end by time-outs, and the breaker opens.
async fn paused(stage: &mut Stage) {
    stage.begin().await;
    stage.cluster.redis.signal("-STOP");
    sleep(AWAY).await;
    stage.cluster.redis.signal("-CONT");
    tell_all(stage, "Redis stopped", None).await;
    stage.begin().await;
    let pause_ms = AWAY.as_millis().to_string();
    stage.cluster.redis.run::<()>(&["CLIENT", "PAUSE", &pause_ms, "ALL"]).await;
    sleep(AWAY).await;
    tell_all(stage, "Redis paused", None).await;
}

/// Everybody's connection half open, then reset.
async fn cut_off(stage: &mut Stage) {
    for (what, faults) in [
        ("blackhole", Faults::BLACKHOLE),
        ("reset", Faults { door: Door::Resetting, ..Faults::NONE }),
    ] {
        stage.begin().await;
        stage.cluster.set_all_to_redis(faults);
        sleep(AWAY).await;
        stage.cluster.set_all_to_redis(Faults::NONE);
        tell_all(stage, &format!("everybody's link to Redis: {what}"), None).await;
    }
}

/// Memory is full: it refuses what would grow, and answers reads.
async fn full(stage: &mut Stage) {
    stage.begin().await;
    stage.cluster.redis.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    sleep(AWAY).await;
    stage.cluster.redis.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    tell_all(stage, "Redis full", None).await;
}

async fn flushed(stage: &mut Stage) {
    stage.begin().await;
    stage.cluster.redis.run::<()>(&["FLUSHALL"]).await;
    sleep(AFTERMATH).await;
    tell(stage, "FLUSHALL", None).await;
}

/// kill -9, and an empty one in its place.
async fn killed(stage: &mut Stage) {
    stage.begin().await;
    stage.cluster.redis.kill();
    sleep(AWAY).await;
    stage.cluster.redis.start_again().await;
    tell_all(stage, "Redis killed, empty afterwards", None).await;
}

/// Viewers of a gateway that dies meanwhile go on at the other one, with what they have not seen.
async fn killed_with_a_gateway(stage: &mut Stage) {
    stage.begin().await;
    let who = stage.cluster.busiest(Role::Gateway);
    stage.cluster.redis.kill();
    sleep(AWAY / 2).await;
    stage.cluster.kill(who).await;
    sleep(AWAY).await;
    stage.cluster.redis.start_again().await;
    stage.cluster.start_again(who).await;
    tell_all(stage, "Redis and a gateway killed", Some(who)).await;
    // Who changed gateways may see again what was posted shortly before the log is lost.
    sleep(WATCHED).await;
}

/// What an ingest answered with 202 before it died is placed by the other one.
async fn killed_with_an_ingest(stage: &mut Stage) {
    stage.begin().await;
    stage.cluster.redis.kill();
    sleep(AWAY).await;
    let who = Who(Role::Ingest, 0);
    stage.cluster.kill(who).await;
    stage.cluster.redis.start_again().await;
    back(stage, "Redis and an ingest killed").await;
    stage.cluster.start_again(who).await;
    tell(stage, "Redis and an ingest killed", None).await;
}

/// An ingest and a dispatcher die meanwhile and start again. Without Redis they do what they can.
async fn restarted_without(stage: &mut Stage) {
    stage.begin().await;
    stage.cluster.redis.kill();
    sleep(AWAY / 2).await;
    for role in [Role::Ingest, Role::Dispatcher] {
        stage.cluster.kill(Who(role, 0)).await;
        stage.cluster.start_again(Who(role, 0)).await;
    }
    sleep(AWAY).await;
    stage.cluster.redis.start_again().await;
    let name = "Redis killed, an ingest and a dispatcher restarted meanwhile";
    tell_all(stage, name, None).await;
    sleep(WATCHED).await;
}

/// Redis is back: what was answered with 202 must soon have a place in the live log.
async fn back(stage: &mut Stage, name: &str) {
    let (pending, back) = (stage.pending(), Instant::now());
    let count = pending.len();
    stage.check_that("comments are answered with 202 while Redis is away", count > 0);
    let took = until_placed(stage, pending, back).await;
    outcome::tell(&format!("{name}: {count} with 202, all in the live log after {took:.1?}"));
    stage.check_that("202 is placed", took < GUARD);
    if took > PLACED {
        outcome::tell(&format!("{name}: beyond {PLACED:?}"));
    }
    sleep(AFTERMATH).await;
}

/// When all of them have a place in the live log, since `back`. Each look reads only what is new:
/// a measure that keeps Redis busy would be part of what it measures.
async fn until_placed(
    stage: &Stage,
    pending: HashSet<(String, CommentId)>,
    back: Instant,
) -> Duration {
    let retention = Retention { replay_max: 40_000, replay_ttl_s: 600, dedup_s: 120 };
    let origin = Arc::new("dc1".parse().unwrap());
    let redis = RedisStore::connect(&stage.cluster.live_url, origin, retention).await.unwrap();
    let mut awaited = HashMap::<VideoId, (From, HashSet<EventId>)>::new();
    for (video, id) in pending {
        let (_, ids) =
            awaited.entry(video.parse().unwrap()).or_insert((From::Newest, HashSet::new()));
        ids.insert(id.into());
    }
    while !awaited.is_empty() && back.elapsed() < GUARD {
        for (video, (from, ids)) in &mut awaited {
            let Ok(page) = redis.read(video, *from, retention.replay_max).await else { continue };
            for entry in page.entries {
                ids.remove(&entry.event.id);
            }
            // What a new epoch begins with follows no place of another.
            let is_over = matches!(*from, From::After(last) if last.epoch != page.head.epoch);
            *from = if is_over { From::Newest } else { From::After(page.head) };
        }
        awaited.retain(|_, (_, ids)| !ids.is_empty());
        sleep(Duration::from_millis(50)).await;
    }
    back.elapsed()
}

/// What it told after the snapshot it tells again otherwise, in a later epoch: whoever comes back
/// with a position of before gets an honest verdict.
async fn rolled_back(stage: &mut Stage, nth: usize) {
    stage.begin().await;
    stage.cluster.redis.run::<()>(&["SAVE"]).await;
    sleep(LOST).await;
    stage.cluster.redis.kill_and_restart().await;
    for front in &stage.cluster.fronts {
        front.proxy.reset();
    }
    sleep(AFTERMATH).await;
    tell(stage, &format!("Redis killed, an older snapshot afterwards, {nth}"), None).await;
}

/// Redis is back; ends the chapter. Viewers must have been shown something without a position.
pub(super) async fn tell_all(stage: &mut Stage, name: &str, hit: Option<Who>) {
    back(stage, name).await;
    let placeless = tell(stage, name, hit).await;
    stage.check_that("viewers receive while Redis is away", placeless > 0);
}

/// Ends the chapter; how much was shown without a position.
async fn tell(stage: &mut Stage, name: &str, hit: Option<Who>) -> usize {
    let outcome = stage.end(name, hit).await;
    stage.check_that("nobody is reset", outcome.findings.resets == 0);
    stage.judge(name, &outcome.silences, Duration::ZERO);
    outcome.findings.placeless
}
