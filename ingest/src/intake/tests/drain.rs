//! The drain of pending records.

use super::*;

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let record = nodes().prop_map(|node| Op::Record { node });
    let drain = nodes().prop_map(|node| Op::Drain { node });
    prop::collection::vec(prop_oneof![2 => record, 2 => drain, 16 => events()], 1..150)
}

fn run(ops: &[Op], mutant: Option<Mutant>) -> Result<Seen, TestCaseError> {
    let mut run = Run::new(mutant);
    ops.iter().try_for_each(|op| run.step(op))?;
    run.heal()?;
    run.check_end()?;
    Ok(run.seen)
}

/// Whatever dies, fails or is paused: each record is in the end announced, or viewers are told that
/// it is skipped; it is struck off for no other reason, never announced when it is too old, and its
/// comment never shown twice.
#[test]
fn every_record_is_announced_or_told() {
    let seen = check(3000, ops(), None, run).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(seen.shown.min(seen.skipped) > 1000, "the histories are too tame: {seen:?}");
}

/// Negative control: a store, log or window that breaks its contract is noticed.
#[test]
fn broken_surroundings_are_noticed() {
    for mutant in [
        Mutant::RecordsGoWhenRead,
        Mutant::LogForgetsEarly,
        Mutant::TakenIsNotLogged,
        Mutant::WindowIsTooLong,
    ] {
        assert!(check(3000, ops(), Some(mutant), run).is_err(), "{mutant:?} was not noticed");
    }
}
