//! Taking in and draining against a model: any interleaving over two nodes, crashes at any `await`,
//! outcomes that nobody knows, pauses of any length.

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use run::Run;
use world::{Fate, Mutant};

mod drain;
mod post;
mod run;
mod surroundings;
mod world;

/// Keys that requests choose from; one more stands for none.
const KEYS: usize = 3;
/// The one of them under which a producer sends an event; the others are commenters'.
const EVENT_KEY: usize = 2;

#[derive(Debug, Clone)]
enum Op {
    /// A request comes.
    Post { node: usize, key: usize },
    /// A comment is left on record, as by a node that died right after that.
    Record { node: usize },
    /// A look at what is pending begins.
    Drain { node: usize },
    /// One of the operations that wait happens, or not.
    Release { nth: usize, fate: Fate },
    /// A request or drain dies where it is.
    Crash { nth: usize },
    /// Time passes for all, also for what is under way: its process was paused.
    Pass { seconds: u64 },
    /// What is late happens.
    Land,
}

fn nodes() -> impl Strategy<Value = usize> {
    0..2_usize
}

/// What happens to requests and drains that are under way.
fn events() -> impl Strategy<Value = Op> {
    let fate = prop_oneof![
        12 => Just(Fate::Done),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Unheard),
        1 => Just(Fate::Late),
    ];
    let seconds = prop::sample::select(vec![1, 6, 60, 130, 1000]);
    prop_oneof![
        20 => (0..16_usize, fate).prop_map(|(nth, fate)| Op::Release { nth, fate }),
        1 => (0..16_usize).prop_map(|nth| Op::Crash { nth }),
        2 => seconds.prop_map(|seconds| Op::Pass { seconds }),
        1 => Just(Op::Land),
    ]
}

/// What was seen, to tell whether a test sees enough.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    accepted: usize,
    settled: usize,
    pending: usize,
    refused: usize,
    /// Comments that viewers got, and those that they were told of.
    shown: usize,
    skipped: usize,
}

/// Runs random histories; tells what was seen in all of them.
fn check(
    cases: u32,
    ops: impl Strategy<Value = Vec<Op>>,
    mutant: Option<Mutant>,
    run: fn(&[Op], Option<Mutant>) -> Result<Seen, TestCaseError>,
) -> Result<Seen, String> {
    let seen = std::cell::Cell::new(Seen::default());
    // What a mutant fails on need not be made small.
    let max_shrink_iters = if mutant.is_some() { 0 } else { 10_000 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&ops, |ops| {
        let (all, now) = (seen.get(), run(&ops, mutant)?);
        seen.set(Seen {
            accepted: all.accepted + now.accepted,
            settled: all.settled + now.settled,
            pending: all.pending + now.pending,
            refused: all.refused + now.refused,
            shown: all.shown + now.shown,
            skipped: all.skipped + now.skipped,
        });
        Ok(())
    });
    outcome.map(|()| seen.get()).map_err(|failure| failure.to_string())
}
