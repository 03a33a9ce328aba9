//! How many streams there may be, in all and of one address, how old they may get, and how they end
//! when the gateway drains: while it is still subscribed, so that nobody misses anything.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use common::{config, descriptors, network::Network};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

pub(crate) use exits::Exits;
use exits::{Closing, fraction};
use memory::Memory;
use neighbours::Neighbours;

mod exits;
mod memory;
mod neighbours;

/// How often an end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Streams that have not ended so long after the window don't take what they are sent.
const PATIENCE: Duration = Duration::from_secs(5);
/// By how much of the greatest age streams end earlier, by chance: those who came together don't
/// leave together.
const AGE_JITTER: f64 = 0.25;

/// What a house allows; `None`: no limit.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Streams at a time.
    pub(crate) max: Option<usize>,
    /// Streams at a time of one address (of IPv6: of one network of 64 bits).
    pub(crate) max_per_address: Option<usize>,
    /// How old a stream may get.
    pub(crate) age_max: Option<Duration>,
}

impl From<&config::Gateway> for Rules {
    fn from(config: &config::Gateway) -> Self {
        let limit = |number: u64| usize::try_from(number).ok().filter(|number| *number > 0);
        let age_max = (config.stream_max_age_s > 0).then_some(config.stream_max_age_s);
        Self {
            max: limit(config.max_connections),
            max_per_address: limit(config.max_connections_per_address),
            age_max: age_max.map(Duration::from_secs),
        }
    }
}

/// Why a viewer is told to come back instead of being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// All places are taken.
    Full,
    /// All places of its address are taken.
    Address,
    /// The process has too few file descriptors left.
    Descriptors,
    /// The process has too little memory left.
    Memory,
    /// The gateway drains.
    Draining,
    /// Its video could not begin in time.
    Late,
    /// The live log can't be read and may hold what it missed.
    Unread,
    /// The keys that its token is checked with can't be read.
    Unknown,
}

impl Shed {
    /// For metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
            Self::Descriptors => "descriptors",
            Self::Memory => "memory",
            Self::Draining => "draining",
            Self::Late => "late",
            Self::Unread => "unread",
            Self::Unknown => "unknown",
        }
    }
}

/// A gateway's streams.
pub(crate) struct House {
    max: usize,
    age_max: Option<Duration>,
    streams: AtomicUsize,
    memory: Memory,
    neighbours: Option<Neighbours>,
    closing: watch::Sender<Option<Closing>>,
}

impl House {
    pub(crate) fn new(rules: Rules) -> Arc<Self> {
        let Rules { max, max_per_address, age_max } = rules;
        Arc::new(Self {
            max: max.unwrap_or(usize::MAX),
            age_max,
            streams: AtomicUsize::new(0),
            memory: Memory::new(),
            neighbours: max_per_address.map(Neighbours::new),
            closing: watch::Sender::new(None),
        })
    }

    /// A place for a viewer at this address.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Result<Ticket, Shed> {
        if self.closing.borrow().is_some() {
            return Err(Shed::Draining);
        }
        if descriptors::are_scarce() {
            return Err(Shed::Descriptors);
        }
        if !self.memory.has_room(self.streams.load(Relaxed)) {
            return Err(Shed::Memory);
        }
        let enter = |streams| (streams < self.max).then_some(streams + 1);
        self.streams.fetch_update(Relaxed, Relaxed, enter).map_err(|_| Shed::Full)?;
        let until = self.age_max.map(|max| Instant::now() + with_jitter(max));
        let mut ticket = Ticket { house: self.clone(), network: None, until };
        if let Some(neighbours) = &self.neighbours {
            ticket.network = Some(neighbours.enter(from).ok_or(Shed::Address)?);
        }
        Ok(ticket)
    }

    /// Ends all streams, spread over `window`; returns when they have ended, or don't.
    pub(crate) async fn close(&self, window: Duration) {
        let closing = Closing::begin(window);
        self.closing.send_replace(Some(closing));
        let deadline = closing.end() + PATIENCE;
        while self.streams.load(Relaxed) > 0 && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
    }

    /// To be told when the house closes.
    pub(crate) fn exits(&self) -> Exits {
        Exits::new(self.closing.subscribe())
    }
}

