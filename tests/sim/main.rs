//! A seeded simulation of the whole system: the real ingest, dispatchers and gateways, two of each,
//! on a simulated network, clock, Redis and store, while processes are killed and stopped, messages
//! get lost, doubled, late and cut off in one direction, and wall clocks go wrong.
//!
//! ```sh
//! cargo test -p chorus --test sim                              # as CI does
//! CHORUS_SIM_SEEDS=1000 cargo test --release -p chorus --test sim
//! CHORUS_SIM_SEED=17 cargo test -p chorus --test sim a_seed    # again what failed, and what it saw
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failing run should stop here, and say which seed it was"
)]

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use faults::Faults;
use lateness::Lateness;
use mutant::Mutant;
use run::{Outcome, run};

mod cluster;
mod commenter;
mod comments;
mod counters;
mod dice;
#[path = "../support/event_source.rs"]
mod event_source;
mod faults;
mod judge;
mod lateness;
mod mutant;
mod network;
mod process;
mod redis;
#[path = "../../ingest/tests/it/stand_ins/rooms.rs"]
mod rooms;
mod run;
mod to_peers;
mod to_redis;
mod to_store;
mod viewer;

/// Seeds that are run unless `CHORUS_SIM_SEEDS` says otherwise.
const SEEDS: u64 = 60;
/// Seeds of the scenarios with one kind of fault.
const FEW_SEEDS: u64 = 30;
/// Seeds that are run twice.
const TRACED_SEEDS: u64 = 10;
/// Seeds within which each mutant must be noticed.
const MUTANT_SEEDS: u64 = 20;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text}")))
}

/// Runs `count` seeds from `first` on, on all processors.
fn outcomes(first: u64, count: u64, faults: Faults) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let outcome = run(seed, faults, Mutant::None);
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

/// Whatever dies, stops, gets lost or comes twice: what was acknowledged is seen by every viewer
/// that stays, once and in one order.
#[test]
fn every_seed_keeps_the_promises() {
    all_keep_the_promises(Faults::Any);
}

/// Nor does it matter what becomes of Redis: what was acknowledged is seen once by every viewer that
/// stays, or it is told.
#[test]
fn every_seed_keeps_the_promises_without_redis() {
    all_keep_the_promises(Faults::AnyRedis);
}

fn all_keep_the_promises(faults: Faults) {
    let first = number("CHORUS_SIM_FIRST").unwrap_or(0);
    let count = number("CHORUS_SIM_SEEDS").unwrap_or(SEEDS);
    let outcomes = outcomes(first, count, faults);
    let acknowledged: usize = outcomes.iter().map(|outcome| outcome.acknowledged).sum();
    let deliveries: usize = outcomes.iter().map(|outcome| outcome.deliveries).sum();
    println!(
        "{faults:?}: {} seeds, {acknowledged} comments, {deliveries} deliveries",
        outcomes.len()
    );
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.broken.is_empty()).collect();
    for Outcome { seed, broken, .. } in &failed {
        println!("seed {seed}: {} broken; first: {}", broken.len(), broken[0]);
        println!(
            "  again: CHORUS_SIM_SEED={seed} CHORUS_SIM_FAULTS={faults:?} cargo test -p chorus --test sim a_seed"
        );
    }
    assert!(failed.is_empty(), "{} seeds failed", failed.len());
    assert!(acknowledged > 0 && deliveries > acknowledged, "nothing happened");
}

fn again(seed: u64) -> Outcome {
    let without_redis = env::var("CHORUS_SIM_FAULTS").is_ok_and(|faults| faults == "AnyRedis");
    run(seed, if without_redis { Faults::AnyRedis } else { Faults::Any }, Mutant::None)
}

/// A failure that a seed shows can be looked at again: nothing in a run depends on anything else.
#[test]
fn a_seed_is_the_same_run_every_time() {
    let one = |seed| seed..seed + 1;
    let seeds = number("CHORUS_SIM_SEED").map_or(0..TRACED_SEEDS, one);
    for seed in seeds {
        let (first, second) = (again(seed), again(seed));
        println!("seed {seed}: trace {:016x}", first.trace);
        first.broken.iter().for_each(|why| println!("  {why}"));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert!(first.broken.is_empty(), "seed {seed} breaks promises");
    }
    assert_ne!(again(1).trace, again(2).trace, "the trace says nothing");
}

fn worst(outcomes: &[Outcome]) -> Lateness {
    outcomes.iter().map(|outcome| outcome.lateness).fold(Lateness::default(), Lateness::worst)
}

/// A comment whose push nobody got, and no later one reveals, is seen within two seconds: gateways
/// look once a second at what changed.
#[test]
fn lost_pushes_are_healed_within_two_seconds() {
    let outcomes = outcomes(0, FEW_SEEDS, Faults::PushesLost);
    assert!(outcomes.iter().all(|outcome| outcome.broken.is_empty()), "{outcomes:?}");
    let Lateness { connected_ms, .. } = worst(&outcomes);
    println!("no push arrives: longest way of a comment {connected_ms} ms");
    assert!((500..=2_000).contains(&connected_ms), "{connected_ms} ms");
}

