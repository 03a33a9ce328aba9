//! The whole tool against a stand-in server, right and wrong: what it must pass and must catch.

#![expect(clippy::unwrap_used, reason = "in a helper of tests it says what it says in a test")]

mod dispatch;
mod leftovers;
mod load;
mod many;
mod overload;
mod stand_in;
mod storm;
mod stub;
mod stub_dispatcher;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Output};

use serde_json::Value;
use stub::Fault;

/// What came of a command.
struct Outcome {
    code: Option<i32>,
    output: Output,
    json: Value,
}

impl Outcome {
    fn figure(&self, key: &str) -> f64 {
        self.json["runs"][0]["figures"][key].as_f64().unwrap_or_else(|| panic!("no {key}: {self}"))
    }

    fn figures<const N: usize>(&self, keys: [&str; N]) -> [f64; N] {
        keys.map(|key| self.figure(key))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        write!(f, "{:?}\n{}\n{}", self.code, text(&self.output.stdout), text(&self.output.stderr))
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(args);
    command
}

fn bench(args: &[&str]) -> Outcome {
    outcome(command(args))
}

fn outcome(mut command: Command) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    let output = command.arg("--json").arg(&file).output().unwrap();
    let json = std::fs::read(&file).ok().and_then(|json| serde_json::from_slice(&json).ok());
    Outcome { code: output.status.code(), output, json: json.unwrap_or_default() }
}

const COMMENTS: usize = 200;

/// Replays 200 comments within 0.4 s to 12 viewers on two threads.
fn replay(server: SocketAddr, more: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("short.arrivals");
    let mut trace = "# t_ms text_bytes user\n".to_owned();
    for at in 0..COMMENTS {
        writeln!(trace, "{} {} {}", at * 20, 1 + at * 7 % 600, at % 17).unwrap();
    }
    std::fs::write(&file, trace).unwrap();
    let url = format!("http://{server}");
    let base = [
        "replay",
        "--post",
        &url,
        "--stream",
        &url,
        "--stream",
        &url,
        "--viewers",
        "12",
        "--viewer-threads",
        "2",
        "--silence-seconds",
        "8",
        "--linger-seconds",
        "0.2",
        "--trace",
    ];
    bench(&[&base, [file.to_str().unwrap()].as_slice(), more].concat())
}

fn start(fault: Fault) -> SocketAddr {
    stub::start("127.0.0.1:0", fault).unwrap()
}

const WRONGS: [&str; 4] = ["lost", "duplicates", "reordered", "left_out"];

#[test]
fn a_faithful_server_passes() {
    for more in [&[][..], &["--keyed"], &["--hs256-secret", "s3cret"]] {
        let outcome = replay(start(Fault::None), more);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(
            outcome.figures(["posted", "acknowledged_201", "deliveries"]),
            [200., 200., 2400.]
        );
        assert_eq!(outcome.figures(WRONGS), [0.; 4]);
        assert_eq!(outcome.figures(["reconnects", "unacknowledged_seen", "unknown"]), [0.; 3]);
        let [p50, max] = outcome.figures(["receive_ms_p50", "receive_ms_max"]);
        assert!(0. < p50 && p50 <= max, "{outcome}");
        let command = outcome.json["command"].as_str().unwrap();
        assert!(!command.contains("s3cret"), "{command}");
    }
}

#[test]
fn a_wrong_stream_is_caught_and_counted_once() {
    for (fault, expected) in [
        (Fault::Drop, [1., 0., 0., 0.]),
        (Fault::Double, [0., 1., 0., 0.]),
        (Fault::Swap, [0., 0., 1., 0.]),
    ] {
        let outcome = replay(start(fault), &[]);
        assert_eq!(outcome.code, Some(1), "{fault:?} {outcome}");
        assert_eq!(outcome.figures(WRONGS), expected, "{fault:?}");
        assert_eq!(outcome.figure("viewers_hit"), 1.);
    }
}

#[test]
fn told_gaps_are_neither_success_nor_loss() {
    for (fault, told) in [(Fault::Skip, "skipped_events"), (Fault::Reset, "resets")] {
        let outcome = replay(start(fault), &[]);
        assert_eq!(outcome.code, Some(3), "{fault:?} {outcome}");
        assert_eq!(outcome.figures(WRONGS), [0., 0., 0., 1.], "{fault:?}");
        assert_eq!(outcome.figure(told), 1.);
    }
}

#[test]
fn viewers_come_back_where_they_were() {
    let outcome = replay(start(Fault::Cut(30)), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.figures(WRONGS), [0.; 4]);
    assert!(outcome.figure("reconnects") >= 12., "{outcome}");
}

#[test]
fn a_busy_server_is_asked_again_only_with_a_key() {
    let outcome = replay(start(Fault::Busy(10)), &["--keyed"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.figure("acknowledged"), 200.);
    assert!(outcome.figure("retries") >= 20., "{outcome}");

    let outcome = replay(start(Fault::Busy(10)), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.figures(["acknowledged", "refused_503", "retries"]), [180., 20., 0.]);
}

#[test]
fn an_answer_that_breaks_off_leaves_the_outcome_open() {
    let outcome = replay(start(Fault::BreakOff(10)), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        outcome.figures(["acknowledged", "unknown", "unacknowledged_seen"]),
        [180., 20., 20.]
    );

    let outcome = replay(start(Fault::BreakOff(10)), &["--keyed"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.figures(["acknowledged", "unknown", "unacknowledged_seen"]), [200., 0., 0.]);
    assert_eq!(outcome.figure("deliveries"), 2400.);
}

#[test]
fn a_run_that_shows_nothing_does_not_pass() {
    let outcome = replay(start(Fault::Refuse), &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(["acknowledged", "refused_401"]), [0., 200.]);
}

#[test]
fn a_server_that_is_not_there_is_no_verdict() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = replay(nobody, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("only 0 of 12 viewers"), "{outcome}");
    assert!(outcome.to_string().contains("Connection refused"), "{outcome}");
    assert_eq!(bench(&["replay", "--post", "https://a:1"]).code, Some(2));
}

#[test]
fn posts_in_a_closed_loop_and_takes_the_median() {
    let url = format!("http://{}", start(Fault::None));
    let outcome = bench(&[
        "post",
        "--post",
        &url,
        "--in-flight",
        "4",
        "--seconds",
        "0.3",
        "--warm-up-seconds",
        "0.1",
        "--runs",
        "3",
        "--videos",
        "2",
        "--keyed",
    ]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.json["runs"].as_array().unwrap().len(), 3);
    let rate = &outcome.json["median"]["acknowledged_per_s"];
    let [min, median, max] = ["min", "median", "max"].map(|key| rate[key].as_f64().unwrap());
    assert!(0. < min && min <= median && median <= max, "{outcome}");
    assert!(outcome.figure("post_ms_p99") > 0.);
}
