//! What a storm hits: the roles, their viewers, and those who post.

use std::rc::Rc;

use anyhow::{Context, Result};
use tokio::time::Duration;

use crate::args::StormArgs;
use crate::audience::Party;
use crate::clock::Clock;
use crate::cluster::{Cluster, Role};
use crate::crowd::Crowd;
use crate::hall::View;
use crate::open_loop::Schedule;
use crate::origin::Origin;
use crate::poster::Poster;
use crate::progress;
use crate::replay::new_video;
use crate::tally::Tally;
use crate::trace::Arrival;

/// Most posts under way: at a trickle, only a server that stands still has so many.
pub(super) const IN_FLIGHT_MAX: usize = 256;
/// So many authors take turns that none meets a limit.
const USERS: u32 = 1_000;
/// Length of each text in UTF-8 bytes.
const TEXT_BYTES: usize = 60;

/// All that is there before anything happens.
pub(super) struct Scene {
    pub(super) clock: Clock,
    /// With the gateway that the viewers come to.
    pub(super) cluster: Cluster,
    /// The gateway that is killed, which has the viewers.
    pub(super) doomed: Role,
    pub(super) schedule: Schedule,
    pub(super) tally: Rc<Tally>,
    pub(super) poster: Rc<Poster>,
    /// Viewers of the gateway that will be killed, a party for each video.
    pub(super) crowd: Crowd,
    /// Those of the other; no party unless asked for.
    pub(super) warm: Crowd,
}

impl Scene {
    pub(super) async fn set(args: &StormArgs, number: u32) -> Result<Self> {
        let clock = Clock::start();
        progress::note("starting ingest, dispatcher and two gateways");
        let mut cluster = Cluster::start(&args.chorus, &args.redis, 2).await?;
        let doomed = cluster.gateways.remove(0);
        let schedule = schedule(args, number)?;
        let tally = Rc::new(Tally::default());
        let poster = Rc::new(Poster::new(cluster.policy()?, clock, Rc::clone(&tally))?);
        let (first, refuge) = (doomed.public()?, cluster.gateway()?.public()?);
        let seat = |origins: &[Origin], viewers| {
            Crowd::open(clock, parties(args, &schedule, origins, viewers))
        };
        let crowd = seat(&[first, refuge.clone()], args.viewers)?;
        let warm = seat(&[refuge], args.warm_viewers)?;
        Ok(Self { clock, cluster, doomed, schedule, tally, poster, crowd, warm })
    }
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
