//! `bench dispatch` against a stand-in dispatcher: what it counts, and what it must not.

use crate::stub_dispatcher::{Answers, SECRET, StubDispatcher};
use crate::{Outcome, bench};

/// Three nodes, ten comments a call, 0.3 s.
fn dispatch(to: &StubDispatcher, more: &[&str]) -> Outcome {
    let url = to.url();
    let base = ["dispatch", "--dispatcher", &url, "--in-flight", "3", "--batch", "10"];
    let time = ["--seconds", "0.3", "--warm-up-seconds", "0"];
    bench(&[&base[..], &time, more].concat())
}

const SECRET_GIVEN: [&str; 2] = ["--internal-secret", SECRET];

#[test]
fn counts_what_was_accepted_and_what_it_cost() {
    let stub = StubDispatcher::start(Answers::Accepted);
    let pid = std::process::id().to_string(); // the stand-in's process is this one
    let more = ["--internal-secret", SECRET, "--dispatcher-pid", &pid, "--redis-pid", &pid];
    let outcome = dispatch(&stub, &more);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let [accepted, calls, p50, max] =
        outcome.figures(["accepted", "calls", "call_ms_p50", "call_ms_max"]);
    assert_eq!(accepted, calls * 10.0);
    // Calls under way when time was up are answered, and not counted.
    let late = stub.accepted() as f64 - accepted;
    assert!((0.0..=30.0).contains(&late), "{late} more\n{outcome}");
    assert!(0.0 < p50 && p50 <= max, "{outcome}");
    let rate = outcome.figure("accepted_per_s");
    assert!((1.0..accepted / 0.2).contains(&rate), "{outcome}");
    for server in ["dispatcher", "redis"] {
        let [cpu_s, each_us] =
            ["cpu_s", "cpu_us_per_comment"].map(|key| outcome.figure(&format!("{server}_{key}")));
        assert!((each_us * accepted / 1e6 - cpu_s).abs() < 1e-6, "{outcome}");
        assert!(outcome.figure(&format!("{server}_comments_per_core_s")) > 0.0);
    }
    let command = outcome.json["command"].as_str().unwrap();
    assert!(!command.contains(SECRET), "{command}");
}

#[test]
fn what_is_unavailable_is_not_accepted() {
    let stub = StubDispatcher::start(Answers::ThirdsUnavailable);
    let outcome = dispatch(&stub, &SECRET_GIVEN);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let [calls, accepted, unavailable] = outcome.figures(["calls", "accepted", "unavailable"]);
    assert!(calls > 0.0, "{outcome}");
    assert_eq!([accepted, unavailable], [calls * 6.0, calls * 4.0], "{outcome}");
}

#[test]
fn a_run_in_which_nothing_was_accepted_does_not_pass() {
    let outcome = dispatch(&StubDispatcher::start(Answers::Unavailable), &SECRET_GIVEN);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.figures(["accepted", "accepted_per_s"]), [0.0; 2]);
    assert!(outcome.figure("unavailable") > 0.0, "{outcome}");
    assert!(outcome.to_string().contains("nothing was accepted"), "{outcome}");
}

#[test]
fn calls_without_room_are_shown_and_counted_as_nothing() {
    let outcome = dispatch(&StubDispatcher::start(Answers::Busy), &SECRET_GIVEN);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let [accepted, calls, busy] = outcome.figures(["accepted", "calls", "calls_overloaded"]);
    assert!(busy > 0.0, "{outcome}");
    assert_eq!(accepted, calls * 10.0);
}

#[test]
fn a_refusal_fails_the_run() {
    let outcome =
        dispatch(&StubDispatcher::start(Answers::Accepted), &["--internal-secret", "guess"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.to_string().contains("401 Unauthorized: wrong secret"), "{outcome}");

    let outcome = dispatch(&StubDispatcher::start(Answers::Short), &SECRET_GIVEN);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.to_string().contains("9 answers to 10 events"), "{outcome}");
}

#[test]
fn a_process_that_is_not_there_is_no_verdict() {
    let stub = StubDispatcher::start(Answers::Accepted);
    let more = ["--internal-secret", SECRET, "--redis-pid", "4294967295"];
    let outcome = dispatch(&stub, &more);
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.to_string().contains("Redis should run on this machine"), "{outcome}");
    assert_eq!(stub.accepted(), 0, "said before anything is sent");
}
