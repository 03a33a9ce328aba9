//! What a storm comes to.

use std::sync::Arc;

use anyhow::Result;

use super::Watched;
use super::by_video;
use crate::args::StormArgs;
use crate::audience;
use crate::checker::{Findings, check};
use crate::clock::{from_ticks, to_ticks};
use crate::latency::{Deliveries, Latency};
use crate::outcome::Sums;
use crate::recording::Resume;
use crate::replay_report::{connection_rows, delivery_rows, judge};
use crate::report::{Report, Row, Verdict};
use crate::scanner::Status;

/// Live-log reads that a storm may cost a gateway for each video, the one that opens it included.
const READS_PER_VIDEO_MAX: u64 = 1;

/// Checks the run and puts its figures together.
pub(super) fn report(
    args: &StormArgs,
    watched: Watched,
    load_before: Option<f64>,
) -> Result<Report> {
    let Watched { outcomes, returned, warm, strike } = watched;
    let back = Back::of(&returned, strike.killed_us);
    let sums = Sums::of(&outcomes);
    let (all, findings) = check_all(returned, warm, &by_video(&outcomes, args.videos));
    let mut rows = vec![
        Row::count("viewers", "viewers of the killed gateway", args.viewers as u64),
        Row::count("warm_viewers", "viewers of the other before", args.warm_viewers as u64),
        Row::count("videos", "videos", args.videos as u64),
    ];
    rows.extend(back.rows()?);
    rows.extend(strike.counts.rows(args.videos));
    rows.push(Row::seconds("gateway_cpu_s", "CPU of the gateway meanwhile", strike.gateway_cpu));
    rows.extend(sums.rows());
    rows.extend(delivery_rows(&all.recording.viewers, &findings));
    rows.extend(connection_rows(&all));
    let deliveries = Deliveries::of(&all.recording, &outcomes)?;
    rows.extend(deliveries.from_sent.rows("sent_receive_ms", "sent → received"));
    rows.push(Row::seconds("client_viewers_cpu_s", "CPU of this tool's viewers", all.cpu));
    rows.extend(load_before.map(Row::load_before));
    let (mut verdict, mut problems) = judge(&all, &sums, &findings);
    let broken = [back.problems(args), reads_problem(args, strike.counts.log_reads())].concat();
    if !broken.is_empty() {
        verdict = Verdict::Failed;
        problems.extend(broken);
    }
    Ok(Report { rows, verdict, goals: Vec::new(), problems, notes: Vec::new() })
}

/// Checks video by video: one order for both gateways' viewers.
fn check_all(
    returned: Vec<audience::Report>,
    warm: Vec<audience::Report>,
    acknowledged: &[Arc<[u128]>],
) -> (audience::Report, Findings) {
    let (mut all, mut findings) = (audience::Report::default(), Findings::default());
    let mut warm = warm.into_iter();
    for (mut party, acknowledged) in returned.into_iter().zip(acknowledged) {
        warm.by_ref().take(1).for_each(|others| party.absorb(others));
        findings.absorb(&check(&party.recording, acknowledged));
        all.absorb(party);
    }
    (all, findings)
}

fn reads_problem(args: &StormArgs, reads: u64) -> Vec<String> {
    let most = args.videos as u64 * READS_PER_VIDEO_MAX;
    let problem = format!("{reads} reads of the live log, the goal is {most} at most");
    if reads > most { vec![problem] } else { Vec::new() }
}

/// Who came back, when, and to which verdict.
struct Back {
    viewers: usize,
    killed_us: u64,
    /// Each viewer's first answer after the kill.
    resumes: Vec<Resume>,
}

impl Back {
    fn of(parties: &[audience::Report], killed_us: u64) -> Self {
        let viewers = || parties.iter().flat_map(|party| &party.recording.viewers);
        let since = to_ticks(killed_us);
        let resumes = viewers().filter_map(|viewed| viewed.resume_since(since)).collect();
        Self { viewers: viewers().count(), killed_us, resumes }
    }

    fn took_us(&self) -> impl Iterator<Item = u64> {
        self.resumes.iter().map(|resume| from_ticks(resume.at).saturating_sub(self.killed_us))
    }

    fn with(&self, status: Status) -> u64 {
        self.resumes.iter().filter(|resume| resume.status == status).count() as u64
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let mut rows = vec![
            Row::count("back", "viewers that came back", self.resumes.len() as u64),
            Row::count("back_continued", "… `continued`", self.with(Status::Continued)),
            Row::count("back_reset", "… `reset`", self.with(Status::Reset)),
            Row::count("back_new", "… `new`", self.with(Status::New)),
        ];
        rows.extend(Latency::of(self.took_us())?.rows("back_ms", "kill → `resume`"));
        Ok(rows)
    }

    fn problems(&self, args: &StormArgs) -> Vec<String> {
        let within = args.back_within_seconds;
        let in_time = self.took_us().filter(|&us| u128::from(us) <= within.as_micros()).count();
        let late = self.viewers - in_time;
        let other = self.resumes.len() as u64 - self.with(Status::Continued);
        let problems = [
            (late > 0, format!("{late} viewers not back within {} s", within.as_secs_f64())),
            (other > 0, format!("{other} viewers not `continued` when they came back")),
        ];
        problems.into_iter().filter_map(|(is, problem)| is.then_some(problem)).collect()
    }
}
