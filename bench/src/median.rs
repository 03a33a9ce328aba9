//! Several runs of the same: median, and how far they were apart.

use serde_json::{Map, Value, json};

use crate::report::{Report, line, shown};

/// One figure over all runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Every figure that any run has; where a run lacks it (no refusals, say), it counts 0.
pub(crate) fn spreads(reports: &[Report]) -> Vec<Spread> {
    let rows = reports.iter().flat_map(|report| &report.rows);
    let mut spreads: Vec<Spread> = Vec::new();
    for row in rows {
        if spreads.iter().any(|spread| spread.key == row.key) {
            continue;
        }
        let mut values: Vec<f64> = reports.iter().map(|report| value(report, &row.key)).collect();
        values.sort_unstable_by(f64::total_cmp);
        spreads.push(Spread {
            key: row.key.clone(),
            label: row.label.clone(),
            unit: row.unit,
            median: median(&values),
            min: values.first().copied().unwrap_or_default(),
            max: values.last().copied().unwrap_or_default(),
        });
    }
    spreads
}

fn value(report: &Report, key: &str) -> f64 {
    report.rows.iter().find(|row| row.key == key).map_or(0.0, |row| row.value)
}

/// Of sorted values; of an even number, the mean of the middle two.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
    match (sorted.get(low), sorted.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

pub(crate) fn table(spreads: &[Spread]) -> String {
    let mut table = String::new();
    for spread in spreads {
        let Spread { label, unit, median, min, max, .. } = spread;
        let value = format!("{:>14} {unit:<4} {} – {}", shown(*median), shown(*min), shown(*max));
        line(&mut table, label, &value);
    }
    table
}

pub(crate) fn json(spreads: &[Spread]) -> Value {
    let figures: Map<_, _> = spreads
        .iter()
        .map(|Spread { key, median, min, max, .. }| {
            (key.clone(), json!({ "median": median, "min": min, "max": max }))
        })
        .collect();
    Value::Object(figures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Row, Verdict};

    #[test]
    fn median_and_spread() {
        let report = |value| Report {
            rows: vec![Row::count("posted", "posted", value)],
            verdict: Verdict::Passed,
            goals: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
        };
        let mut reports: Vec<_> = [9, 1, 5, 7, 3].map(report).to_vec();
        let spread = &spreads(&reports)[0];
        assert_eq!((spread.median, spread.min, spread.max), (5.0, 1.0, 9.0));
        reports.pop();
        reports[0].rows.push(Row::count("refused_503", "refused 503", 4));
        let spreads = spreads(&reports);
        assert_eq!(spreads[0].median, 6.0);
        assert_eq!((spreads[1].median, spreads[1].max), (0.0, 4.0), "absent counts 0");
    }
}
