//! What a replay comes to.

use std::time::Duration;

use anyhow::Result;

use crate::args::ReplayArgs;
use crate::audience;
use crate::checker::{Findings, check};
use crate::latency::{Deliveries, Latency};
use crate::outcome::{Outcome, Sums};
use crate::recording::Viewed;
use crate::report::{Report, Row, Verdict};

/// All that a run left.
pub(crate) struct Run<'a> {
    pub(crate) args: &'a ReplayArgs,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) watched: audience::Report,
    /// CPU of the posting thread.
    pub(crate) posting_cpu: Duration,
}

/// Checks the run and puts its figures together.
pub(crate) fn report(run: &Run) -> Result<Report> {
    let sums = Sums::of(&run.outcomes);
    let acknowledged: Vec<u128> = run.outcomes.iter().filter_map(Outcome::id).collect();
    let findings = check(&run.watched.recording, &acknowledged);
    let mut rows = vec![Row::count("viewers", "viewers", run.args.viewers as u64)];
    rows.extend(sums.rows());
    rows.extend(delivery_rows(&run.watched.recording.viewers, &findings));
    rows.extend(connection_rows(&run.watched));
    rows.extend(latency_rows(run)?);
    rows.extend(client_rows(run));
    let (verdict, problems) = judge(&run.watched, &sums, &findings);
    Ok(Report { rows, verdict, goals: Vec::new(), problems, notes: Vec::new() })
}

pub(crate) fn delivery_rows(viewers: &[Viewed], findings: &Findings) -> Vec<Row> {
    let deliveries = viewers.iter().map(|viewed| viewed.sightings.len() as u64).sum();
    let gaps = || viewers.iter().flat_map(|viewed| &viewed.gaps);
    let skips: Vec<u64> = gaps().filter_map(|gap| gap.count).collect();
    let resets = gaps().filter(|gap| gap.count.is_none()).count() as u64;
    [
        ("deliveries", "deliveries", deliveries),
        ("lost", "lost, nobody told", findings.lost),
        ("left_out", "left out, viewer told", findings.left_out),
        ("duplicates", "duplicates", findings.duplicates),
        ("reordered", "out of order", findings.reordered),
        ("viewers_hit", "viewers with any of these", findings.viewers_hit),
        ("unacknowledged_seen", "seen though not acknowledged", findings.unacknowledged_seen),
        ("skipped_events", "`skipped` events", skips.len() as u64),
        ("skipped_count", "… and what they add up to", skips.iter().sum()),
        ("resets", "`reset` verdicts", resets),
    ]
    .map(|(key, label, value)| Row::count(key, label, value))
    .to_vec()
}

pub(crate) fn connection_rows(watched: &audience::Report) -> Vec<Row> {
    let viewers = &watched.recording.viewers;
    let resumes: u64 = viewers.iter().map(|viewed| viewed.resumes.len() as u64).sum();
    let first = viewers.iter().filter(|viewed| !viewed.resumes.is_empty()).count() as u64;
    let fruitless = watched.mishaps.attempts - resumes.min(watched.mishaps.attempts);
    let mut rows = vec![
        Row::count("reconnects", "reconnects", resumes - first),
        Row::count("fruitless_connects", "connects without a `resume`", fruitless),
    ];
    for (status, &count) in &watched.mishaps.refused {
        let (key, label) =
            (format!("stream_refused_{status}"), format!("streams refused: {status}"));
        rows.push(Row::count(&key, &label, count));
    }
    rows
}

fn latency_rows(run: &Run) -> Result<Vec<Row>> {
    let acknowledged = || run.outcomes.iter().filter(|post| post.id().is_some());
    let late =
        Latency::of(run.outcomes.iter().map(|post| post.sent_us.saturating_sub(post.due_us)))?;
    let post = Latency::of(acknowledged().map(|post| post.done_us - post.due_us))?;
    let deliveries = Deliveries::of(&run.watched.recording, &run.outcomes)?;
    let mut rows = late.rows("late_ms", "due → sent");
    rows.extend(post.rows("post_ms", "due → acknowledged"));
    rows.extend(deliveries.from_due.rows("receive_ms", "due → received"));
    rows.extend(deliveries.from_sent.rows("sent_receive_ms", "sent → received"));
    rows.push(Row::count("deliveries_per_s", "deliveries/s", deliveries.mean_per_s()));
    rows.push(Row::count(
        "deliveries_per_s_peak",
        "deliveries/s, busiest second",
        deliveries.peak_per_s,
    ));
    Ok(rows)
}

/// What the tool took for itself: near a core, its own queueing is part of every latency.
fn client_rows(run: &Run) -> Vec<Row> {
    vec![
        Row::seconds("client_viewers_cpu_s", "CPU of this tool's viewers", run.watched.cpu),
        Row::seconds("client_posting_cpu_s", "CPU of this tool's posting", run.posting_cpu),
    ]
}

/// What the checker, the viewers and the answers say together.
pub(crate) fn judge(
    watched: &audience::Report,
    sums: &Sums,
    findings: &Findings,
) -> (Verdict, Vec<String>) {
    let unreadable: u64 =
        watched.recording.viewers.iter().map(|viewed| u64::from(viewed.unreadable)).sum();
    let refused: u64 = watched.mishaps.refused.values().sum();
    let mut problems = sums.problems();
    for (count, what) in [
        (findings.lost, "deliveries lost without a word"),
        (findings.duplicates, "deliveries doubled"),
        (findings.reordered, "deliveries out of order"),
        (unreadable, "blocks unreadable"),
        (refused, "streams refused, at which a browser would give up"),
    ] {
        if count > 0 {
            problems.push(format!("{count} {what}"));
        }
    }
    if !problems.is_empty() {
        return (Verdict::Failed, problems);
    }
    if findings.left_out > 0 {
        let problem =
            format!("{} deliveries left out, of which viewers were told", findings.left_out);
        return (Verdict::GapsTold, vec![problem]);
    }
    (Verdict::Passed, problems)
}
