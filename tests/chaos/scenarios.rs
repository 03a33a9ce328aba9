//! Scripted faults, one after another on one cluster: [`deaths`] of processes, [`links`] that fail,
//! a [`quiet`] video that nothing later heals, [`redis`] in trouble, a [`failover`] of it, and an
//! [`outage`] at a high rate.

use tokio::sync::Mutex;

use crate::stage::{Scene, Stage};

mod deaths;
mod failover;
mod links;
mod outage;
mod quiet;
mod redis;

/// Two clusters at a time would measure each other.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

/// Decides which calls the call proxies hit.
const SEED: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn whatever_dies_or_fails_everyone_gets_everything_once_and_in_order() {
    let _alone = ALONE.lock().await;
    let mut stage = Stage::start(Scene::usual(SEED)).await;
    deaths::all(&mut stage).await;
    quiet::all(&mut stage).await;
    links::all(&mut stage).await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn whatever_becomes_of_redis_viewers_receive_and_everyone_gets_everything_once() {
    let _alone = ALONE.lock().await;
    let mut stage = Stage::start(Scene::usual(SEED)).await;
    redis::all(&mut stage).await;
    stage.finish().await;
}
