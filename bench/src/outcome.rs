//! How posts ended.

use std::collections::{BTreeMap, HashSet};

use crate::report::Row;

/// The last answer to a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 201, or 202: stored, live delivery still being tried.
    Acknowledged {
        id: u128,
        status: u16,
    },
    Refused(u16),
    /// Acknowledged, but without a readable id: the server's fault.
    Garbled,
    /// The connection broke, or no answer in time.
    Unknown,
}

/// One post, from when it was due to its last answer; times in microseconds of the run's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// The draft's number in the run.
    pub(crate) number: u64,
    pub(crate) due_us: u64,
    /// When the attempt that was answered began.
    pub(crate) sent_us: u64,
    pub(crate) done_us: u64,
    pub(crate) answer: Answer,
    pub(crate) retries: u32,
}

impl Outcome {
    pub(crate) fn id(&self) -> Option<u128> {
        match self.answer {
            Answer::Acknowledged { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// Sums over posts.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) posted: u64,
    /// By status: 201 or 202.
    pub(crate) acknowledged: BTreeMap<u16, u64>,
    pub(crate) refused: BTreeMap<u16, u64>,
    pub(crate) garbled: u64,
    pub(crate) unknown: u64,
    pub(crate) retries: u64,
    /// Posts that were answered with another post's id.
    pub(crate) shared_ids: u64,
}

impl Sums {
    pub(crate) fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut sums = Self::default();
        let mut ids = HashSet::new();
        for outcome in outcomes {
            sums.posted += 1;
            sums.retries += u64::from(outcome.retries);
            match outcome.answer {
                Answer::Acknowledged { id, status } => {
                    *sums.acknowledged.entry(status).or_default() += 1;
                    sums.shared_ids += u64::from(!ids.insert(id));
                }
                Answer::Refused(status) => *sums.refused.entry(status).or_default() += 1,
                Answer::Garbled => sums.garbled += 1,
                Answer::Unknown => sums.unknown += 1,
            }
        }
        sums
    }

    pub(crate) fn acknowledged_total(&self) -> u64 {
        self.acknowledged.values().sum()
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let total = self.acknowledged_total();
        let mut rows = vec![
            Row::count("posted", "posted", self.posted),
            Row::count("acknowledged", "acknowledged", total),
        ];
        for (status, &count) in &self.acknowledged {
            let (key, label) = (format!("acknowledged_{status}"), format!("… with {status}"));
            rows.push(Row::count(&key, &label, count));
        }
        for (status, &count) in &self.refused {
            let (key, label) = (format!("refused_{status}"), format!("refused with {status}"));
            rows.push(Row::count(&key, &label, count));
        }
        rows.push(Row::count("unknown", "no answer (outcome unknown)", self.unknown));
        rows.push(Row::count("retries", "posted again (keyed)", self.retries));
        rows
    }

    /// What no server may do, and a run that shows nothing.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.acknowledged_total() == 0 {
            problems.push("nothing was acknowledged".to_owned());
        }
        if self.garbled > 0 {
            problems.push(format!("{} posts acknowledged without a readable id", self.garbled));
        }
        if self.shared_ids > 0 {
            problems.push(format!("{} posts answered with another post's id", self.shared_ids));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_answer() {
        let ended =
            |answer| Outcome { number: 0, due_us: 0, sent_us: 0, done_us: 0, answer, retries: 1 };
        let acknowledged = |id, status| ended(Answer::Acknowledged { id, status });
        let outcomes = [
            acknowledged(1, 201),
            acknowledged(2, 202),
            acknowledged(1, 201),
            ended(Answer::Refused(429)),
            ended(Answer::Unknown),
            ended(Answer::Garbled),
        ];
        let sums = Sums::of(&outcomes);
        assert_eq!((sums.posted, sums.acknowledged_total(), sums.retries), (6, 3, 6));
        assert_eq!(sums.acknowledged, [(201, 2), (202, 1)].into());
        assert_eq!(sums.refused, [(429, 1)].into());
        assert_eq!((sums.unknown, sums.garbled, sums.shared_ids), (1, 1, 1));
    }
}
