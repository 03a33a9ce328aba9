//! The soak's table: how often what was done to whom, and how long viewers waited after it.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::blow::Blow;
use crate::silence::Silences;

#[derive(Default)]
pub(super) struct Table(BTreeMap<(String, String), Row>);

#[derive(Default)]
struct Row {
    blows: usize,
    /// By blow that came alone: the longest of viewers of live gateways.
    live: Vec<Duration>,
    /// The same of the gateway that was hit, less the time that it was frozen.
    hit: Vec<Duration>,
}

impl Table {
    /// Silences count when nothing else happened at the same time.
    pub(super) fn add(&mut self, blow: &Blow, silences: Option<&Silences>) {
        let key = (blow.role().to_string(), blow.kind.to_string());
        let row = self.0.entry(key).or_default();
        row.blows += 1;
        let Some(silences) = silences else { return };
        row.live.push(silences.live.longest());
        if !silences.hit.is_empty() {
            row.hit.push(silences.hit.longest().saturating_sub(blow.pause()));
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "role       what       times  silence at live gateways           at its own, less its pause"
        )?;
        let mut all = Row::default();
        for ((role, what), row) in &self.0 {
            writeln!(out, "{role:<10} {what:<10} {row}")?;
            all.blows += row.blows;
            all.live.extend(&row.live);
            all.hit.extend(&row.hit);
        }
        write!(out, "{:<10} {:<10} {all}", "all", "")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |silences: &Vec<Duration>| {
            let mut sorted = silences.clone();
            sorted.sort();
            let median = sorted.get(sorted.len() / 2).copied();
            let both = sorted.last().copied().zip(median);
            both.map_or("-".to_owned(), |(longest, median)| {
                format!("{:.2} s (median {:.2})", longest.as_secs_f64(), median.as_secs_f64())
            })
        };
        write!(out, "{:>5}  {:<34} {}", self.blows, group(&self.live), group(&self.hit))
    }
}
