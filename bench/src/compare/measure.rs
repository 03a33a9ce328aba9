//! One server in one scenario.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::loading::Loading;
use super::rest;
use super::scenario::{Kind, Name};
use super::server::{Running, Server};
use crate::args::{CompareArgs, LoadArgs};
use crate::footprint::kernel_memory;
use crate::load::Delivered;

/// After the streams are open, until allocators and clocks are calm.
const CALM: Duration = Duration::from_secs(1);
/// How long idle viewers are watched: a heartbeat of chorus is in it.
const IDLE: Duration = Duration::from_secs(15);
/// What counts as managed: 99 % of the deliveries within …
const P99_MAX_MS: f64 = 1_000.0;
/// Bisections of the peak between the last rate that was managed and the first that wasn't.
const BISECTIONS: u32 = 3;
/// The load isn't made for more.
const RATE_MAX: f64 = 50_000.0;
const KIB: f64 = 1024.0;

/// Key, label, value, unit.
pub(super) type Figure = (&'static str, &'static str, f64, &'static str);

pub(super) fn measure(name: Name, server: Server, args: &CompareArgs) -> Result<Vec<Figure>> {
    match name.kind() {
        Kind::Steady => steady(name, server, args),
        Kind::Peak { from } => peak(name, server, args, from),
        Kind::Burst => burst(name, server, args),
        Kind::Herd => herd(name, server, args),
        Kind::Idle => idle(name, server, args),
        Kind::Stuck(stuck) => with_stuck(name, server, args, stuck),
    }
}

fn steady(name: Name, server: Server, args: &CompareArgs) -> Result<Vec<Figure>> {
    let (delivered, cpu) = deliver(name, server, args, |load| load)?;
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 deliveries")]
    let each = cpu.as_secs_f64() * 1e6 / delivered.deliveries.max(1) as f64;
    Ok(vec![
        ("cpu_us", "CPU per delivery", each, "µs"),
        ("p50_ms", "p50", delivered.p50_ms, "ms"),
        ("p99_ms", "p99", delivered.p99_ms, "ms"),
        mishaps(&delivered),
    ])
}

/// One run on a server of its own, and the CPU that it took.
fn deliver(
    name: Name,
    server: Server,
    args: &CompareArgs,
    change: impl FnOnce(LoadArgs) -> LoadArgs,
) -> Result<(Delivered, Duration)> {
    let running = Running::start(server, args)?;
    let load = change(name.load(LoadArgs::new(running.address, server.dialect())));
    let (mut loading, _) = Loading::start(args.load_core, &load)?;
    rest(CALM);
    let before = running.cpu()?;
    let delivered = loading.post()?;
    Ok((delivered, running.cpu()?.saturating_sub(before)))
}

/// What nobody wants: comments that were refused, lost, doubled or out of order, streams that ended.
fn mishaps(delivered: &Delivered) -> Figure {
    let Delivered { refused, lost, misplaced, gone, .. } = delivered;
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 deliveries")]
    let sum = (refused + lost + misplaced + gone) as f64;
    ("mishaps", "lost, doubled, out of order, cut, refused", sum, "")
}

fn burst(name: Name, server: Server, args: &CompareArgs) -> Result<Vec<Figure>> {
    let (delivered, _) = deliver(name, server, args, |load| load)?;
    let last = delivered.last_s * 1e3;
    Ok(vec![("last_ms", "the last viewer has the last", last, "ms"), mishaps(&delivered)])
}

fn with_stuck(name: Name, server: Server, args: &CompareArgs, stuck: usize) -> Result<Vec<Figure>> {
    let (without, _) = deliver(name, server, args, |load| load)?;
    let (with, _) = deliver(name, server, args, |load| LoadArgs { stuck, ..load })?;
    Ok(vec![
        ("p99_ms", "p99 without them", without.p99_ms, "ms"),
        ("p99_stuck_ms", "p99 with them", with.p99_ms, "ms"),
        ("p99_stuck_ratio", "… ratio", with.p99_ms / without.p99_ms, ""),
        mishaps(&with),
    ])
}

/// Doubles the rate until it isn't managed, and looks for the border between.
fn peak(name: Name, server: Server, args: &CompareArgs, from: f64) -> Result<Vec<Figure>> {
    let mut managed = None::<(f64, f64)>;
    let mut failed = RATE_MAX;
    let mut bisections = 0;
    let mut rate = from;
    while bisections < BISECTIONS {
        match managed_at(name, server, args, rate)? {
            Some(per_s) => managed = Some((rate, per_s)),
            None => failed = rate,
        }
        let low = managed.map_or(failed / 4.0, |(rate, _)| rate);
        rate = if failed < RATE_MAX { (low * failed).sqrt() } else { (low * 2.0).min(RATE_MAX) };
        bisections += u32::from(failed < RATE_MAX);
    }
    let per_s = managed.map_or(0.0, |(_, per_s)| per_s);
    Ok(vec![("per_s", "most deliveries per second", per_s.round(), "")])
}

/// Deliveries per second at `rate`; `None` when they are late or not all there.
fn managed_at(name: Name, server: Server, args: &CompareArgs, rate: f64) -> Result<Option<f64>> {
    let (delivered, _) = deliver(name, server, args, |load| LoadArgs { rate, ..load })?;
    let is_managed = mishaps(&delivered).2 == 0.0 && delivered.p99_ms <= P99_MAX_MS;
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 deliveries")]
    let per_s = delivered.deliveries as f64 / delivered.last_s;
    Ok(is_managed.then_some(per_s))
}

fn herd(name: Name, server: Server, args: &CompareArgs) -> Result<Vec<Figure>> {
    let running = Running::start(server, args)?;
    let load = name.load(LoadArgs::new(running.address, server.dialect()));
    let (_loading, opened) = Loading::start(args.load_core, &load)?;
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let (viewers, refused) = (load.viewers as f64, opened.refused as f64);
    rest(CALM);
    let (before, began) = (running.cpu()?, Instant::now());
    rest(IDLE);
    let idle = running.cpu()?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64();
    Ok(vec![
        ("open_per_s", "served per second", ((viewers - refused) / opened.open_s).round(), ""),
        ("refused", "not served", refused, ""),
        ("idle_cpu", "CPU afterwards, nothing said", idle * 100.0, "%"),
        ("memory_kib", "user memory each, afterwards", own(&running)? / viewers, "KiB"),
    ])
}

fn idle(name: Name, server: Server, args: &CompareArgs) -> Result<Vec<Figure>> {
    let running = Running::start(server, args)?;
    let load = name.load(LoadArgs::new(running.address, server.dialect()));
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let viewers = load.viewers as f64;
    let (own_before, kernel_before) = (own(&running)?, kernel_memory());
    let (_loading, _) = Loading::start(args.load_core, &load)?;
    rest(CALM);
    #[expect(clippy::cast_precision_loss, reason = "bytes of one machine")]
    let kernel = kernel_memory().saturating_sub(kernel_before) as f64 / KIB;
    Ok(vec![
        ("memory_kib", "user memory each", (own(&running)? - own_before) / viewers, "KiB"),
        ("kernel_kib", "kernel memory each, both ends", kernel / viewers, "KiB"),
    ])
}

/// A server's own memory in KiB.
fn own(running: &Running) -> Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "bytes of one machine")]
    Ok(running.memory()? as f64 / KIB)
}
