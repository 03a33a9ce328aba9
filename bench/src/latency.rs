//! Latencies: HDR histograms to three digits, in milliseconds when shown.

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::clock::{from_ticks, in_ms};
use crate::outcome::Outcome;
use crate::recording::Recording;
use crate::report::Row;

/// Longer is noted as this long.
const MICROS_MAX: u64 = 2 * 3600 * 1_000_000;
const DIGITS: u8 = 3;

/// One distribution of latencies.
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, MICROS_MAX, DIGITS)?))
    }

    pub(crate) fn of(micros: impl IntoIterator<Item = u64>) -> Result<Self> {
        let mut latency = Self::new()?;
        micros.into_iter().for_each(|micros| latency.add(micros));
        Ok(latency)
    }

    pub(crate) fn add(&mut self, micros: u64) {
        self.0.saturating_record(micros);
    }

    pub(crate) fn at_us(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    /// Its figures; `key` as in `post_ms`, `label` as in `post`.
    pub(crate) fn rows(&self, key: &str, label: &str) -> Vec<Row> {
        let at = |quantile: f64| self.0.value_at_quantile(quantile);
        [("p50", at(0.5)), ("p90", at(0.9)), ("p99", at(0.99)), ("max", self.0.max())]
            .map(|(name, micros)| Row {
                key: format!("{key}_{name}"),
                label: format!("{label} {name}"),
                value: in_ms(micros),
                unit: "ms",
            })
            .to_vec()
    }
}

/// From when a comment's POST was due, and from when it was sent, to each viewer that got it.
pub(crate) struct Deliveries {
    pub(crate) from_due: Latency,
    pub(crate) from_sent: Latency,
    /// Deliveries of the busiest second.
    pub(crate) peak_per_s: u64,
    /// From the first delivery to the last.
    pub(crate) span_us: u64,
}

impl Deliveries {
    /// Joins what viewers saw with when it was posted. Comments whose post had no answer have no
    /// time and are left out.
    pub(crate) fn of(recording: &Recording, outcomes: &[Outcome]) -> Result<Self> {
        let mut times = vec![None; recording.ids.len()];
        for post in outcomes {
            if let Some(number) = post.id().and_then(|id| recording.ids.find(id)) {
                times[number as usize] = Some((post.due_us, post.sent_us));
            }
        }
        let (mut from_due, mut from_sent) = (Latency::new()?, Latency::new()?);
        let mut seconds = Seconds::default();
        for sighting in recording.viewers.iter().flat_map(|viewed| &viewed.sightings) {
            let at_us = from_ticks(sighting.at);
            seconds.add(at_us);
            if let Some((due_us, sent_us)) = times[sighting.number as usize] {
                from_due.add(at_us.saturating_sub(due_us));
                from_sent.add(at_us.saturating_sub(sent_us));
            }
        }
        let peak_per_s = seconds.counts.iter().copied().max().unwrap_or_default();
        Ok(Self {
            from_due,
            from_sent,
            peak_per_s,
            span_us: seconds.last.saturating_sub(seconds.first()),
        })
    }

    /// Between the first delivery and the last.
    pub(crate) fn mean_per_s(&self) -> u64 {
        self.from_sent.0.len() * 1_000_000 / self.span_us.max(1)
    }
}

/// Deliveries by second of the run.
#[derive(Default)]
struct Seconds {
    counts: Vec<u64>,
    first: Option<u64>,
    last: u64,
}

impl Seconds {
    fn add(&mut self, at_us: u64) {
        self.first = Some(self.first().min(at_us));
        self.last = self.last.max(at_us);
        let second = usize::try_from(at_us / 1_000_000).unwrap_or_default();
        if self.counts.len() <= second {
            self.counts.resize(second + 1, 0);
        }
        self.counts[second] += 1;
    }

    fn first(&self) -> u64 {
        self.first.unwrap_or(u64::MAX)
    }
}
