//! What a figure should come to. A machine that others use too drifts by a fifth within a minute,
//! so the median of all runs is judged, not each of them.

use std::fmt;

use serde_json::{Value, json};

use crate::median::Spread;
use crate::report::{Verdict, shown};

/// How far a figure may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// What the figure `key` should come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Goal {
    pub(crate) key: String,
    pub(crate) bound: Bound,
    /// Why missing it would say nothing about the server.
    pub(crate) doubt: Option<String>,
}

/// A goal, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    goal: Goal,
    label: String,
    median: f64,
}

/// Judges by the medians. Each goal is named once, and a doubt of any run counts.
pub(crate) fn judge(goals: &[Goal], spreads: &[Spread]) -> Vec<Judged> {
    let mut judged: Vec<Judged> = Vec::new();
    for goal in goals {
        if let Some(same) = judged.iter_mut().find(|other| other.goal.key == goal.key) {
            same.goal.doubt = same.goal.doubt.take().or_else(|| goal.doubt.clone());
            continue;
        }
        let spread = spreads.iter().find(|spread| spread.key == goal.key);
        judged.push(Judged {
            goal: goal.clone(),
            label: spread.map_or(&goal.key, |spread| &spread.label).clone(),
            median: spread.map_or(f64::NAN, |spread| spread.median),
        });
    }
    judged
}

impl Judged {
    fn is_met(&self) -> bool {
        match self.goal.bound {
            Bound::AtLeast(least) => self.median >= least,
            Bound::AtMost(most) => self.median <= most,
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match (self.is_met(), &self.goal.doubt) {
            (true, _) => Verdict::Passed,
            (false, Some(_)) => Verdict::Unclear,
            (false, None) => Verdict::Failed,
        }
    }

    pub(crate) fn json(&self) -> Value {
        let Goal { key, bound, doubt } = &self.goal;
        let (name, bound) = match bound {
            Bound::AtLeast(least) => ("at_least", least),
            Bound::AtMost(most) => ("at_most", most),
        };
        let met = self.is_met();
        json!({ "key": key, name: bound, "median": self.median, "met": met, "doubt": doubt })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (label, value, met) = (&self.label, shown(self.median), self.is_met());
        let said = if met { "met" } else { "missed" };
        let (label, bound) = (label.trim_start_matches("… "), self.goal.bound);
        write!(f, "{said}: {label} is {value}, {bound}")?;
        match &self.goal.doubt {
            Some(doubt) if !met => write!(f, "; {doubt}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(median: f64, doubts: &[Option<&str>]) -> Judged {
        let goal = |doubt: &Option<&str>| Goal {
            key: "ratio".into(),
            bound: Bound::AtLeast(0.9),
            doubt: doubt.map(Into::into),
        };
        let spread = Spread {
            key: "ratio".into(),
            label: "… of the peak".into(),
            unit: "",
            median,
            min: 0.0,
            max: 2.0,
        };
        let judged = judge(&doubts.iter().map(goal).collect::<Vec<_>>(), &[spread]);
        assert_eq!(judged.len(), 1, "named once");
        judged[0].clone()
    }

    #[test]
    fn the_median_counts_not_the_worst() {
        assert!(judged(0.9, &[None, None]).is_met());
        let missed = judged(0.89, &[None]);
        assert_eq!(missed.verdict(), Verdict::Failed);
        assert_eq!(missed.to_string(), "missed: of the peak is 0.890, at least 0.9");
    }

    #[test]
    fn at_most_is_the_other_way_round() {
        let spread = |median| Spread {
            key: "p99".into(),
            label: "p99".into(),
            unit: "ms",
            median,
            min: 0.0,
            max: 2.0,
        };
        let goal = Goal { key: "p99".into(), bound: Bound::AtMost(1.15), doubt: None };
        let met = |median| judge(std::slice::from_ref(&goal), &[spread(median)])[0].is_met();
        assert!(met(1.15) && !met(1.16));
    }

    #[test]
    fn a_doubt_of_any_run_is_kept() {
        let missed = judged(0.5, &[None, Some("the tool was late")]);
        assert_eq!(missed.verdict(), Verdict::Unclear);
        assert!(missed.to_string().ends_with("; the tool was late"));
        assert!(!judged(1.0, &[Some("the tool was late")]).to_string().contains("late"));
    }

    #[test]
    fn a_figure_that_is_not_there_misses_its_goal() {
        for bound in [Bound::AtLeast(0.0), Bound::AtMost(1.0)] {
            let goal = Goal { key: "ratio".into(), bound, doubt: None };
            assert!(!judge(&[goal], &[])[0].is_met(), "{bound}");
        }
    }
}
