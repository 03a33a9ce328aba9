//! Calls between simulated processes: late, lost, doubled, overtaking each other, cut off in one
//! direction. What happens to a message follows from the seed and from the message alone, so that
//! the order in which tasks happen to run changes nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    dice::{Dice, hash},
    process::Process,
};

/// Who sends and receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Node {
    Ingest(u8),
    Dispatcher(u8),
    Gateway(u8),
    Redis,
    Store,
    Commenters,
    Viewers,
}

/// How messages fare.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// Usual bounds of a message's way, milliseconds.
    pub(crate) latency_ms: (u64, u64),
    /// Of a thousand messages: how many take up to twenty times as long, …
    pub(crate) late: u64,
    /// … never arrive, …
    pub(crate) lost: u64,
    /// … and, of requests, arrive twice.
    pub(crate) doubled: u64,
    /// From whom to whom nothing arrives.
    pub(crate) cut: BTreeSet<(Node, Node)>,
    /// To and from Redis nothing gets late or lost by chance.
    pub(crate) redis_is_near: bool,
}

impl Weather {
    pub(crate) fn fair() -> Self {
        Self {
            latency_ms: (1, 3),
            late: 0,
            lost: 0,
            doubled: 0,
            cut: BTreeSet::new(),
            redis_is_near: true,
        }
    }
}

/// The other side refused, or was killed before it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// What a request finds where it arrives: a process, and what that does with it.
pub(crate) type Service<T> = Option<(Arc<Process>, BoxFuture<'static, T>)>;

pub(crate) struct Network {
    seed: u64,
    began: Instant,
    weather: Mutex<Weather>,
    /// How often the same message was sent in the same millisecond.
    repeats: Mutex<HashMap<u64, u64>>,
    /// Messages under way are nobody's: they arrive also when their sender is dead.
    wire: Arc<Process>,
}

impl Network {
    pub(crate) fn new(seed: u64, began: Instant, weather: Weather) -> Arc<Self> {
        Arc::new(Self {
            seed,
            began,
            weather: Mutex::new(weather),
            repeats: Mutex::default(),
            wire: Process::new(began, Dice::new(seed, "wire")),
        })
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.weather.lock().unwrap());
    }

    /// Sends a request and waits for the answer: for ever when either is lost, so every caller
    /// needs a time-out.
    pub(crate) async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        (from, to): (Node, Node),
        label: &str,
        serve: impl Fn() -> Service<T> + Send + Sync + 'static,
    ) -> Result<T, Broken> {
        let mut dice = self.dice((from, to), label);
        // A commenter's own network doesn't post twice: without a key that would be two comments.
        let retries = from != Node::Commenters;
        let doubled = dice.happens(self.weather.lock().unwrap().doubled);
        let copies = if doubled && retries { 2 } else { 1 };
        let (answer, mut answered) = mpsc::channel(2);
        let serve = Arc::new(serve);
        for copy in 0..copies {
            let (network, serve, answer) = (self.clone(), serve.clone(), answer.clone());
            let mut dice = Dice::new(dice.next(), copy);
            self.wire.spawn(async move {
                if network.passes((from, to), &mut dice).await {
                    let outcome = match serve() {
                        Some((process, work)) => process.spawn(work).await.map_err(|_| Broken),
                        None => Err(Broken),
                    };
                    if network.passes((to, from), &mut dice).await {
                        let _ = answer.send(outcome).await; // the caller may have given up
                    }
                }
            });
        }
        drop(answer);
        match answered.recv().await {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }

    /// A message's way; false when it gets lost on it.
    async fn passes(&self, way: (Node, Node), dice: &mut Dice) -> bool {
        let (delay, lost) = {
            let mut weather = self.weather.lock().unwrap().clone();
            if weather.redis_is_near && [way.0, way.1].contains(&Node::Redis) {
                weather = Weather::fair();
            }
            let (least, most) = weather.latency_ms;
            let usual = dice.within(least..most + 1);
            let late = if dice.happens(weather.late) { dice.within(1..20) } else { 1 };
            (usual * late, dice.happens(weather.lost))
        };
        sleep(Duration::from_millis(delay)).await;
        !lost && !self.weather.lock().unwrap().cut.contains(&way)
    }

    fn dice(&self, way: (Node, Node), label: &str) -> Dice {
        let message = hash((way, label, self.began.elapsed().as_millis()));
        let mut repeats = self.repeats.lock().unwrap();
        let repeat = repeats.entry(message).or_default();
        *repeat += 1;
        Dice::new(self.seed, (message, *repeat))
    }
}
