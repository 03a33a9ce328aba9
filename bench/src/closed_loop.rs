//! So many clients, each posting again as soon as it has its answer: how much the server takes.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::outcome::Outcome;
use crate::poster::{Draft, Poster};
use crate::text::{Dice, compose};

/// What to post, and for how long.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) in_flight: usize,
    /// Not measured: connections open, caches fill.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) videos: Vec<Rc<str>>,
    /// Different authors, taken in turn, so that no limit per user is met.
    pub(crate) users: u32,
    pub(crate) text_bytes: usize,
    pub(crate) seed: u64,
}

impl Load {
    /// Its measured part, when it begins at `start_us`.
    pub(crate) fn window(&self, start_us: u64) -> Range<u64> {
        let from = start_us + micros(self.warm_up);
        from..from + micros(self.measured)
    }

    /// Acknowledgements per second of its measured part.
    pub(crate) fn rate(&self, outcomes: &[Outcome], start_us: u64) -> f64 {
        let window = self.window(start_us);
        let good = |post: &&Outcome| post.id().is_some() && window.contains(&post.done_us);
        outcomes.iter().filter(good).count() as f64 / self.measured.as_secs_f64()
    }

    /// Posts until time is up and the last answers are in.
    pub(crate) async fn run(self: Rc<Self>, poster: &Rc<Poster>) -> Result<Vec<Outcome>> {
        let until = poster.clock().micros() + micros(self.warm_up + self.measured);
        let next = Rc::new(Cell::new(0u64));
        let mut lanes = JoinSet::new();
        for lane in 0..self.in_flight {
            let dice = Dice::new(self.seed.wrapping_add(lane as u64));
            let (load, poster) = (Rc::clone(&self), Rc::clone(poster));
            lanes.spawn_local(load.lane(poster, Rc::clone(&next), dice, until));
        }
        let lanes: Result<Vec<_>> = lanes.join_all().await.into_iter().collect();
        Ok(lanes?.concat())
    }

    async fn lane(
        self: Rc<Self>,
        poster: Rc<Poster>,
        next: Rc<Cell<u64>>,
        mut dice: Dice,
        until_us: u64,
    ) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        loop {
            let now_us = poster.clock().micros();
            if now_us >= until_us {
                return Ok(outcomes);
            }
            let number = next.get();
            next.set(number + 1);
            outcomes.push(poster.post(&self.draft(number, &mut dice), now_us).await?);
        }
    }

    pub(crate) fn draft(&self, number: u64, dice: &mut Dice) -> Draft {
        let turn = |count: usize| usize::try_from(number % count as u64).unwrap_or_default();
        Draft {
            number,
            user: u32::try_from(number % u64::from(self.users)).unwrap_or_default(),
            video: Rc::clone(&self.videos[turn(self.videos.len())]),
            text: compose(dice, self.text_bytes),
        }
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
