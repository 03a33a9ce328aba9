//! `bench many` with a stand-in for the chorus binary: viewers in several processes at several
//! gateways, of whom none may miss anything.

use std::path::Path;
use std::process::Command;

use crate::leftovers::{alive, interrupt, pids};
use crate::stand_in::{self, Flaw};
use crate::{Outcome, command, outcome};

const WRONGS: [&str; 3] = ["lost", "misplaced", "gone"];

/// Twelve viewers in three processes at two gateways.
fn many_command(folder: &Path, flaw: Flaw, comments: &str, more: &[&str]) -> Command {
    let chorus = stand_in::install(folder, flaw);
    let base = [
        "many",
        "--chorus",
        chorus.to_str().unwrap(),
        "--redis",
        "redis://:hush@127.0.0.1:1",
        "--viewers",
        "12",
        "--gateways",
        "2",
        "--viewers-per-process",
        "5",
        "--comments",
        comments,
        "--pause-seconds",
        "0.05",
        "--linger-seconds",
        "0.2",
    ];
    let mut command = command(&[&base[..], more].concat());
    command.env("CHORUS_LIMITS__COMMENTS_PER_USER_PER_MINUTE", "1");
    command
}

fn many(flaw: Flaw, more: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let outcome = outcome(many_command(folder.path(), flaw, "8", more));
    assert!(!pids(folder.path()).is_empty(), "nothing was started\n{outcome}");
    assert_eq!(alive(folder.path()), [0; 0], "still there\n{outcome}");
    outcome
}

/// Each comment reaches all viewers of all processes, and the last of them tells its time.
#[test]
fn a_faithful_chorus_passes() {
    let outcome = many(Flaw::None, &["--runs", "2"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.figures(["viewers", "gateways", "processes"]), [12., 2., 3.]);
    assert_eq!(outcome.figures(["posted", "acknowledged", "deliveries"]), [8., 8., 96.]);
    assert_eq!(outcome.figures(WRONGS), [0.; 3]);
    let [p50, p99, most] = outcome.figures(["receive_ms_p50", "receive_ms_p99", "last_ms_max"]);
    assert!(0.0 < p50 && p50 <= p99 && 0.0 < most, "{outcome}");
    assert!(outcome.figure("open_s") > 0.0 && outcome.figure("last_ms_median") <= most);
    let command = outcome.json["command"].as_str().unwrap();
    assert!(!command.contains("hush"), "{command}");
}

/// One viewer misses the sixth comment, which is then the last: nobody can say when all have it.
#[test]
fn a_comment_that_one_viewer_lacks_is_caught() {
    let outcome = many(Flaw::Drops, &["--silence-seconds", "1"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(WRONGS), [1., 0., 0.], "{outcome}");
    assert_eq!(outcome.figures(["posted", "deliveries"]), [6., 71.]);
    assert!(outcome.to_string().contains("comment 6 was not with everybody"), "{outcome}");
}

#[test]
fn a_comment_that_one_viewer_has_twice_is_caught() {
    let outcome = many(Flaw::Doubles, &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(WRONGS), [0., 1., 0.], "{outcome}");
    assert_eq!(outcome.figures(["posted", "deliveries"]), [8., 96.]);
}

#[test]
fn streams_that_end_are_caught() {
    let outcome = many(Flaw::HangsUp, &["--silence-seconds", "1"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(WRONGS), [0., 0., 6.], "{outcome}");
}

#[test]
fn a_run_that_shows_nothing_does_not_pass() {
    let outcome = many(Flaw::Refuses, &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(["posted", "acknowledged", "refused_401"]), [1., 0., 1.]);
}

/// Whatever doesn't start is no verdict: a role, or the streams of one gateway's viewers.
#[test]
fn what_does_not_start_is_no_verdict() {
    let outcome = many(Flaw::IsStillborn, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("dispatcher ended at once"), "{outcome}");

    let outcome = many(Flaw::IsDeaf, &["--silence-seconds", "1"]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("6 of 12 viewers got no stream"), "{outcome}");
}

/// Ctrl-C in the middle leaves no process behind: four roles, three of viewers.
#[test]
fn an_interrupted_run_ends_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = many_command(folder.path(), Flaw::None, "9000", &[]);
    interrupt(&mut command, folder.path(), 7);
}
