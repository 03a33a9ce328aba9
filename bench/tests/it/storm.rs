//! `bench storm` with a stand-in for the chorus binary: what it passes, what it must catch, and that
//! nothing of it is left over.

use std::path::Path;
use std::process::Command;

use crate::leftovers::{alive, interrupt, pids};
use crate::stand_in::{self, Flaw};
use crate::{Outcome, WRONGS, command, outcome};

const VIEWERS: f64 = 12.0;

/// Twelve viewers of two videos, 50 comments a second until one after the kill.
fn storm_command(folder: &Path, flaw: Flaw, before_s: &str, more: &[&str]) -> Command {
    let chorus = stand_in::install(folder, flaw);
    let base = [
        "storm",
        "--chorus",
        chorus.to_str().unwrap(),
        "--redis",
        "redis://:hush@127.0.0.1:1",
        "--viewers",
        "12",
        "--videos",
        "2",
        "--rate",
        "50",
        "--before-seconds",
        before_s,
        "--after-seconds",
        "1",
        "--linger-seconds",
        "0.2",
    ];
    let mut command = command(&[&base[..], more].concat());
    command.env("CHORUS_LIMITS__COMMENTS_PER_USER_PER_MINUTE", "1");
    command
}

fn storm(flaw: Flaw, more: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let outcome = outcome(storm_command(folder.path(), flaw, "0.5", more));
    assert!(!pids(folder.path()).is_empty(), "nothing was started\n{outcome}");
    assert_eq!(alive(folder.path()), [0; 0], "still there\n{outcome}");
    outcome
}

/// Viewers of a killed gateway come back at the other: all of them, continued, at one read a video.
#[test]
fn a_faithful_chorus_passes() {
    let outcome = storm(Flaw::None, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.figures(["viewers", "back", "back_continued"]), [VIEWERS; 3]);
    assert_eq!(outcome.figures(["reconnects", "fruitless_connects"]), [VIEWERS, 0.0]);
    assert_eq!(outcome.figures(["posted", "acknowledged", "deliveries"]), [75., 75., 450.]);
    assert_eq!(outcome.figures(WRONGS), [0.0; 4]);
    assert_eq!(outcome.figures(["log_reads", "log_reads_open", "log_reads_page"]), [2., 2., 0.]);
    assert_eq!(outcome.figure("log_reads_per_video"), 1.0);
    let [p50, max] = outcome.figures(["back_ms_p50", "back_ms_max"]);
    assert!(0.0 < p50 && p50 <= max, "{outcome}");
    let command = outcome.json["command"].as_str().unwrap();
    assert!(!command.contains("hush"), "{command}");
}

/// The other gateway's own viewers are checked with the rest, and its videos are open already.
#[test]
fn a_warm_gateway_has_opened_its_videos_before() {
    let outcome = storm(Flaw::None, &["--warm-viewers", "4"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.figures(["back", "reconnects"]), [VIEWERS; 2]);
    assert_eq!(outcome.figures(["warm_viewers", "deliveries", "log_reads"]), [4., 600., 0.]);
}

/// Whatever goes wrong for those who come back is counted for each of them.
#[test]
fn a_wrong_way_back_is_caught() {
    for (flaw, wrongs) in [
        (Flaw::Forgets, [VIEWERS, 0., 0., 0.]),
        (Flaw::Repeats, [0., VIEWERS, 0., 0.]),
        (Flaw::Drops, [2., 0., 0., 0.]),
    ] {
        let outcome = storm(flaw, &["--silence-seconds", "3"]);
        assert_eq!(outcome.code, Some(1), "{flaw:?} {outcome}");
        assert_eq!(outcome.figures(WRONGS), wrongs, "{flaw:?} {outcome}");
    }
}

/// A verdict other than `continued` fails the run, though every viewer was told.
#[test]
fn a_reset_is_no_way_to_come_back() {
    let outcome = storm(Flaw::Resets, &["--silence-seconds", "3"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(["back", "back_reset"]), [VIEWERS; 2]);
    assert!(outcome.to_string().contains("12 viewers not `continued`"), "{outcome}");
}

/// Who isn't back, or is back too late, is counted.
#[test]
fn a_storm_that_does_not_end_in_time_fails() {
    let outcome = storm(Flaw::IsDeaf, &["--silence-seconds", "1"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figure("back"), 0.0);
    assert!(outcome.to_string().contains("12 viewers not back within 10 s"), "{outcome}");

    let outcome = storm(Flaw::None, &["--back-within-seconds", "0.0001"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.to_string().contains("12 viewers not back within"), "{outcome}");
}

/// A read for every viewer is more than one for every video; no figure at all is no verdict.
#[test]
fn reads_of_the_live_log_are_held_against_the_goal() {
    let outcome = storm(Flaw::IsGreedy, &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(["log_reads", "log_reads_page"]), [2. + VIEWERS, VIEWERS]);
    assert!(outcome.to_string().contains("14 reads of the live log, the goal is 2"), "{outcome}");

    let outcome = storm(Flaw::IsMute, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("don't tell how often it reads"), "{outcome}");
}

/// What can't be started says why.
#[test]
fn a_chorus_that_does_not_start_is_no_verdict() {
    let outcome = storm(Flaw::IsStillborn, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("dispatcher ended at once"), "{outcome}");

    let outcome = crate::bench(&["storm", "--redis", "redis://a", "--chorus", "/nowhere"]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("no chorus at /nowhere"), "{outcome}");
}

/// Ctrl-C in the middle leaves no process behind.
#[test]
fn an_interrupted_run_ends_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = storm_command(folder.path(), Flaw::None, "600", &[]);
    interrupt(&mut command, folder.path(), 4);
}
