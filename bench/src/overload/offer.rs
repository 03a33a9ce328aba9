//! So many posts a second, whatever becomes of them: unlike a loop that waits for answers, this
//! doesn't ease off when the server slows down.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::closed_loop::Load;
use crate::outcome::Outcome;
use crate::poster::Poster;
use crate::text::Dice;

/// By how much offering may take longer than planned before it is no longer what was asked for: a
/// tenth of the time, or this.
const SLIP_MAX: Duration = Duration::from_secs(1);
const SLIP_PART: u32 = 10;

/// What to offer; `load.in_flight` is how many connections there are at most.
pub(crate) struct Offer {
    pub(crate) load: Load,
    pub(crate) per_s: f64,
}

/// An offer that was made; answers may still be under way.
pub(crate) struct Offered {
    posts: JoinSet<Result<Outcome>>,
    pub(crate) start_us: u64,
    /// The measured part.
    pub(crate) window: Range<u64>,
    /// When those were due, of the measured part, that found no connection free.
    pub(crate) unsent_us: Vec<u64>,
    /// Posts that fell due per second, warm-up included.
    pub(crate) per_s: f64,
}

impl Offer {
    /// Offers until time is up. Doesn't wait for the last answers.
    ///
    /// # Errors
    /// When this tool can't make so many posts a second.
    pub(crate) async fn make(&self, poster: &Rc<Poster>) -> Result<Offered> {
        let clock = poster.clock();
        let start_us = clock.micros();
        let window = self.load.window(start_us);
        let places = Arc::new(Semaphore::new(self.load.in_flight));
        let mut dice = Dice::new(self.load.seed);
        let (mut posts, mut unsent_us) = (JoinSet::new(), Vec::new());
        for number in 0.. {
            let due_us = start_us + self.due_us(number);
            if due_us >= window.end {
                break;
            }
            sleep_until(clock.instant(due_us)).await;
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                unsent_us.extend(window.contains(&due_us).then_some(due_us));
                continue;
            };
            let draft = self.load.draft(number, &mut dice);
            let poster = Rc::clone(poster);
            posts.spawn_local(async move {
                let outcome = poster.post(&draft, due_us).await;
                drop(place);
                outcome
            });
        }
        let per_s = self.really_per_s(Duration::from_micros(clock.micros() - start_us))?;
        Ok(Offered { posts, start_us, window, unsent_us, per_s })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a run has far fewer than 2^52 posts and microseconds, and none before it begins"
    )]
    fn due_us(&self, number: u64) -> u64 {
        (number as f64 * 1e6 / self.per_s) as u64
    }

    /// What the offer came to, made in such a time.
    fn really_per_s(&self, took: Duration) -> Result<f64> {
        let planned = self.load.warm_up + self.load.measured;
        let per_s = self.per_s * planned.as_secs_f64() / took.max(planned).as_secs_f64();
        if took.saturating_sub(planned) > SLIP_MAX.max(planned / SLIP_PART) {
            let asked = self.per_s;
            bail!("this tool could offer only {per_s:.0} of {asked:.0} posts/s: nothing is shown");
        }
        Ok(per_s)
    }
}

impl Offered {
    /// Waits for the last answers.
    pub(crate) async fn outcomes(&mut self) -> Result<Vec<Outcome>> {
        std::mem::take(&mut self.posts).join_all().await.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(per_s: f64) -> Offer {
        let load = Load {
            in_flight: 1,
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(9),
            videos: vec!["v".into()],
            users: 1,
            text_bytes: 1,
            seed: 1,
        };
        Offer { load, per_s }
    }

    #[test]
    fn posts_are_due_evenly() {
        let due = [0, 1, 2, 500].map(|number| offer(2_000.0).due_us(number));
        assert_eq!(due, [0, 500, 1_000, 250_000]);
        assert_eq!(offer(0.5).due_us(3), 6_000_000);
    }

    #[test]
    fn an_offer_that_took_too_long_to_make_is_none() {
        let took = |seconds| offer(100.0).really_per_s(Duration::from_secs(seconds));
        assert_eq!(took(10).unwrap(), 100.0);
        assert!((90.0..100.0).contains(&took(11).unwrap()));
        let error = took(20).unwrap_err().to_string();
        assert!(error.contains("only 50 of 100"), "{error}");
    }
}
