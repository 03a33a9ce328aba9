//! What an overload comes to.

use std::time::Duration;

use anyhow::Result;

use super::{Level, Phase, Phases, Run};
use crate::args::OverloadArgs;
use crate::goal::{Bound, Goal};
use crate::latency::Latency;
use crate::machine::Machine;
use crate::outcome::{Outcome, Sums};
use crate::report::{Report, Row, Verdict};

/// What was acknowledged under overload, of the peak.
const GOODPUT_RATIO: &str = "goodput_ratio";

/// Puts the figures together, and says whether the goal was met.
pub(super) fn report(args: &OverloadArgs, run: Run, load_before: Option<f64>) -> Result<Report> {
    let Run { levels, phases } = run;
    let all = levels.iter().map(|level| &level.outcomes);
    let all = all.chain(phases.iter().flat_map(Phases::outcomes));
    let mut problems = Sums::of(all.flatten()).problems();
    let mut rows: Vec<Row> = levels.iter().map(Level::row).collect();
    let (mut goals, mut notes) = (Vec::new(), Vec::new());
    if let Some(Phases { peak, overload, calm }) = &phases {
        rows.extend(peak.rows()?);
        rows.extend(overload_rows(overload, peak)?);
        rows.extend(calm_rows(calm)?);
        problems.extend(remains(args, calm));
        let doubt = lateness(args, overload)?;
        let (key, bound) = (GOODPUT_RATIO.to_owned(), Bound::AtLeast(args.ratio));
        goals.push(Goal { key, bound, doubt });
        notes.extend(sharing(args, peak, overload));
    }
    rows.extend(load_before.map(Row::load_before));
    let verdict = if problems.is_empty() { Verdict::Passed } else { Verdict::Failed };
    Ok(Report { rows, verdict, goals, problems, notes })
}

fn remains(args: &OverloadArgs, calm: &Phase) -> Option<String> {
    let failed = calm.failed();
    let times = args.calm_times;
    (failed > 0).then(|| format!("{failed} posts failed though only {times} × was offered again"))
}

/// A tool that has no time to send has none to take answers either: places stay taken, and what was
/// acknowledged long ago counts late.
fn lateness(args: &OverloadArgs, overload: &Phase) -> Result<Option<String>> {
    let late_us = overload.late()?.at_us(0.5);
    let is_late = Duration::from_micros(late_us) > Duration::from_millis(args.late_ms_max);
    Ok(is_late.then(|| {
        let late_ms = late_us / 1_000;
        format!(
            "this tool was late itself, by {late_ms} ms in the median: give it a core of its own"
        )
    }))
}

/// What the tool takes on the server's own machine, the server lacks.
fn sharing(args: &OverloadArgs, peak: &Level, overload: &Phase) -> Option<String> {
    let shared = args.target.post.iter().any(|origin| origin.is_local());
    let (cores, at_peak, under) =
        (Machine::here().cores(), peak.usage.client, overload.usage.client);
    shared.then(|| {
        format!(
            "server and this tool share {cores} cores, of which the tool took {at_peak:.2} at the \
             peak and {under:.2} under overload: the server had that much less"
        )
    })
}

impl Phases {
    fn outcomes(&self) -> [&Vec<Outcome>; 3] {
        [&self.peak.outcomes, &self.overload.outcomes, &self.calm.outcomes]
    }
}

impl Level {
    fn row(&self) -> Row {
        let Self { in_flight, per_s, .. } = self;
        rate(&format!("acknowledged_per_s_{in_flight}"), &format!("{in_flight} under way"), *per_s)
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let mut rows = vec![
            rate("peak_per_s", "peak", self.per_s),
            Row::count("peak_in_flight", "… with so many under way", self.in_flight as u64),
        ];
        let good = |post: &&Outcome| post.id().is_some() && self.window.contains(&post.done_us);
        let good = self.outcomes.iter().filter(good);
        rows.extend(latency(good, "peak_ms", "… due → acknowledged")?);
        rows.extend(self.usage.rows("peak", self.per_s));
        Ok(rows)
    }
}

