//! `bench load` beside servers that are right, the peers of `bench compare`, and wrong.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::command;
use super::stub::{self, Fault};

/// `bench peer`, killed when dropped.
struct Peer {
    child: Child,
    address: String,
}

impl Peer {
    fn start(kind: &str) -> Self {
        let mut command = command(&["peer", kind, "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What was said after the streams were open, and after the comments.
fn load(address: &str, more: &[&str]) -> (Value, Value) {
    let base = ["load", "--server", address, "--viewers", "30", "--silence-seconds", "1"];
    let output = command(&base).args(more).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<_> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [opened, delivered] = said.try_into().unwrap();
    (opened, delivered)
}

fn counts(delivered: &Value) -> [u64; 6] {
    ["taken", "refused", "deliveries", "lost", "misplaced", "gone"]
        .map(|key| delivered[key].as_u64().unwrap())
}

#[test]
fn peers_lose_nothing() {
    for kind in ["floor", "axum"] {
        let peer = Peer::start(kind);
        for more in [
            &["--rate", "100", "--seconds", "0.5", "--videos", "3", "--stuck", "2"][..],
            &["--burst", "50", "--herd", "--videos", "3", "--stuck", "2"],
        ] {
            let (opened, delivered) =
                load(&peer.address, &[more, &["--dialect", "plain"]].concat());
            assert_eq!(opened["refused"], 0, "{kind}");
            assert_eq!(counts(&delivered), [50, 0, 500, 0, 0, 0], "{kind} {more:?}");
            assert!(delivered["p99_ms"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn what_goes_wrong_is_counted() {
    let run = |fault| {
        let address: SocketAddr = stub::start("127.0.0.1:0", fault).unwrap();
        let rate = ["--rate", "40", "--seconds", "0.5", "--in-flight", "1"];
        counts(&load(&address.to_string(), &rate).1)
    };
    let [taken, refused, deliveries, ..] = [20, 0, 600, 0_u64];
    assert_eq!(run(Fault::None), [taken, refused, deliveries, 0, 0, 0]);
    assert_eq!(run(Fault::Drop), [taken, refused, deliveries - 1, 1, 0, 0]);
    assert_eq!(run(Fault::Double), [taken, refused, deliveries + 1, 0, 1, 0]);
    let swapped = run(Fault::Swap);
    assert!(swapped[4] > 0, "{swapped:?}");
    assert_eq!(run(Fault::Refuse), [0, 20, 0, 0, 0, 0]);
    let cut = run(Fault::Cut(5));
    assert!(cut[3] >= 30 * 15, "streams that end early lack the rest: {cut:?}");
}
