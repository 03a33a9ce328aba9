//! What came of a load.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::seat::{Seat, State};

/// All streams are open.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// From the first connect to the last head.
    pub(crate) open_s: f64,
    pub(crate) refused: u64,
}

/// What came of the comments.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Delivered {
    pub(crate) taken: u64,
    /// Posts that were refused, or not answered.
    pub(crate) refused: u64,
    pub(crate) deliveries: u64,
    /// Deliveries of what was taken that are missing.
    pub(crate) lost: u64,
    /// … that came again, or not in their turn.
    pub(crate) misplaced: u64,
    /// Streams that never began, or ended.
    pub(crate) gone: u64,
    /// From when a comment was due to each viewer that reads.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// From when the first comment was due to the last delivery.
    pub(crate) last_s: f64,
    /// CPU of this process meanwhile.
    pub(crate) tool_cpu_s: f64,
}

/// By number: whether it was taken. Missing: not answered.
type Answers = [Option<bool>];

impl Delivered {
    /// All but times that are the loop's.
    pub(super) fn of(ledger: &Ledger, seats: &[Seat], answers: &Answers, videos: usize) -> Self {
        let Ledger { orders, latency, deliveries, .. } = ledger;
        let taken = taken(answers, videos);
        let behind = |seat: &Seat| taken[seat.video].saturating_sub(seat.place.into());
        let behind: u64 = seats.iter().filter(|seat| seat.counts()).map(behind).sum();
        let gone = seats.iter().filter(|seat| seat.state == State::Gone).count();
        let in_ms = |quantile| in_seconds(latency.at_us(quantile)) * 1e3;
        let taken: u64 = taken.iter().sum();
        Self {
            taken,
            refused: answers.len() as u64 - taken,
            deliveries: *deliveries,
            lost: orders.mishaps.left_out + behind,
            misplaced: orders.mishaps.misplaced,
            gone: gone as u64,
            p50_ms: in_ms(0.5),
            p99_ms: in_ms(0.99),
            max_ms: in_ms(1.0),
            ..Self::default()
        }
    }
}

/// Deliveries that what was taken should come to.
pub(super) fn expected(seats: &[Seat], answers: &Answers, videos: usize) -> u64 {
    let taken = taken(answers, videos);
    seats.iter().filter(|seat| seat.counts()).map(|seat| taken[seat.video]).sum()
}

/// By video: comments that were taken.
fn taken(answers: &Answers, videos: usize) -> Vec<u64> {
    let mut taken = vec![0; videos];
    for (number, answer) in answers.iter().enumerate() {
        taken[number % videos] += u64::from(*answer == Some(true));
    }
    taken
}

pub(super) fn in_seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}