fn with_jitter(age_max: Duration) -> Duration {
    age_max.mul_f64(1.0 - AGE_JITTER * fraction())
}

/// A stream's place in the house, taken as long as it lives.
pub(crate) struct Ticket {
    house: Arc<House>,
    /// Whose places are counted by address.
    network: Option<Network>,
    until: Option<Instant>,
}

impl Ticket {
    /// Whether the stream has reached its age.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.house.streams.fetch_sub(1, Relaxed);
        if let (Some(neighbours), Some(network)) = (&self.house.neighbours, self.network) {
            neighbours.leave(network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::HERE;

    fn open() -> Arc<House> {
        House::new(Rules::default())
    }

    #[test]
    fn no_more_than_the_limit_at_a_time() {
        let house = House::new(Rules { max: Some(2), ..Rules::default() });
        let enter = || house.enter(HERE);
        let first = enter();
        let second = enter();
        assert!(first.is_ok() && second.is_ok() && enter().err() == Some(Shed::Full));
        drop(first);
        let third = enter();
        assert!(third.is_ok() && enter().is_err());
        let house = open();
        assert!((0..1_000).map(|_| house.enter(HERE)).all(|ticket| ticket.is_ok()));
    }

    #[test]
    fn no_more_than_the_limit_from_one_address() {
        let house =
            House::new(Rules { max: Some(3), max_per_address: Some(2), ..Rules::default() });
        let enter = |address: &str| house.enter(address.parse().unwrap());
        let one = [enter("::ffff:10.0.0.1"), enter("10.0.0.1")];
        assert!(one.iter().all(Result::is_ok));
        assert_eq!(enter("10.0.0.1").err(), Some(Shed::Address));
        let other = enter("10.0.0.2");
        assert!(other.is_ok(), "who was refused took no place");
        assert_eq!(enter("10.0.0.3").err(), Some(Shed::Full));
        drop((one, other));
        let six = [enter("2001:db8::1"), enter("2001:db8:0:0:ffff::2")];
        assert!(six.iter().all(Result::is_ok));
        assert_eq!(enter("2001:db8::3").err(), Some(Shed::Address), "one customer's network");
        assert!(enter("2001:db8:0:1::1").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn streams_get_so_old_and_those_who_came_together_leave_apart() {
        let age_max = Duration::from_secs(100);
        let house = House::new(Rules { age_max: Some(age_max), ..Rules::default() });
        let tickets: Vec<_> = (0..1_000).map(|_| house.enter(HERE).unwrap()).collect();
        let over = || tickets.iter().filter(|ticket| ticket.is_over(Instant::now())).count();
        let mut counts = Vec::new();
        for _ in 0..5 {
            counts.push(over());
            sleep(age_max / 4).await;
        }
        assert_eq!(counts, [0, 0, 0, counts[3], 1_000]);
        assert!(counts[3] < 50, "{counts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_it_closes_is_not_let_in() {
        let house = open();
        let ticket = house.enter(HERE);
        let (window, began) = (Duration::from_secs(20), Instant::now());
        let close = house.close(window);
        let leave = async {
            sleep(Duration::from_secs(3)).await;
            assert_eq!(house.enter(HERE).err(), Some(Shed::Draining));
            drop(ticket);
        };
        tokio::join!(close, leave);
        assert!(began.elapsed() < Duration::from_secs(4), "closed when the last one left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_does_not_end_holds_it_open_for_a_while() {
        let house = open();
        let _ticket = house.enter(HERE);
        let (window, began) = (Duration::from_secs(20), Instant::now());
        house.close(window).await;
        assert!(began.elapsed() >= window + PATIENCE);
    }
}
