//! How many streams there may be, and how they end when the gateway drains: not all at once, and
//! while it is still subscribed, so that nobody misses anything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

/// How often an end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Streams that have not ended so long after the window don't take what they are sent.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two groups of streams that end, at least.
const EXIT_PERIOD: Duration = Duration::from_millis(20);

/// A gateway's streams.
pub(crate) struct House {
    /// `None`: no limit.
    max: Option<usize>,
    streams: AtomicUsize,
    closing: watch::Sender<Option<Closing>>,
}

/// When the house began to close, and how long it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    began: Instant,
    window: Duration,
}

impl Closing {
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

impl House {
    /// 0 is no limit.
    pub(crate) fn new(max: u64) -> Arc<Self> {
        let max = usize::try_from(max).ok().filter(|max| *max > 0);
        let (streams, closing) = (AtomicUsize::new(0), watch::Sender::new(None));
        Arc::new(Self { max, streams, closing })
    }

    /// A place, unless all are taken or the house closes.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Ticket> {
        if self.closing.borrow().is_some() {
            return None;
        }
        let max = self.max.unwrap_or(usize::MAX);
        let enter = |streams| (streams < max).then_some(streams + 1);
        self.streams.fetch_update(Relaxed, Relaxed, enter).ok()?;
        Some(Ticket(self.clone()))
    }

    /// Ends all streams, spread over `window`; returns when they have ended, or don't.
    pub(crate) async fn close(&self, window: Duration) {
        let closing = Closing { began: Instant::now(), window };
        self.closing.send_replace(Some(closing));
        let deadline = closing.began + window + PATIENCE;
        while self.streams.load(Relaxed) > 0 && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
    }

    /// To be told when the house closes.
    pub(crate) fn exits(&self) -> Exits {
        let closing = self.closing.subscribe();
        Exits { closing, phase: fraction(), gone: 0, not_before: Instant::now() }
    }
}

/// A stream's place in the house, taken as long as it lives.
pub(crate) struct Ticket(Arc<House>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Relaxed);
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
    /// Waits until the next of the `left` streams has to end; for ever when there is none.
    pub(crate) async fn next(&mut self, left: usize) {
        let closing = self.closing().await;
        if left == 0 {
            return std::future::pending().await;
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 streams")]
        let over = (self.gone as f64 + 1.0 - self.phase) / (left + self.gone) as f64;
        sleep_until(closing.at(over).max(self.not_before)).await;
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
        match self.closing.wait_for(Option::is_some).await.map(|closing| *closing) {
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
fn fraction() -> f64 {
    const STEPS: u32 = 1 << 20;
    f64::from(common::ambient::random_range(0..STEPS)) / f64::from(STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_at_a_time() {
        let house = House::new(2);
        let first = house.enter();
        let second = house.enter();
        assert!(first.is_some() && second.is_some() && house.enter().is_none());
        drop(first);
        let third = house.enter();
        assert!(third.is_some() && house.enter().is_none());
        assert!((0..1_000).map(|_| House::new(0).enter()).all(|ticket| ticket.is_some()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_it_closes_is_not_let_in() {
        let house = House::new(0);
        let ticket = house.enter();
        let (window, began) = (Duration::from_secs(20), Instant::now());
        let close = house.close(window);
        let leave = async {
            sleep(Duration::from_secs(3)).await;
            assert!(house.enter().is_none());
            drop(ticket);
        };
        tokio::join!(close, leave);
        assert!(began.elapsed() < Duration::from_secs(4), "closed when the last one left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_does_not_end_holds_it_open_for_a_while() {
        let house = House::new(0);
        let _ticket = house.enter();
        let (window, began) = (Duration::from_secs(20), Instant::now());
        house.close(window).await;
        assert!(began.elapsed() >= window + PATIENCE);
    }

    /// The few viewers of a video wake their shard as often as they are, and nobody not at all.
    #[tokio::test(start_paused = true)]
    async fn exits_are_looked_at_when_there_are_any() {
        let house = House::new(0);
        let _ticket = house.enter();
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
