//! Links that are slow, cut, cut one way, torn, or lose, double and delay calls.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    cluster::{COUNT, Role, Who},
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
/// By then a gateway whose lease ran out is known again.
const KNOWN_AGAIN: Duration = Duration::from_millis(1500);
/// What a slow link adds, and at most by chance.
const LATENCY: Duration = Duration::from_millis(200);
/// How late a call can be: later than its repetition.
const LATE_MAX: Duration = Duration::from_secs(1);

/// Something that can happen to bytes, and what it is called.
type OfBytes = (&'static str, Faults);

const SLOW: OfBytes = ("slow", Faults { latency: LATENCY, jitter: LATENCY, ..Faults::NONE });
const HELD: OfBytes = ("held", Faults { up: Flow::Held, down: Flow::Held, ..Faults::NONE });
const BLACKHOLE: OfBytes = ("blackhole", Faults::BLACKHOLE);
const NO_REQUESTS: OfBytes =
    ("no requests get through", Faults { up: Flow::Swallowed, ..Faults::NONE });
const NO_ANSWERS: OfBytes =
    ("no answers get through", Faults { down: Flow::Swallowed, ..Faults::NONE });
const RESET: OfBytes = ("reset", Faults { door: Door::Resetting, ..Faults::NONE });

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
        for fault in [SLOW, HELD, BLACKHOLE, NO_REQUESTS, NO_ANSWERS, RESET] {
            between_roles(stage, who, fault).await;
        }
        for fault in OF_CALLS {
            calls(stage, who.0, fault).await;
        }
        for fault in [BLACKHOLE, RESET] {
            to_redis(stage, who, fault).await;
        }
    }
    for fault in [BLACKHOLE, NO_ANSWERS, RESET] {
        to_commenters(stage, fault).await;
    }
    for fault in [HELD, BLACKHOLE, RESET] {
        to_viewers(stage, fault).await;
    }
}

/// Whatever happens to the bytes between roles, calls go elsewhere or are made again, and what is
/// pushed too late or never is read from the live log.
async fn between_roles(stage: &mut Stage, who: Who, (what, faults): OfBytes) {
    let set = |stage: &Stage, faults| stage.cluster.link_to(who).tcp.set(faults);
    for_a_while(stage, FAULTY, faults, set).await;
    tell(stage, &format!("link to a {}: {what}", who.0), Some(who), FAULTY).await;
}

/// One process that can't reach Redis for longer than a lease costs no comment: others take a
/// dispatcher's work over, and a gateway takes a new incarnation and reads what it missed.
async fn to_redis(stage: &mut Stage, who: Who, (what, faults): OfBytes) {
    let set = |stage: &Stage, faults| stage.cluster.redis_of(who).set(faults);
    for_a_while(stage, REDIS_AWAY, faults, set).await;
    sleep(KNOWN_AGAIN).await;
    tell(stage, &format!("a {}'s link to Redis: {what}", who.0), Some(who), REDIS_AWAY).await;
}

/// A comment whose request or answer is lost on the way is repeated at the other node under its
/// key, and is still one comment.
async fn to_commenters(stage: &mut Stage, (what, faults): OfBytes) {
    let set = |stage: &Stage, faults| stage.cluster.doors[0].set(faults);
    for_a_while(stage, FAULTY, faults, set).await;
    tell(stage, &format!("commenters' link to an ingest: {what}"), None, FAULTY).await;
}

/// A viewer whose connection breaks, wherever in a frame that is, comes back with its position and
/// misses nothing.
async fn to_viewers(stage: &mut Stage, (what, faults): OfBytes) {
    let set = |stage: &Stage, faults| stage.cluster.fronts[0].proxy.set(faults);
    for_a_while(stage, FAULTY, faults, set).await;
    let own = Who(Role::Gateway, stage.cluster.fronts[0].own());
    tell(stage, &format!("viewers' link to a gateway: {what}"), Some(own), FAULTY).await;
}

async fn for_a_while(
    stage: &mut Stage,
    time: Duration,
    faults: Faults,
    set: impl Fn(&Stage, Faults),
) {
    stage.begin().await;
    set(stage, faults);
    sleep(time).await;
    set(stage, Faults::NONE);
}

/// Calls that are lost, doubled or late on every link to a role neither lose, double nor reorder
/// comments.
async fn calls(stage: &mut Stage, role: Role, (what, faults): (&str, CallFaults)) {
    let set = |stage: &Stage, faults| {
        for n in 0..COUNT {
            stage.cluster.link_to(Who(role, n)).calls.set(faults);
        }
    };
    stage.begin().await;
    set(stage, faults);
    sleep(FAULTY).await;
    set(stage, CallFaults::NONE);
    tell(stage, &format!("links to all {role}s: {what}"), None, FAULTY).await;
}

async fn tell(stage: &mut Stage, name: &str, who: Option<Who>, lasted: Duration) {
    let outcome = stage.end(name, who).await;
    stage.judge(name, &outcome.silences, lasted);
}
