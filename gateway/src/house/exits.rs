//! How streams end when the gateway drains: one after another, over the whole window.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use crate::timer::until;

/// Between two groups of streams that end, at least.
const EXIT_PERIOD: Duration = Duration::from_millis(20);

/// When the house began to close, and how long it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    began: Instant,
    window: Duration,
}

impl Closing {
    pub(super) fn begin(window: Duration) -> Self {
        Self { began: Instant::now(), window }
    }

    pub(super) fn end(&self) -> Instant {
        self.at(1.0)
    }

    /// When so much of the window is over.
    fn at(&self, over: f64) -> Instant {
        self.began + self.window.mul_f64(over.clamp(0.0, 1.0))
    }

    /// How much of the window is over, 0 to 1.
    fn over(&self) -> f64 {
        let elapsed = self.began.elapsed();
        if elapsed >= self.window { 1.0 } else { elapsed.div_duration_f64(self.window) }
    }
}

/// How some of the streams leave.
pub(crate) struct Exits {
    closing: watch::Receiver<Option<Closing>>,
    /// By how much of one stream they are ahead: the few viewers of many videos don't leave in step.
    phase: f64,
    gone: usize,
    /// Before this no other group ends.
    not_before: Instant,
}

impl Exits {
    pub(super) fn new(closing: watch::Receiver<Option<Closing>>) -> Self {
        Self { closing, phase: fraction(), gone: 0, not_before: Instant::now() }
    }

    /// Waits until the next of the `left` streams has to end; for ever when there is none.
    pub(crate) async fn next(&mut self, left: usize) {
        let closing = self.closing().await;
        if left == 0 {
            return std::future::pending().await;
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 streams")]
        let over = (self.gone as f64 + 1.0 - self.phase) / (left + self.gone) as f64;
        until(closing.at(over).max(self.not_before)).await;
    }

    /// How many of the `left` streams end now.
    pub(crate) fn due(&mut self, left: usize) -> usize {
        self.not_before = Instant::now() + EXIT_PERIOD;
        let Some(closing) = *self.closing.borrow() else { return 0 };
        let all = left + self.gone;
        let due = due(all, closing.over(), self.phase).saturating_sub(self.gone);
        self.gone += due;
        due
    }

    /// For ever when the house never closes.
    async fn closing(&mut self) -> Closing {
        // Boxed: it is there for ever, in every shard.
        match Box::pin(self.closing.wait_for(Option::is_some)).await.map(|closing| *closing) {
            Ok(Some(closing)) => closing,
            _ => std::future::pending().await,
        }
    }
}

/// How many of `all` have ended when so much of the window is over.
fn due(all: usize, over: f64, phase: f64) -> usize {
    if over >= 1.0 {
        return all;
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 streams")]
    let due = (all as f64 * over + phase).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to `all` + 1")]
    let due = due as usize;
    due.min(all)
}

/// 0 to 1, by chance.
pub(super) fn fraction() -> f64 {
    const STEPS: u32 = 1 << 20;
    f64::from(common::ambient::random_range(0..STEPS)) / f64::from(STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        house::{House, Rules},
        test_support::HERE,
    };

    /// The few viewers of a video wake their shard as often as they are, and nobody not at all.
    #[tokio::test(start_paused = true)]
    async fn exits_are_looked_at_when_there_are_any() {
        let house = House::new(Rules::default());
        let _ticket = house.enter(HERE);
        let (mut exits, mut nobody) = (house.exits(), house.exits());
        let (mut looks, mut left) = (0, 5);
        let leave = async {
            while left > 0 {
                exits.next(left).await;
                left -= exits.due(left);
                looks += 1;
            }
        };
        let window = Duration::from_secs(20);
        tokio::select! {
            () = nobody.next(0) => panic!("nobody has to go"),
            _ = async { tokio::join!(house.close(window), leave) } => {}
        }
        assert!((5..=10).contains(&looks), "{looks}: rounding may take a second look");
    }

    /// 5,000 streams, in one shard or in a thousand: in no second more than half as many again as
    /// if all were evenly spread.
    #[test]
    fn streams_end_evenly() {
        for (shards, len) in [(1, 5_000), (10, 500), (1_000, 5), (5_000, 1)] {
            let phases: Vec<f64> = (0..shards).map(|_| fraction()).collect();
            let mut before = 0;
            for second in 1..=20 {
                let over = f64::from(second) / 20.0;
                let gone: usize = phases.iter().map(|phase| due(len, over, *phase)).sum();
                assert!(gone - before <= 5_000 / 20 * 3 / 2, "{shards}: {}", gone - before);
                before = gone;
            }
            assert_eq!(before, 5_000);
        }
    }
}