/// One process is killed: viewers of living gateways see new comments within two seconds, those of
/// the killed one within five. Times are the simulation's, so they don't depend on the machine.
#[test]
fn one_kill_silences_nobody_for_long() {
    let outcomes = outcomes(0, FEW_SEEDS, Faults::OneKill);
    assert!(outcomes.iter().all(|outcome| outcome.broken.is_empty()), "{outcomes:?}");
    let Lateness { connected_ms, came_back_ms } = worst(&outcomes);
    println!("one kill: longest {connected_ms} ms, at the killed gateway {came_back_ms} ms");
    assert!(connected_ms <= 2_000 && (500..=5_000).contains(&came_back_ms));
}

/// A dispatcher is stopped, maybe after it appended and before it forwarded: what was acknowledged is
/// seen within two seconds all the same.
#[test]
fn a_stopped_dispatcher_silences_nobody_for_long() {
    let outcomes = outcomes(0, FEW_SEEDS, Faults::OneStop);
    assert!(outcomes.iter().all(|outcome| outcome.broken.is_empty()), "{outcomes:?}");
    let Lateness { connected_ms, .. } = worst(&outcomes);
    println!("a stopped dispatcher: longest {connected_ms} ms");
    assert!(connected_ms <= 2_000);
}

/// Redis forgets who is subscribed: nothing is lost, and gateways that get no pushes subscribe again.
#[test]
fn lost_subscriptions_are_made_again() {
    let outcomes = outcomes(0, FEW_SEEDS, Faults::SubscriptionsLost);
    assert!(outcomes.iter().all(|outcome| outcome.broken.is_empty()), "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.is_subscribed));
    assert!(worst(&outcomes).connected_ms <= 2_000);
}

/// Runs seeds with one kind of trouble with Redis; viewers are there all the time, and everything
/// must be with them in time, without a reset.
fn redis_in_trouble(faults: Faults, late_ms: u64) -> Vec<Outcome> {
    let outcomes = outcomes(0, FEW_SEEDS, faults);
    let broken: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.broken).collect();
    assert!(broken.is_empty(), "{} broken, the first: {}", broken.len(), broken[0]);
    let Lateness { connected_ms, .. } = worst(&outcomes);
    let placeless: usize = outcomes.iter().map(|outcome| outcome.placeless).sum();
    println!("{faults:?}: longest {connected_ms} ms, {placeless} shown without a place");
    assert!(connected_ms <= late_ms, "{connected_ms} ms");
    assert!(outcomes.iter().all(|outcome| outcome.resets == 0));
    assert!(outcomes.iter().all(|outcome| outcome.is_subscribed));
    outcomes
}

/// Redis answers nobody: viewers receive all the same.
#[test]
fn without_redis_viewers_receive_within_two_seconds() {
    let outcomes = redis_in_trouble(Faults::RedisAway, 2_000);
    assert!(outcomes.iter().all(|outcome| outcome.placeless > 0));
}

/// Redis comes back empty.
#[test]
fn a_lost_redis_loses_nothing() {
    redis_in_trouble(Faults::RedisLost, 2_000);
}

/// Redis comes back with what it knew a while ago.
#[test]
fn a_redis_that_is_rolled_back_loses_nothing() {
    redis_in_trouble(Faults::RedisRolledBack, 2_000);
}

/// For three seconds some go on with the old master, and what only that has taken is known to some
/// gateways alone.
#[test]
fn a_failover_loses_nothing_that_either_master_took() {
    redis_in_trouble(Faults::RedisFailedOver, 5_000);
}

/// Comments that no dispatcher could announce in time are not announced late, when they could come
/// twice: every viewer is told of each.
#[test]
fn what_is_never_announced_is_told() {
    let outcomes = outcomes(0, FEW_SEEDS, Faults::LongOutage);
    assert!(outcomes.iter().all(|outcome| outcome.broken.is_empty()), "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.told > 0));
}

/// A dispatcher that was stopped with a call in hand, for longer than the live log knows ids, wakes up
/// and appends: what others had appended meanwhile gets no second place.
#[test]
fn a_dispatcher_that_wakes_up_late_doubles_nothing() {
    let outcomes = outcomes(0, FEW_SEEDS, Faults::LongStop);
    assert!(outcomes.iter().all(|outcome| outcome.broken.is_empty()), "{outcomes:?}");
}

/// The judge notices a system that does one thing wrong.
#[test]
fn every_mutant_is_noticed() {
    for mutant in Mutant::ALL {
        let noticed = (0..MUTANT_SEEDS).find_map(|seed| {
            let broken = run(seed, mutant.shown_by(), mutant).broken;
            broken.first().map(|why| format!("seed {seed}: {why}"))
        });
        println!("{mutant:?}: {}", noticed.as_deref().unwrap_or("not noticed"));
        assert!(noticed.is_some(), "{mutant:?}");
    }
}
