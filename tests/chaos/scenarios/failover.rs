//! Sentinels name another server: first since theirs is frozen, which then comes back as a replica;
//! then since that one is killed, perhaps before the old one has copied what came after it. What is
//! copied is copied behind the answer, so each time some of what was accepted last may be lost.

use std::time::Duration;

use tokio::time::sleep;

use super::{ALONE, SEED, redis};
use crate::{
    sentinels::Watched,
    stage::{Scene, Stage},
};

/// Longer than sentinels take to name another one, and than a gateway's lease.
const FAILOVER: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn a_failover_costs_nobody_anything() {
    let _alone = ALONE.lock().await;
    let live = Some(Watched::start().await);
    let mut stage = Stage::start(Scene { live, ..Scene::usual(SEED) }).await;
    sleep(redis::KNOWN).await;

    stage.begin().await;
    stage.cluster.redis.signal("-STOP");
    sleep(FAILOVER).await;
    stage.cluster.redis.signal("-CONT");
    redis::tell_all(&mut stage, "failover, the master frozen and back later", None).await;

    stage.begin().await;
    let promoted = stage.cluster.replica.as_mut().expect("sentinels' servers are two");
    promoted.kill();
    sleep(FAILOVER).await;
    redis::tell_all(&mut stage, "failover, the master killed", None).await;
    stage.finish().await;
}