impl Phase {
    /// Acknowledgements that came in the measured time, per second of it.
    fn goodput(&self) -> f64 {
        let window = &self.offered.window;
        let good = |post: &&Outcome| post.id().is_some() && window.contains(&post.done_us);
        let seconds = (window.end - window.start) as f64 / 1e6;
        self.outcomes.iter().filter(good).count() as f64 / seconds
    }

    /// How late this tool was.
    fn late(&self) -> Result<Latency> {
        Latency::of(self.measured().map(|post| post.sent_us.saturating_sub(post.due_us)))
    }

    fn sums(&self) -> Sums {
        Sums::of(self.measured())
    }

    /// Posts of the measured time that weren't acknowledged.
    fn failed(&self) -> u64 {
        let sums = self.sums();
        sums.posted - sums.acknowledged_total() + self.offered.unsent_us.len() as u64
    }

    /// From the beginning until the last post was due that failed.
    fn last_failure_us(&self) -> u64 {
        let failed = self.outcomes.iter().filter(|post| post.id().is_none());
        let due = failed.map(|post| post.due_us).chain(self.offered.unsent_us.iter().copied());
        due.max().map_or(0, |due_us| due_us - self.offered.start_us)
    }
}

fn overload_rows(overload: &Phase, peak: &Level) -> Result<Vec<Row>> {
    let Sums { posted, acknowledged, refused, unknown, .. } = overload.sums();
    let unsent = overload.offered.unsent_us.len() as u64;
    let mut rows = vec![
        rate("offered_per_s", "offered", overload.offered.per_s),
        rate("goodput_per_s", "… of which acknowledged", overload.goodput()),
        Row {
            key: GOODPUT_RATIO.into(),
            label: "… of the peak".into(),
            value: overload.goodput() / peak.per_s,
            unit: "",
        },
        Row::count("offered", "posts due", posted + unsent),
    ];
    for (status, count) in acknowledged {
        let key = format!("acknowledged_{status}");
        rows.push(Row::count(&key, &format!("… acknowledged with {status}"), count));
    }
    for (status, count) in refused {
        rows.push(Row::count(
            &format!("refused_{status}"),
            &format!("… refused with {status}"),
            count,
        ));
    }
    rows.push(Row::count("unknown", "… no answer (outcome unknown)", unknown));
    rows.push(Row::count("unsent", "… not sent: no connection free", unsent));
    rows.extend(overload.late()?.rows("late_ms", "… due → sent"));
    let (good, bad): (Vec<&Outcome>, _) = overload.measured().partition(|post| post.id().is_some());
    rows.extend(latency(good, "accepted_ms", "… due → acknowledged")?);
    rows.extend(latency(bad, "refused_ms", "… due → refused")?);
    rows.extend(overload.usage.rows("overload", overload.goodput()));
    Ok(rows)
}

fn calm_rows(calm: &Phase) -> Result<Vec<Row>> {
    let mut rows = vec![
        rate("calm_per_s", "then offered", calm.offered.per_s),
        rate("calm_goodput_per_s", "… of which acknowledged", calm.goodput()),
        Row::count("calm_failed", "… failed", calm.failed()),
        Row {
            key: "calm_last_failure_ms".into(),
            label: "… last failure after".into(),
            value: Row::count("", "", calm.last_failure_us()).value / 1_000.0,
            unit: "ms",
        },
    ];
    let good = calm.measured().filter(|post| post.id().is_some());
    rows.extend(latency(good, "calm_ms", "… due → acknowledged")?);
    Ok(rows)
}

fn latency<'a>(
    posts: impl IntoIterator<Item = &'a Outcome>,
    key: &str,
    label: &str,
) -> Result<Vec<Row>> {
    let took = posts.into_iter().map(|post| post.done_us.saturating_sub(post.due_us));
    Ok(Latency::of(took)?.rows(key, label))
}

fn rate(key: &str, label: &str, per_s: f64) -> Row {
    Row { key: key.to_owned(), label: label.to_owned(), value: per_s.round(), unit: "/s" }
}
