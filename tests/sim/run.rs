//! One run: a system, faults, viewers and commenters, all drawn from a seed.

use std::time::Duration;

use common::{ids::VideoId, task};
use futures_util::future::join_all;
use tokio::{runtime::Builder, time::Instant};

use crate::{
    cluster::Cluster,
    commenter::{Commenter, Posted},
    dice::{Dice, hash},
    faults::Faults,
    judge::{self, Evidence},
    lateness::{self, Lateness},
    mutant::Mutant,
    viewer::{Notes, Viewer},
};

/// When the last fault ends.
const CALM: Duration = Duration::from_secs(20);
/// When the last comment is posted for the first time: before the last fault, when nothing that
/// comes later reveals what got lost, or after it.
const POSTED_MS: [u64; 3] = [16_000, 20_000, 22_000];
/// When everybody must have everything.
const END: Duration = Duration::from_secs(42);
const VIEWERS: u64 = 12;
const COMMENTERS: u64 = 4;

/// Longest pause between two comments of one commenter, milliseconds: a chat like most, or one with
/// more comments than a gateway reads when it opens a video.
const PAUSE_MS: [u64; 8] = [400, 400, 400, 400, 400, 400, 400, 50];

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    /// Same seed, same hash.
    pub(crate) trace: u64,
    pub(crate) broken: Vec<String>,
    pub(crate) acknowledged: usize,
    pub(crate) deliveries: usize,
    /// How often viewers were told that something is left out.
    pub(crate) told: usize,
    /// How often a viewer that had a position was reset.
    pub(crate) resets: usize,
    /// Comments that were shown without a place, viewer by viewer.
    pub(crate) placeless: usize,
    pub(crate) lateness: Lateness,
    /// Whether at the end every video with comments has a gateway that is subscribed.
    pub(crate) is_subscribed: bool,
}

/// Runs `seed` to its end.
pub(crate) fn run(seed: u64, faults: Faults, mutant: Mutant) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = runtime.block_on(simulate(seed, faults, mutant));
    drop(runtime);
    outcome
}

async fn simulate(seed: u64, faults: Faults, mutant: Mutant) -> Outcome {
    let mut dice = Dice::new(seed, "run");
    let retention = faults.retention(&mut dice);
    let cluster = Cluster::new(seed, faults.weather(&mut dice), retention, mutant);
    Cluster::nodes().into_iter().for_each(|node| cluster.start(node));
    let began = cluster.began;
    let (calm, end) = (began + CALM, began + END);
    let posted = began + Duration::from_millis(dice.pick(&POSTED_MS));
    let pause_ms = dice.pick(&PAUSE_MS);
    let videos: Vec<VideoId> = ["a", "b"].map(|name| name.parse().unwrap()).into();
    let viewers = (0..VIEWERS).map(|number| {
        let video = dice.pick(&[0, 1]);
        let mut viewer = Viewer::new(cluster.clone(), seed, number, VideoId::clone(&videos[video]));
        viewer.is_steady = !matches!(faults, Faults::Any | Faults::AnyRedis);
        task::spawn("viewer", viewer.watch(end, calm))
    });
    let viewers: Vec<_> = viewers.collect();
    let commenters = (0..COMMENTERS).map(|number| {
        let commenter = Commenter::new(cluster.clone(), seed, number, pause_ms);
        task::spawn("commenter", commenter.comment(videos.clone(), posted))
    });
    let commenters: Vec<_> = commenters.collect();
    faults.happen(cluster.clone(), Dice::new(seed, "faults"), calm).await;
    let posted: Vec<Posted> =
        join_all(commenters).await.into_iter().flat_map(Result::unwrap).collect();
    let notes: Vec<Notes> = join_all(viewers).await.into_iter().map(Result::unwrap).collect();
    assert!(Instant::now() >= end);
    let orders = cluster.redis.orders();
    let evidence = Evidence {
        orders: &orders,
        comments: &cluster.comments,
        posted: &posted,
        notes: &notes,
        deaf: &cluster.deaf(),
        keeps_all: retention.replay_max > 1_000,
        has_redis: faults.spare_redis(),
    };
    let seen = || notes.iter().flat_map(|notes| &notes.seen);
    Outcome {
        seed,
        trace: hash((notes.iter().map(|n| (&n.video, &n.seen)).collect::<Vec<_>>(), &posted)),
        broken: judge::broken(&evidence),
        acknowledged: posted.iter().filter(|posted| !posted.acknowledged.is_empty()).count(),
        deliveries: seen().filter(|seen| seen.event.name == "comment").count(),
        is_subscribed: cluster.redis.subscribers().iter().all(|(_, gateways)| !gateways.is_empty()),
        told: seen().filter(|seen| seen.event.name == "skipped").count(),
        resets: notes.iter().map(resets).sum(),
        placeless: seen()
            .filter(|seen| seen.event.name == "comment" && !seen.event.gives_id)
            .count(),
        lateness: lateness::of(&notes, &posted),
    }
}

fn resets(notes: &Notes) -> usize {
    let verdicts = notes.seen.iter().filter(|seen| seen.event.name == "resume");
    verdicts.skip(1).filter(|seen| seen.event.data.contains("reset")).count()
}
