//! Posts when they are due, whatever became of the ones before: a slow server is not given the
//! rest that a waiting client would give it (coordinated omission).

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::outcome::Outcome;
use crate::poster::{Draft, Poster};
use crate::text::{Dice, compose};
use crate::trace::Arrival;

/// A trace at a speed.
pub(crate) struct Schedule {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) speed: f64,
    /// Taken in turn.
    pub(crate) videos: Vec<Rc<str>>,
    pub(crate) seed: u64,
    /// Most posts under way; one that is due beyond that waits, and its latency counts the wait.
    pub(crate) in_flight: usize,
}

impl Schedule {
    /// When arrival `index` is due if the first instant of the trace is `start_us`.
    fn due_us(&self, index: usize, start_us: u64) -> u64 {
        start_us + scaled_us(self.arrivals[index].at_ms, self.speed)
    }

    fn draft(&self, index: usize, dice: &mut Dice) -> Draft {
        let arrival = self.arrivals[index];
        Draft {
            number: index as u64,
            user: arrival.user,
            video: Rc::clone(&self.videos[index % self.videos.len()]),
            text: compose(dice, arrival.text_bytes),
        }
    }

    /// Posts the whole trace and waits for the last answer.
    pub(crate) async fn play(&self, poster: &Rc<Poster>, start_us: u64) -> Result<Vec<Outcome>> {
        let places = Arc::new(Semaphore::new(self.in_flight));
        let mut dice = Dice::new(self.seed);
        let mut posts = JoinSet::new();
        let tally = poster.tally();
        for index in 0..self.arrivals.len() {
            let draft = self.draft(index, &mut dice);
            let due_us = self.due_us(index, start_us);
            sleep_until(poster.clock().instant(due_us)).await;
            tally.due.set(self.due_by(poster.clock().micros(), start_us, index));
            let place = Arc::clone(&places).acquire_owned().await?;
            tally.behind_us.set(poster.clock().micros().saturating_sub(due_us));
            let poster = Rc::clone(poster);
            posts.spawn_local(async move {
                let outcome = poster.post(&draft, due_us).await;
                drop(place);
                outcome
            });
        }
        posts.join_all().await.into_iter().collect()
    }

    /// How many arrivals are due by now, of which `index` certainly is.
    fn due_by(&self, now_us: u64, start_us: u64, index: usize) -> u64 {
        let later = &self.arrivals[index..];
        let elapsed = now_us.saturating_sub(start_us);
        let due = later.partition_point(|arrival| scaled_us(arrival.at_ms, self.speed) <= elapsed);
        (index + due.max(1)) as u64
    }
}

/// A time of the trace in microseconds of the replay.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "times of a trace are far below 2^52 µs and never negative"
)]
pub(crate) fn scaled_us(at_ms: u64, speed: f64) -> u64 {
    (at_ms as f64 * 1_000.0 / speed) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_due() {
        let arrivals =
            [0, 10, 10, 500].map(|at_ms| Arrival { at_ms, text_bytes: 1, user: 1 }).to_vec();
        let schedule =
            Schedule { arrivals, speed: 10.0, videos: vec!["v".into()], seed: 1, in_flight: 1 };
        assert_eq!(schedule.due_us(3, 7), 50_007);
        assert_eq!(schedule.due_by(7, 7, 0), 1);
        assert_eq!(schedule.due_by(1_007, 7, 0), 3);
        assert_eq!(schedule.due_by(60_000, 7, 1), 4);
    }
}
