//! `bench storm`: a gateway with all the viewers is killed, and they come back at the other one.
//!
//! [`scene`] seats the viewers at a [`cluster`](crate::cluster); [`strike`] kills one and waits for the
//! viewers, taking the gateway's [`counts`]; [`report`] judges.

use std::sync::Arc;

use anyhow::Result;
use tokio::time::sleep;

use crate::args::StormArgs;
use crate::audience;
use crate::closed_loop::micros;
use crate::crowd::Crowd;
use crate::interrupt::unless_interrupted;
use crate::machine::{allow_open_files, load_average};
use crate::outcome::Outcome;
use crate::progress;
use crate::replay::FILES_SPARE;
use crate::report::Report;
use crate::tally::Tally;

use scene::{IN_FLIGHT_MAX, Scene};
use strike::Strike;

mod counts;
mod report;
mod scene;
mod strike;

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &StormArgs, number: u32) -> Result<Report> {
    args.check()?;
    allow_open_files(args.viewers + args.warm_viewers + IN_FLIGHT_MAX + FILES_SPARE)?;
    let load_before = load_average();
    let watched = unless_interrupted(watch(args, number)).await?;
    report::report(args, watched, load_before)
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
    let Scene { clock, mut cluster, mut doomed, schedule, tally, poster, crowd, warm } =
        Scene::set(args, number).await?;
    if !crowd.gather(args.silence_seconds).await {
        return Err(crowd.explain());
    }
    if !warm.gather(args.silence_seconds).await {
        return Err(warm.explain());
    }
    let start_us = clock.micros();
    let total = (args.before_seconds + args.after_seconds).as_secs();
    let say = || ((clock.micros() - start_us) / 1_000_000, line(&crowd, &tally));
    let work = async {
        let strike_us = start_us + micros(args.before_seconds);
        let strike = strike::strike(args, (&mut doomed, &mut cluster), &crowd, clock, strike_us);
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

/// The acknowledged comments of each video, which had their turns.
fn by_video(outcomes: &[Outcome], videos: usize) -> Vec<Arc<[u128]>> {
    let of = |video: usize| {
        let its = |post: &&Outcome| post.number % videos as u64 == video as u64;
        outcomes.iter().filter(its).filter_map(Outcome::id).collect()
    };
    (0..videos).map(of).collect()
}
