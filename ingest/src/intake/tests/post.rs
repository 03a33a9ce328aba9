//! The claim logic.

use super::*;

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let post = (nodes(), 0..=KEYS).prop_map(|(node, key)| Op::Post { node, key });
    let drain = nodes().prop_map(|node| Op::Drain { node });
    prop::collection::vec(prop_oneof![4 => post, 1 => drain, 16 => events()], 1..150)
}

fn run(ops: &[Op], mutant: Option<Mutant>) -> Result<Seen, TestCaseError> {
    let mut run = Run::new(mutant);
    ops.iter().try_for_each(|op| run.step(op))?;
    run.heal()?;
    // Every commenter comes back once more, early or late.
    for key in 0..KEYS {
        run.post(key % 2, key);
    }
    run.go_on()?;
    run.heal()?;
    prop_assert!(run.told.iter().all(Option::is_some), "no answer although nothing fails");
    run.check_end()?;
    Ok(run.seen)
}

/// Whatever dies, fails or is paused: a key has one comment with one row, 201 is told only of what
/// viewers got (or were told that they don't), 202 only of what is on record, and nothing is shown
/// twice.
#[test]
fn a_key_is_one_comment_whatever_happens() {
    let seen = check(3000, ops(), None, run).unwrap_or_else(|failure| panic!("{failure}"));
    let Seen { accepted, settled, pending, refused, shown, skipped } = seen;
    let rarest = [accepted, settled, pending, refused, shown, skipped].into_iter().min();
    assert!(rarest >= Some(100), "the histories are too tame: {seen:?}");
}

/// Negative control: a store, log or window that breaks its contract is noticed.
#[test]
fn broken_surroundings_are_noticed() {
    for mutant in [
        Mutant::ClaimsAreForgotten,
        Mutant::RecordsAreForgotten,
        Mutant::LogForgetsEarly,
        Mutant::TakenIsNotLogged,
        Mutant::WindowIsTooLong,
    ] {
        assert!(check(3000, ops(), Some(mutant), run).is_err(), "{mutant:?} was not noticed");
    }
}
