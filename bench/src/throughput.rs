//! `bench post`: acknowledged comments per second with so many posts under way.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use crate::args::PostArgs;
use crate::clock::Clock;
use crate::closed_loop::Load;
use crate::latency::Latency;
use crate::outcome::{Outcome, Sums};
use crate::poster::Poster;
use crate::progress;
use crate::replay::new_video;
use crate::report::{Report, Row, Verdict};
use crate::tally::Tally;

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &PostArgs, number: u32) -> Result<Report> {
    let clock = Clock::start();
    let tally = Rc::new(Tally::default());
    let poster = Rc::new(Poster::new(args.common.policy()?, clock, Rc::clone(&tally))?);
    let load = Rc::new(load(args, number)?);
    let cpu_before = crate::machine::thread_cpu();
    let start_us = clock.micros();
    let total = (load.warm_up + load.measured).as_secs();
    let say = || {
        let line =
            format!("acknowledged {} · failed {}", tally.acknowledged.get(), tally.failed.get());
        ((clock.micros() - start_us) / 1_000_000, line)
    };
    let outcomes = progress::beside(total, say, Rc::clone(&load).run(&poster)).await?;
    let cpu = crate::machine::thread_cpu().saturating_sub(cpu_before);
    report(&load, &outcomes, start_us, cpu)
}

fn load(args: &PostArgs, number: u32) -> Result<Load> {
    let video = new_video(number)?;
    Ok(Load {
        in_flight: args.in_flight,
        warm_up: args.warm_up_seconds,
        measured: args.seconds,
        videos: (0..args.videos).map(|nth| format!("{video}-{nth}").into()).collect(),
        users: args.users,
        text_bytes: args.text_bytes,
        seed: args.common.run.seed,
    })
}

/// Figures of what was answered in the measured time; the sums are of the whole run.
fn report(load: &Load, all: &[Outcome], start_us: u64, cpu: Duration) -> Result<Report> {
    let window = load.window(start_us);
    let measured =
        || all.iter().filter(|post| post.id().is_some() && window.contains(&post.done_us));
    let sums = Sums::of(all);
    let mut rows = vec![
        Row::count("in_flight", "posts under way", load.in_flight as u64),
        Row {
            key: "acknowledged_per_s".into(),
            label: "acknowledged comments/s".into(),
            value: load.rate(all, start_us).round(),
            unit: "",
        },
    ];
    rows.extend(
        Latency::of(measured().map(|post| post.done_us - post.due_us))?
            .rows("post_ms", "sent → acknowledged"),
    );
    rows.extend(sums.rows());
    rows.push(Row::seconds("client_cpu_s", "CPU of this tool", cpu));
    let problems = sums.problems();
    let verdict = if problems.is_empty() { Verdict::Passed } else { Verdict::Failed };
    Ok(Report { rows, verdict, goals: Vec::new(), problems, notes: Vec::new() })
}
