//! Redis dead for a while, at a high rate: nothing is lost, nobody is left waiting, and memory stays
//! within bounds.
//!
//! `deploy/dev/nightly outage` runs it. `CHORUS_OUTAGE_RATE` says how many comments per second (1,000
//! unless set), `CHORUS_OUTAGE_SECONDS` how long (30 unless set).

use std::{env, str::FromStr, time::Duration};

use tokio::time::sleep;

use super::{ALONE, SEED, redis};
use crate::{
    cluster::Store,
    outcome::tell,
    stage::{Scene, Stage},
};

const RATE: f64 = 1_000.0;
const SECONDS: u64 = 30;
/// Few: the test's own process has to keep up.
const VIEWERS: usize = 16;
/// Most that a process may have taken for itself by the end. 524,288 comments without a place, which
/// a gateway remembers at most, are 40 MB; 16,384 that an ingest watches over are 10.
const MEMORY_MAX: u64 = 256 * 1024 * 1024;

fn given<T: FromStr>(variable: &str, otherwise: T) -> T {
    let value = env::var(variable).ok();
    value.map_or(otherwise, |value| value.parse().ok().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: run deploy/dev/nightly outage"]
async fn nightly_whatever_the_rate_an_outage_of_redis_costs_no_comment_and_bounded_memory() {
    let _alone = ALONE.lock().await;
    let per_second = given("CHORUS_OUTAGE_RATE", RATE);
    let seconds = given("CHORUS_OUTAGE_SECONDS", SECONDS);
    let scene =
        Scene { store: Store::Embedded, live: None, viewers: VIEWERS, per_second, seed: SEED };
    let mut stage = Stage::start(scene).await;
    sleep(redis::KNOWN).await;
    stage.begin().await;
    let before = stage.cluster.largest_memory();
    stage.cluster.redis.kill();
    sleep(Duration::from_secs(seconds)).await;
    stage.cluster.redis.start_again().await;
    let name = format!("Redis dead for {seconds} s at {per_second} comments/s");
    redis::tell_all(&mut stage, &name, None).await;
    let after = stage.cluster.largest_memory();
    tell(&format!("{name}: largest process {} MiB before, {} after", before >> 20, after >> 20));
    stage.check_that("memory is bounded", after <= MEMORY_MAX);
    stage.finish().await;
}
