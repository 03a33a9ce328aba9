//! `bench many`: so many viewers of one video that no one process could have them all, and the time
//! until the last of them has a comment.
//!
//! The viewers are [`watcher`]s, processes of this tool, at the gateways of a
//! [`cluster`](crate::cluster), whose [`costs`] are taken; [`report`] judges.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::args::ManyArgs;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::interrupt::unless_interrupted;
use crate::load::dialect::text;
use crate::load::watch::Seen;
use crate::machine::load_average;
use crate::outcome::Outcome;
use crate::poster::{Draft, Poster};
use crate::progress;
use crate::replay::new_video;
use crate::report::Report;

use costs::Costs;
use watcher::Watchers;

mod costs;
mod report;
mod watcher;

/// After the streams are open, until allocators and clocks are calm.
const CALM: Duration = Duration::from_secs(1);

/// All that a run left.
struct Watched {
    processes: usize,
    /// From the first viewer to the last stream.
    opened: Duration,
    outcomes: Vec<Outcome>,
    /// Comments that reached everybody in time.
    complete: u64,
    /// By process.
    seen: Vec<Seen>,
    /// Before there were viewers, when all were there, and after the last comment.
    costs: [Costs; 3],
}

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &ManyArgs, number: u32) -> Result<Report> {
    let load_before = load_average();
    let watched = unless_interrupted(watch(args, number)).await?;
    report::report(args, &watched, load_before)
}

async fn watch(args: &ManyArgs, number: u32) -> Result<Watched> {
    let (clock, parties) = (Clock::start(), args.parties()?);
    progress::note(&format!("starting ingest, dispatcher and {} gateways", args.gateways));
    let mut cluster = Cluster::start(&args.chorus, &args.redis, args.gateways).await?;
    let video: Rc<str> = new_video(number)?.into();
    let poster = Poster::new(cluster.policy()?, clock, Rc::default())?;
    let empty = Costs::take(&cluster.gateways)?;
    let (mut watchers, opened) = open(args, &parties, &mut cluster, (&video, clock)).await?;
    sleep(CALM).await;
    let full = Costs::take(&cluster.gateways)?;
    let complete = Cell::new(0);
    let say = || (complete.get(), format!("{} comments are with everybody", complete.get()));
    let posting = post_all(args, (&poster, &video), &mut watchers, &complete);
    let outcomes = progress::beside(args.comments.into(), say, posting).await?;
    let costs = [empty, full, Costs::take(&cluster.gateways)?];
    sleep(args.linger_seconds).await;
    let acknowledged = outcomes.iter().filter_map(Outcome::id).count();
    let seen = watchers.finish(acknowledged).await?;
    cluster.check_alive()?;
    cluster.end().await;
    let processes = parties.len();
    Ok(Watched { processes, opened, outcomes, complete: complete.get(), seen, costs })
}

/// Seats the viewers; how long it took until all had their streams.
async fn open(
    args: &ManyArgs,
    parties: &[usize],
    cluster: &mut Cluster,
    (video, clock): (&str, Clock),
) -> Result<(Watchers, Duration)> {
    progress::note(&format!("opening {} streams from {} processes", args.viewers, parties.len()));
    let begun_us = clock.micros();
    let mut watchers = Watchers::start(args, parties, &cluster.gateways, video, clock)?;
    let all_came = watchers.open().await;
    cluster.check_alive()?; // where a gateway died, that is why they didn't
    all_came?;
    Ok((watchers, Duration::from_micros(clock.micros() - begun_us)))
}

/// Posts each comment once everybody has the one before; what doesn't reach everybody is the last.
async fn post_all(
    args: &ManyArgs,
    (poster, video): (&Poster, &Rc<str>),
    watchers: &mut Watchers,
    complete: &Cell<u64>,
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for number in 0..args.comments {
        sleep(args.pause_seconds).await;
        let (video, text) = (Rc::clone(video), text(number));
        // Each has an author of its own, so that no limit is met.
        let draft = Draft { number: number.into(), user: number, video, text };
        let outcome = poster.post(&draft, poster.clock().micros()).await?;
        outcomes.push(outcome);
        if outcome.id().is_none() || !watchers.have(number, args.silence_seconds).await? {
            break;
        }
        complete.set(complete.get() + 1);
    }
    Ok(outcomes)
}
