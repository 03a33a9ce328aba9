//! Links that are slow, cut, cut one way, torn, or lose, double and delay calls.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    cluster::{Role, Who},
    proxy::{
        calls::CallFaults,
        tcp::{Door, Faults, Flow},
    },
    stage::Stage,
};

/// How long a fault lasts.
const FAULTY: Duration = Duration::from_secs(2);
/// The same of a link to Redis: longer than a gateway's lease.
const REDIS_AWAY: Duration = Duration::from_secs(4);
/// What a slow link adds, and at most by chance.
const LATENCY: Duration = Duration::from_millis(200);
/// How late a call can be: later than its repetition.
const LATE_MAX: Duration = Duration::from_secs(1);

const SWALLOWED: Flow = Flow::Swallowed;

/// What can happen to bytes.
const OF_BYTES: [(&str, Faults); 6] = [
    ("slow", Faults { latency: LATENCY, jitter: LATENCY, ..Faults::NONE }),
    ("held", Faults { up: Flow::Held, down: Flow::Held, ..Faults::NONE }),
    ("blackhole", Faults::BLACKHOLE),
    ("no requests get through", Faults { up: SWALLOWED, ..Faults::NONE }),
    ("no answers get through", Faults { down: SWALLOWED, ..Faults::NONE }),
    ("reset", Faults { door: Door::Resetting, ..Faults::NONE }),
];

/// What can happen to calls.
const OF_CALLS: [(&str, CallFaults); 4] = [
    ("half of the calls lost", CallFaults { drop_request: 0.5, ..CallFaults::NONE }),
    ("half of the answers lost", CallFaults { drop_answer: 0.5, ..CallFaults::NONE }),
    ("calls doubled", CallFaults { double: 1.0, ..CallFaults::NONE }),
    ("calls overtaking", CallFaults { delay: 0.5, delay_max: LATE_MAX, ..CallFaults::NONE }),
];

pub(super) async fn all(stage: &mut Stage) {
    let both = [Role::Dispatcher, Role::Gateway].map(|role| stage.cluster.busiest(role));
    for who in both {
        for (what, faults) in OF_BYTES {
            bytes(stage, who, what, faults).await;
        }
    }
    for role in [Role::Dispatcher, Role::Gateway] {
        for (what, faults) in OF_CALLS {
            calls(stage, role, what, faults).await;
        }
    }
    for who in both {
        for (what, faults) in [OF_BYTES[2], OF_BYTES[5]] {
            redis(stage, who, what, faults).await;
        }
    }
}

/// Whatever happens to the bytes between roles, calls go elsewhere or are made again, and what is
/// pushed too late or never is read from the live log.
async fn bytes(stage: &mut Stage, who: Who, what: &str, faults: Faults) {
    stage.begin().await;
    stage.cluster.link_to(who).tcp.set(faults);
    sleep(FAULTY).await;
    stage.cluster.link_to(who).tcp.set(Faults::NONE);
    tell(stage, &format!("link to a {}: {what}", who.0), who).await;
}

/// Calls that are lost, doubled or late on every link to a role neither lose, double nor reorder
/// comments.
async fn calls(stage: &mut Stage, role: Role, what: &str, faults: CallFaults) {
    let set = |stage: &Stage, faults| {
        for n in 0..crate::cluster::COUNT {
            stage.cluster.link_to(Who(role, n)).calls.set(faults);
        }
    };
    stage.begin().await;
    set(stage, faults);
    sleep(FAULTY).await;
    set(stage, CallFaults::NONE);
    tell(stage, &format!("links to all {role}s: {what}"), Who(role, 0)).await;
}

/// One process that can't reach Redis for longer than a lease costs no comment: others take a
/// dispatcher's work over, and a gateway takes a new incarnation and reads what it missed.
async fn redis(stage: &mut Stage, who: Who, what: &str, faults: Faults) {
    stage.begin().await;
    stage.cluster.redis_of(who).set(faults);
    sleep(REDIS_AWAY).await;
    stage.cluster.redis_of(who).set(Faults::NONE);
    tell(stage, &format!("a {}'s link to Redis: {what}", who.0), who).await;
}

async fn tell(stage: &mut Stage, name: &str, who: Who) {
    let outcome = stage.end(name, Some(who)).await;
    stage.judge(name, &outcome.silences, REDIS_AWAY);
}
