//! The result of a run, or of several: as a table and as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::goal::Goal;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its name in the JSON.
    pub(crate) key: String,
    /// Its name in the table.
    pub(crate) label: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

impl Row {
    pub(crate) fn count(key: &str, label: &str, value: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 of anything")]
        let value = value as f64;
        Self { key: key.to_owned(), label: label.to_owned(), value, unit: "" }
    }

    /// What else the machine was doing.
    pub(crate) fn load_before(value: f64) -> Self {
        let label = "load average before (1 min)".to_owned();
        Self { key: "load_before".to_owned(), label, value, unit: "" }
    }

    pub(crate) fn seconds(key: &str, label: &str, value: Duration) -> Self {
        let value = value.as_secs_f64();
        Self { key: key.to_owned(), label: label.to_owned(), value, unit: "s" }
    }
}

/// What a run comes to; the worst of several counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Passed,
    /// Something is missing, and every viewer that misses something was told so.
    GapsTold,
    /// A goal was missed, and this tool may be why.
    Unclear,
    Failed,
}

impl Verdict {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            // As for commands that could not run: it says nothing about the server.
            Self::Unclear => crate::COULD_NOT_RUN,
            Self::GapsTold => 3,
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) verdict: Verdict,
    /// What its figures should come to, judged over all runs.
    pub(crate) goals: Vec<Goal>,
    /// Why it is not `Passed`.
    pub(crate) problems: Vec<String>,
    /// What to know when reading the figures.
    pub(crate) notes: Vec<String>,
}

impl Report {
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for row in &self.rows {
            line(&mut table, &row.label, &format!("{:>14} {}", shown(row.value), row.unit));
        }
        for note in &self.notes {
            line(&mut table, "note", note);
        }
        for problem in &self.problems {
            line(&mut table, "problem", problem);
        }
        line(&mut table, "verdict", &format!("{:?}", self.verdict));
        table
    }

    pub(crate) fn json(&self) -> Value {
        let figures: Map<_, _> =
            self.rows.iter().map(|row| (row.key.clone(), json!(row.value))).collect();
        let Self { verdict, problems, notes, .. } = self;
        json!({ "verdict": verdict, "problems": problems, "notes": notes, "figures": figures })
    }
}

pub(crate) fn line(table: &mut String, label: &str, value: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(table, "  {label:<34} {}", value.trim_end());
}

/// Thousands apart when whole, otherwise three decimals.
pub(crate) fn shown(value: f64) -> String {
    let text = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut shown = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let numbers = [0.0, 7.0, 999.0, 1_000.0, 1_234_567.0, 0.25, 1_234.5].map(shown);
        assert_eq!(numbers, ["0", "7", "999", "1,000", "1,234,567", "0.250", "1,234.500"]);
    }

    #[test]
    fn the_worst_verdict_counts() {
        assert_eq!([Verdict::GapsTold, Verdict::Passed].into_iter().max(), Some(Verdict::GapsTold));
        assert_eq!([Verdict::GapsTold, Verdict::Failed].into_iter().max(), Some(Verdict::Failed));
        assert_eq!([Verdict::Failed, Verdict::Unclear].into_iter().max(), Some(Verdict::Failed));
    }
}
