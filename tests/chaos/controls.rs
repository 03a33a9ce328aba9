//! Negative controls on real streams: what a mutant gateway does to them, the checker sees.

use std::{collections::HashSet, net::SocketAddr, sync::Arc, time::Duration};

use common::ids::CommentId;
use tempfile::tempdir;

use crate::{
    audience::Audience,
    checker::{Evidence, Findings, check},
    commenters::{Commenters, Load},
    front::Front,
    mutant::{Harm, Mutant, PERIOD},
    process::Process,
    recording::Ledger,
    roles::SECRET,
};

/// Hang guard.
const GUARD: Duration = Duration::from_secs(60);
const COMMENTS: usize = 4 * PERIOD;
const VIEWERS: usize = 6;
/// Every second viewer watches through the mutant.
const HARMED: usize = VIEWERS / 2;

/// What the checker says of viewers behind a mutant, among others who get everything.
async fn findings(harm: Harm) -> Findings {
    let folder = tempdir().unwrap();
    let any = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
    let all = [&["all", "--auth.hs256_secret", SECRET][..], &any].concat();
    let server = Process::start(folder.path(), &all).await;
    let address = server.public.unwrap();
    let mutant = Mutant::start(address, harm);
    let found = checked(address, &mutant).await;
    server.kill().await;
    found
}

async fn checked(address: SocketAddr, mutant: &Mutant) -> Findings {
    let videos = ["v".to_owned()];
    let fronts: Vec<_> = [address, mutant.address()]
        .map(|address| {
            let front = Front::start(0, 1);
            front.lead_to(&[Some(address)]);
            Arc::new(front)
        })
        .into();
    let mut audience = Audience::start(fronts, &videos, VIEWERS);
    assert!(audience.joined(GUARD).await, "viewers can't join");
    let ledger = Arc::new(Ledger::of(1));
    let load = Load { per_second: 1.0, weights: vec![1], seed: 0 };
    let commenters = Commenters::start(&[address], &videos, ledger.clone(), load);
    for _ in 0..COMMENTS {
        commenters.post(0).await;
    }
    let last = Ledger::of(1);
    last.add(0, commenters.post(0).await);
    assert!(audience.has_seen_all(&last, GUARD).await, "the last one, which nobody harmed");
    let acknowledged = ledger.cut().remove(0);
    let history: Vec<(CommentId, String)> =
        acknowledged.iter().map(|a| (a.id, a.key.clone())).collect();
    check(&Evidence {
        acknowledged: &acknowledged,
        recordings: &audience.cut(1)[0],
        history: &history,
        earlier: &HashSet::new(),
    })
}

fn clean() -> Findings {
    Findings { acknowledged: COMMENTS + 1, ..Findings::default() }
}

/// How many deliveries are harmed.
const HITS: usize = HARMED * COMMENTS / PERIOD;

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_only_passed_on_are_clean() {
    assert_eq!(findings(Harm::None).await, clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_drops_is_caught() {
    assert_eq!(findings(Harm::Drop).await, Findings { missing: HITS, ..clean() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_doubles_is_caught() {
    assert_eq!(findings(Harm::Double).await, Findings { doubled: HITS, ..clean() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_reorders_is_caught() {
    // Half of the viewers say the one, half the other: either is right, but not both.
    assert_eq!(findings(Harm::Swap).await, Findings { swapped: HITS, ..clean() });
}
