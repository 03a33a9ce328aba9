//! What so many viewers come to.

use anyhow::Result;

use super::{Watched, costs};
use crate::args::ManyArgs;
use crate::clock::in_ms;
use crate::latency::Latency;
use crate::load::watch::Seen;
use crate::median::median;
use crate::outcome::{Outcome, Sums};
use crate::report::{Report, Row, Verdict};

/// Puts the run's figures together.
pub(super) fn report(
    args: &ManyArgs,
    watched: &Watched,
    load_before: Option<f64>,
) -> Result<Report> {
    let sums = Sums::of(&watched.outcomes);
    let wrongs = Wrongs::of(&watched.seen);
    let took: Vec<_> = watched.outcomes.iter().map(|post| took_us(&watched.seen, post)).collect();
    let deliveries: usize = took.iter().map(Vec::len).sum();
    let mut rows = vec![
        Row::count("viewers", "viewers", args.viewers as u64),
        Row::count("gateways", "gateways", args.gateways as u64),
        Row::count("processes", "processes of viewers", watched.processes as u64),
        Row::seconds("open_s", "until all had their stream", watched.opened),
    ];
    rows.extend(sums.rows());
    let posts = watched.outcomes.iter().map(|post| post.done_us - post.sent_us);
    rows.extend(Latency::of(posts)?.rows("post_ms", "sent → answered"));
    rows.push(Row::count("deliveries", "deliveries", deliveries as u64));
    rows.extend(wrongs.rows());
    let each = Latency::of(took.iter().flatten().copied())?;
    rows.extend(each.rows("receive_ms", "sent → received"));
    rows.extend(last_rows(&took));
    rows.extend(costs::rows(watched, args.viewers, deliveries));
    rows.extend(load_before.map(Row::load_before));
    let problems = [sums.problems(), wrongs.problems(), incomplete(args, watched)].concat();
    let verdict = if problems.is_empty() { Verdict::Passed } else { Verdict::Failed };
    Ok(Report { rows, verdict, goals: Vec::new(), problems, notes: Vec::new() })
}

/// From when a comment was sent until each of its deliveries.
fn took_us(seen: &[Seen], post: &Outcome) -> Vec<u64> {
    let number = usize::try_from(post.number).unwrap_or(usize::MAX);
    let arrivals = seen.iter().filter_map(|seen| seen.arrivals_us.get(number)).flatten();
    arrivals.map(|arrival_us| arrival_us.saturating_sub(post.sent_us)).collect()
}

/// Over the comments: when the last viewer had one.
fn last_rows(took_us: &[Vec<u64>]) -> Vec<Row> {
    let last_us = took_us.iter().filter_map(|took_us| took_us.iter().max());
    let mut last_ms: Vec<f64> = last_us.map(|last_us| in_ms(*last_us)).collect();
    last_ms.sort_unstable_by(f64::total_cmp);
    let [least, most] = [last_ms.first(), last_ms.last()].map(|end| end.copied().unwrap_or(0.0));
    [("median", median(&last_ms)), ("min", least), ("max", most)]
        .map(|(name, value)| Row {
            key: format!("last_ms_{name}"),
            label: format!("sent → the last viewer, {name}"),
            value,
            unit: "ms",
        })
        .to_vec()
}

/// What should never be.
#[derive(Default)]
struct Wrongs {
    lost: u64,
    misplaced: u64,
    gone: u64,
}

impl Wrongs {
    fn of(seen: &[Seen]) -> Self {
        seen.iter().fold(Self::default(), |sum, seen| Self {
            lost: sum.lost + seen.lost,
            misplaced: sum.misplaced + seen.misplaced,
            gone: sum.gone + seen.gone,
        })
    }

    fn rows(&self) -> [Row; 3] {
        [
            Row::count("lost", "lost", self.lost),
            Row::count("misplaced", "doubled or out of order", self.misplaced),
            Row::count("gone", "streams that ended", self.gone),
        ]
    }

    fn problems(&self) -> Vec<String> {
        let rows = self.rows();
        let wrong = rows.iter().filter(|row| row.value > 0.0);
        wrong.map(|row| format!("{} {}", row.value, row.label)).collect()
    }
}

/// A comment that wasn't taken, or didn't reach everybody in time, is the last one tried.
fn incomplete(args: &ManyArgs, watched: &Watched) -> Vec<String> {
    if watched.complete == u64::from(args.comments) {
        return Vec::new();
    }
    let (number, within) = (watched.complete + 1, args.silence_seconds.as_secs_f64());
    vec![format!("comment {number} was not with everybody within {within} s, and is the last")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Answer;

    #[test]
    fn the_last_viewer_counts_whichever_process_has_it() {
        let seen = [[30_000, 17_000], [20_000, 40_000]].map(|[first, second]| Seen {
            arrivals_us: vec![vec![first, 11_000], vec![second]],
            ..Seen::default()
        });
        let took = [10_000, 15_000].iter().zip(0..).map(|(&sent_us, number)| {
            let answer = Answer::Unknown;
            let post = Outcome { number, due_us: 0, sent_us, done_us: sent_us, answer, retries: 0 };
            took_us(&seen, &post)
        });
        let took: Vec<_> = took.collect();
        assert_eq!(took, [vec![20_000, 1_000, 10_000, 1_000], vec![2_000, 25_000]]);
        let values = last_rows(&took).into_iter().map(|row| row.value).collect::<Vec<_>>();
        assert_eq!(values, [22.5, 20.0, 25.0]);
        assert_eq!(last_rows(&[]).len(), 3);
    }
}
