//! Processes killed, frozen and ended.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    cluster::{Role, Who},
    stage::Stage,
};

/// How long a process that was killed stays away at least: longer than any viewer takes to come back
/// elsewhere.
const DEAD: Duration = Duration::from_secs(3);
/// The same of one that ended as it was told to.
const ENDED: Duration = Duration::from_secs(1);
/// How long a gateway is frozen: longer than its lease.
const GATEWAY_FROZEN: Duration = Duration::from_secs(10);
/// How long the others are.
const FROZEN: Duration = Duration::from_secs(3);

pub(super) async fn all(stage: &mut Stage) {
    for role in [Role::Ingest, Role::Dispatcher, Role::Gateway] {
        let who = stage.cluster.busiest(role);
        killed(stage, who).await;
        let who = stage.cluster.busiest(role);
        frozen(stage, who, if role == Role::Gateway { GATEWAY_FROZEN } else { FROZEN }).await;
        let who = stage.cluster.busiest(role);
        terminated(stage, who).await;
    }
}

/// After kill -9 of a process, and without it, viewers of live gateways go on within 2 s and those
/// of the killed one within 5 s; commenters notice at most an attempt that they repeat.
async fn killed(stage: &mut Stage, who: Who) {
    stage.begin().await;
    stage.cluster.kill(who).await;
    sleep(DEAD).await;
    stage.settle().await;
    stage.cluster.start_again(who).await;
    tell(stage, &format!("{} killed", who.0), who, Duration::ZERO).await;
}

/// A process that is frozen for longer than others believe in it, and then goes on where it was,
/// costs nobody a comment and shows nobody one twice: a gateway takes a new incarnation.
async fn frozen(stage: &mut Stage, who: Who, pause: Duration) {
    stage.begin().await;
    stage.cluster.pause(who).await;
    sleep(pause).await;
    stage.cluster.go_on(who).await;
    let name = format!("{} frozen for {} s", who.0, pause.as_secs());
    tell(stage, &name, who, pause).await;
}

/// SIGTERM silences viewers no longer than it takes them to come back, and loses no request.
async fn terminated(stage: &mut Stage, who: Who) {
    stage.begin().await;
    stage.cluster.terminate(who).await;
    sleep(ENDED).await;
    stage.settle().await;
    stage.cluster.start_again(who).await;
    tell(stage, &format!("{} terminated", who.0), who, Duration::ZERO).await;
}

async fn tell(stage: &mut Stage, name: &str, who: Who, pause: Duration) {
    let outcome = stage.end(name, Some(who)).await;
    stage.judge(name, &outcome.silences, pause);
}
