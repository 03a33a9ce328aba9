//! `bench storm`: a gateway with all the viewers is killed, and they come back at the other one.
//!
//! [`cluster`] starts the [`role`]s; [`strike`] kills one and waits for the viewers, taking the
//! gateway's [`counts`]; [`report`] judges.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Duration, sleep};

use crate::args::StormArgs;
use crate::audience::{self, Party};
use crate::clock::Clock;
use crate::crowd::Crowd;
use crate::hall::View;
use crate::identity::Identity;
use crate::machine::{allow_open_files, load_average};
use crate::open_loop::Schedule;
use crate::origin::Origin;
use crate::outcome::Outcome;
use crate::poster::{Policy, Poster};
use crate::progress;
use crate::replay::{FILES_SPARE, new_video};
use crate::report::Report;
use crate::tally::Tally;
use crate::trace::Arrival;

use cluster::Cluster;
use strike::Strike;

mod cluster;
mod counts;
mod report;
mod role;
mod strike;

/// Most posts under way: at a trickle, only a server that stands still has so many.
const IN_FLIGHT_MAX: usize = 256;
/// How long a post is tried, always with the same key.
const RETRY_FOR: Duration = Duration::from_secs(30);
/// So many authors take turns that none meets a limit.
const USERS: u32 = 1_000;
/// Length of each text in UTF-8 bytes.
const TEXT_BYTES: usize = 60;

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &StormArgs, number: u32) -> Result<Report> {
    args.check()?;
    allow_open_files(args.viewers + args.warm_viewers + IN_FLIGHT_MAX + FILES_SPARE)?;
    let load_before = load_average();
    tokio::select! {
        biased; // rare and final; what was started ends as it is dropped
        interrupted = interrupted() => Err(interrupted?),
        watched = watch(args, number) => report::report(args, watched?, load_before),
    }
}

/// Ends with what to say when somebody wants an end.
async fn interrupted() -> Result<anyhow::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt?,
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(anyhow::anyhow!("interrupted"))
}

/// All that a run left.
struct Watched {
    outcomes: Vec<Outcome>,
    /// By video: viewers of the gateway that was killed.
    returned: Vec<audience::Report>,
    /// By video: those of the other; none unless asked for.
    warm: Vec<audience::Report>,
    strike: Strike,
}

async fn watch(args: &StormArgs, number: u32) -> Result<Watched> {
    let clock = Clock::start();
    progress::note("starting ingest, dispatcher and two gateways");
    let mut cluster = Cluster::start(args).await?;
    let schedule = schedule(args, number)?;
    let tally = Rc::new(Tally::default());
    let poster = Poster::new(policy(&cluster)?, clock, Rc::clone(&tally))?;
    let (doomed, refuge) = (cluster.doomed.public()?, cluster.refuge.public()?);
    let parties = |origins: &[Origin], viewers| parties(args, &schedule, origins, viewers);
    let crowd = Crowd::open(clock, parties(&[doomed, refuge.clone()], args.viewers))?;
    let warm = Crowd::open(clock, parties(&[refuge], args.warm_viewers))?;
    if !crowd.gather(args.silence_seconds).await {
        return Err(crowd.explain());
    }
    if !warm.gather(args.silence_seconds).await {
        return Err(warm.explain());
    }

    let start_us = clock.micros();
    let total = (args.before_seconds + args.after_seconds).as_secs();
    let say = || ((clock.micros() - start_us) / 1_000_000, line(&crowd, &tally));
    let poster = Rc::new(poster);
    let work = async {
        let strike_us = start_us + u64::try_from(args.before_seconds.as_micros())?;
        let strike = strike::strike(args, &mut cluster, &crowd, clock, strike_us);
        let (outcomes, strike) = tokio::try_join!(schedule.play(&poster, start_us), strike)?;
        let acknowledged = by_video(&outcomes, args.videos);
        let settled = crowd.settle(&acknowledged, args.silence_seconds).await?
            && warm.settle(&acknowledged, args.silence_seconds).await?;
        if settled {
            sleep(args.linger_seconds).await;
        }
        cluster.check_alive()?;
        anyhow::Ok((outcomes, strike))
    };
    let (outcomes, strike) = progress::beside(total, say, work).await?;
    let (returned, warm) = (crowd.close()?, warm.close()?);
    cluster.end().await;
    Ok(Watched { outcomes, returned, warm, strike })
}

fn line(crowd: &Crowd, tally: &Tally) -> String {
    format!(
        "acknowledged {} · failed {} · {} of {} viewers are back · {} deliveries · slowest viewer {} comments behind",
        tally.acknowledged.get(),
        tally.failed.get(),
        crowd.back(),
        crowd.seats(),
        crowd.deliveries(),
        crowd.lag(),
    )
}

fn policy(cluster: &Cluster) -> Result<Policy> {
    Ok(Policy {
        origins: vec![cluster.ingest.public()?],
        identity: Identity::new(None, Some(&cluster.hs256_secret))?,
        keyed: true,
        retry_for: RETRY_FOR,
    })
}

/// An even trickle, over the videos in turn.
fn schedule(args: &StormArgs, number: u32) -> Result<Schedule> {
    let lasts = args.before_seconds + args.after_seconds;
    let period = Duration::try_from_secs_f64(1.0 / args.rate).context("--rate")?;
    let arrival = |at: Duration, user| {
        let at_ms = u64::try_from(at.as_millis())?;
        anyhow::Ok(Arrival { at_ms, text_bytes: TEXT_BYTES, user })
    };
    let mut arrivals = Vec::new();
    let mut at = Duration::ZERO;
    while at < lasts {
        arrivals.push(arrival(at, u32::try_from(arrivals.len())? % USERS)?);
        at += period;
    }
    let video = new_video(number)?;
    Ok(Schedule {
        arrivals,
        speed: 1.0,
        videos: (0..args.videos).map(|nth| format!("{video}-{nth}").into()).collect(),
        seed: args.run.seed,
        in_flight: IN_FLIGHT_MAX,
    })
}

/// Viewers of each video, who begin at the first origin; no party when there are none at all.
fn parties(
    args: &StormArgs,
    schedule: &Schedule,
    origins: &[Origin],
    viewers: usize,
) -> Vec<Party> {
    let first_seat = |video: usize| video * viewers / args.videos;
    let party = |(video, name): (usize, &Rc<str>)| Party {
        view: View {
            origins: origins.to_vec(),
            spread: false,
            sources: args.source.clone(),
            video: name.to_string(),
            comments: schedule.arrivals.len() / args.videos + 1,
        },
        first_seat: first_seat(video),
        seats: first_seat(video + 1) - first_seat(video),
    };
    let parties = schedule.videos.iter().enumerate().map(party);
    parties.filter(|party| party.seats > 0).collect()
}

/// The acknowledged comments of each video, which had their turns.
fn by_video(outcomes: &[Outcome], videos: usize) -> Vec<Arc<[u128]>> {
    let of = |video: usize| {
        let its = |post: &&Outcome| post.number % videos as u64 == video as u64;
        outcomes.iter().filter(its).filter_map(Outcome::id).collect()
    };
    (0..videos).map(of).collect()
}
