//! `bench dispatch`: what one dispatcher takes, called as several ingest nodes would: each with a
//! connection and one call of many comments at a time.
//!
//! [`feed`] has what is said, [`node`] says it, [`ledger`] keeps what became of it.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::args::DispatchArgs;
use crate::clock::Clock;
use crate::closed_loop::micros;
use crate::latency::Latency;
use crate::machine::thread_cpu;
use crate::process::Process;
use crate::progress;
use crate::replay::new_video;
use crate::report::{Report, Row, Verdict};

use feed::Feed;
use ledger::Ledger;
use node::Node;

mod feed;
mod ledger;
mod node;

/// One run; `number` tells several apart.
pub(crate) async fn run(args: &DispatchArgs, number: u32) -> Result<Report> {
    let clock = Clock::start();
    let name = args.video.clone().map_or_else(|| new_video(number), Ok)?;
    let feed = Rc::new(Feed::new(args, &name)?);
    let ledger = Rc::new(RefCell::new(Ledger::default()));
    // Said at once if a process isn't there, not after the run.
    let start_us = Reading::take(args, clock)?.at_us;
    let from_us = start_us + micros(args.warm_up_seconds);
    let until_us = from_us + micros(args.seconds);
    let node = |_| Node::new(args, &feed, &ledger, clock);
    let nodes: Vec<Node> = (0..args.in_flight).map(node).collect::<Result<_>>()?;
    let work = async {
        let mut calling = JoinSet::new();
        for node in nodes {
            calling.spawn_local(node.run(until_us));
        }
        let report = measure(args, clock, &ledger, from_us..until_us).await;
        calling.join_all().await;
        report
    };
    let say = || {
        let ledger = ledger.borrow();
        let line = format!("accepted {} · {}", ledger.accepted, ledger.failed());
        ((clock.micros() - start_us) / 1_000_000, line)
    };
    progress::beside((until_us - start_us) / 1_000_000, say, work).await
}

/// What was done and used in the window.
async fn measure(
    args: &DispatchArgs,
    clock: Clock,
    ledger: &RefCell<Ledger>,
    window: Range<u64>,
) -> Result<Report> {
    // A timer takes up to a millisecond, in which calls would be answered and forgotten.
    if clock.micros() < window.start {
        sleep_until(clock.instant(window.start)).await;
    }
    let before = Reading::take(args, clock)?;
    ledger.take();
    sleep_until(clock.instant(window.end)).await;
    let measured = ledger.take();
    report(args, &measured, &before, &Reading::take(args, clock)?)
}

/// Where the clocks stood.
struct Reading {
    at_us: u64,
    tool: Duration,
    servers: Vec<(Process, Duration)>,
}

impl Reading {
    fn take(args: &DispatchArgs, clock: Clock) -> Result<Self> {
        let process = |pid: Option<u32>, key, name| pid.map(|pid| Process { pid, key, name });
        let servers = [
            process(args.dispatcher_pid, "dispatcher", "the dispatcher"),
            process(args.redis_pid, "redis", "Redis"),
        ];
        let servers = servers.into_iter().flatten().map(|it| Ok((it, it.cpu()?)));
        let servers = servers.collect::<Result<_>>()?;
        Ok(Self { at_us: clock.micros(), tool: thread_cpu(), servers })
    }
}

fn report(
    args: &DispatchArgs,
    measured: &Ledger,
    before: &Reading,
    after: &Reading,
) -> Result<Report> {
    let took = Duration::from_micros(after.at_us - before.at_us);
    let accepted = Row::count("", "", measured.accepted).value;
    let mut rows = vec![
        Row::count("in_flight", "calls under way", args.in_flight as u64),
        Row::count("batch", "comments in a call", args.batch as u64),
        Row {
            key: "accepted_per_s".into(),
            label: "accepted comments/s".into(),
            value: (accepted / took.as_secs_f64()).round(),
            unit: "",
        },
    ];
    rows.extend(Latency::of(measured.calls_us.iter().copied())?.rows("call_ms", "call → answer"));
    rows.extend(measured.rows());
    for ((process, cpu_before), (_, cpu)) in before.servers.iter().zip(&after.servers) {
        rows.extend(process.rows(cpu.saturating_sub(*cpu_before), measured.accepted));
    }
    let tool = after.tool.saturating_sub(before.tool);
    rows.push(Row::seconds("client_cpu_s", "CPU of this tool", tool));
    let problems = measured.problems();
    let verdict = if problems.is_empty() { Verdict::Passed } else { Verdict::Failed };
    Ok(Report { rows, verdict, goals: Vec::new(), problems, notes: Vec::new() })
}
