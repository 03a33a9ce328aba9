//! `bench overload` against a stand-in server of few places: one that holds, and those that don't.

use std::time::Duration;

use crate::stub::Fault;
use crate::{Outcome, bench, start};

/// So many that a stall of this machine's is no overload to it when little is offered.
const PLACES: usize = 64;

/// Finds the peak with all places taken, then offers twice that and a tenth of it, a second each.
fn overload(fault: Fault, more: &[&str]) -> Outcome {
    let url = format!("http://{}", start(fault));
    let base = ["overload", "--post", &url, "--in-flight", "32,64", "--peak-seconds", "0.5"];
    let time = ["--warm-up-seconds", "0.5", "--seconds", "1", "--calm-seconds", "0.5"];
    // What keeps this machine busy is no part of the test, except where it is.
    let late = if more.contains(&"--late-ms-max") { &[][..] } else { &["--late-ms-max", "60000"] };
    bench(&[&base[..], &time, &["--calm-times", "0.1"], late, more].concat())
}

/// A server that takes what it can and refuses the rest at once keeps its goodput.
#[test]
fn a_server_that_sheds_passes() {
    let pid = std::process::id().to_string(); // the stand-in's process is this one
    // Its timers and this machine's other work are in the ratio: how much holds is not the point.
    let outcome = overload(Fault::Narrow(PLACES), &["--ratio", "0.5", "--server-pid", &pid]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let [peak, offered, goodput, ratio] =
        outcome.figures(["peak_per_s", "offered_per_s", "goodput_per_s", "goodput_ratio"]);
    assert!(peak < offered && offered <= 2.0 * peak + 1.0, "{outcome}");
    assert!((goodput / peak - ratio).abs() < 0.01, "{outcome}");
    let [some, all] = outcome.figures(["acknowledged_per_s_32", "acknowledged_per_s_64"]);
    let best = if some > all { 32.0 } else { 64.0 };
    assert_eq!(outcome.figure("peak_in_flight"), best, "{outcome}");
    let parts = ["acknowledged_201", "refused_503", "unknown", "unsent"];
    assert_eq!(outcome.figure("offered"), outcome.figures(parts).iter().sum::<f64>(), "{outcome}");
    assert!(outcome.figure("refused_503") > 0.0, "{outcome}");
    assert_eq!(outcome.figure("calm_failed"), 0.0, "{outcome}");
    for phase in ["peak", "overload"] {
        assert!(outcome.figure(&format!("per_core_s_{phase}")) > 0.0, "{outcome}");
    }
    let note = outcome.json["runs"][0]["notes"][0].as_str().unwrap();
    assert!(note.contains("server and this tool share"), "{note}");
}

/// One that falls over while there is too much has no goodput, though it is well again afterwards.
#[test]
fn a_server_that_topples_does_not_pass() {
    let outcome = overload(Fault::Topple(PLACES, Duration::from_millis(200)), &["--ratio", "0.5"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.figure("goodput_ratio") < 0.5, "{outcome}");
    assert!(outcome.to_string().contains("goal missed: of the peak is"), "{outcome}");
    assert_eq!(outcome.figure("calm_failed"), 0.0, "{outcome}");
}

/// One that stays down though little is asked of it fails, whatever its ratio.
#[test]
fn a_server_that_does_not_recover_does_not_pass() {
    let outcome = overload(Fault::Topple(PLACES, Duration::from_secs(600)), &["--ratio", "0"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.figure("calm_failed") > 0.0, "{outcome}");
    assert!(outcome.figure("calm_last_failure_ms") > 500.0, "{outcome}");
    assert!(outcome.to_string().contains("failed though only 0.1 × was offered"), "{outcome}");
}

/// A goal that was missed while the tool itself was late is held against nobody.
#[test]
fn a_tool_that_was_late_is_no_verdict() {
    let more = ["--ratio", "100", "--late-ms-max", "0"];
    let outcome = overload(Fault::Narrow(PLACES), &more);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("this tool was late itself"), "{outcome}");
    assert!(outcome.figure("goodput_ratio") > 0.0, "shown all the same\n{outcome}");
}

/// Posts for which there is no connection are told, and count as offered.
#[test]
fn a_post_without_a_connection_is_counted() {
    let outcome = overload(Fault::Narrow(PLACES), &["--ratio", "0", "--connections", "1"]);
    let [offered, unsent] = outcome.figures(["offered", "unsent"]);
    assert!(0.0 < unsent && unsent < offered, "{outcome}");
}

/// Where nothing is taken there is no peak to compare with.
#[test]
fn a_server_that_takes_nothing_does_not_pass() {
    let outcome = overload(Fault::Refuse, &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.to_string().contains("nothing was acknowledged"), "{outcome}");
}
