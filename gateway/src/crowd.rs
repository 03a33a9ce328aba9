//! Everybody who watches one video. Those whose sockets were taken over from hyper are spread over
//! [`Shard`]s, tasks that write to many sockets each; the others are response bodies, which hyper
//! polls. Both read the video's one byte log.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed},
        },
    },
    time::Duration,
};

use common::task;
use tokio::{net::TcpStream, sync::watch};

use crate::{
    ending::Who,
    frame,
    house::Ticket,
    inbox::{Sender, Users, inbox},
    reading::Reader,
    video::{Message, Surroundings, order::Order},
};
use member::Member;
use shard::Shard;
#[cfg(feature = "micro")]
pub(crate) use writer::micro;

mod member;
mod shard;
#[cfg(test)]
mod tests;
mod writer;

/// What waking one viewer and writing to it costs, twice over: after a pass to many viewers the next
/// one gathers for so long, so that half of the processor stays for everything else.
const PAUSE_PER_VIEWER: Duration = Duration::from_micros(10);
/// Viewers of a video whom one shard serves before it is worth having another one.
const SHARD_LEN: usize = 512;
/// Viewers on their way to a shard.
const NEWCOMERS_MAX: usize = 256;
/// Between looks whether shards have let go of what was taken away.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A video's viewers.
pub(crate) struct Crowd {
    order: watch::Receiver<Order>,
    around: Arc<Surroundings>,
    viewers: Users<Message>,
    shards: Mutex<Vec<Desk>>,
}

/// The way to a shard.
#[derive(Clone)]
struct Desk {
    newcomers: Sender<Member>,
    tally: Arc<Tally>,
}

/// What others see of a shard.
#[derive(Default)]
struct Tally {
    /// How many viewers it has, those on their way included.
    len: AtomicUsize,
    /// Of the frames that lost their content, as many it holds no copy of.
    erased: AtomicU64,
}

impl Crowd {
    /// Nobody yet; ends when `order` does. Counts its `viewers` where others see it.
    pub(crate) fn new(
        order: watch::Receiver<Order>,
        viewers: Users<Message>,
        around: Arc<Surroundings>,
    ) -> Arc<Self> {
        Arc::new(Self { order, around, viewers, shards: Mutex::default() })
    }

    /// How many watch, of either kind.
    pub(crate) fn viewers(&self) -> usize {
        self.viewers.count()
    }

    /// How long news should gather for those who are response bodies: hyper wakes each of them for
    /// whatever there is. Shards have pauses of their own.
    pub(crate) fn pause(&self) -> Duration {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let sockets: usize = shards.iter().map(|desk| desk.tally.len.load(Relaxed)).sum();
        pause(self.viewers().saturating_sub(sockets), self.around.pause_max)
    }

    /// What viewers read.
    pub(crate) fn order(&self) -> &watch::Receiver<Order> {
        &self.order
    }

    /// Waits until no shard holds a copy of what the first `count` frames have lost.
    pub(crate) async fn let_go(&self, count: u64) {
        let tallies: Vec<_> = {
            let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
            shards.iter().map(|desk| desk.tally.clone()).collect()
        };
        for tally in tallies {
            while tally.erased.load(Acquire) < count {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// The emptiest shard, or a new one when all are full and there are threads for more.
    fn desk(&self) -> Desk {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.retain(|desk| !desk.newcomers.is_closed());
        let emptiest = shards.iter().min_by_key(|desk| desk.tally.len.load(Relaxed));
        let threads = tokio::runtime::Handle::current().metrics().num_workers();
        match emptiest {
            Some(desk) if desk.tally.len.load(Relaxed) < SHARD_LEN || shards.len() >= threads => {
                desk.clone()
            }
            _ => {
                let desk = self.start_shard();
                shards.push(desk.clone());
                desk
            }
        }
    }

    fn start_shard(&self) -> Desk {
        let (newcomers, arriving) = inbox(NEWCOMERS_MAX);
        let tally = Arc::new(Tally::default());
        let shard = Shard::new(self.order.clone(), arriving, tally.clone(), &self.around);
        task::spawn("gateway.shard", self.around.tasks.track_future(shard.run()));
        Desk { newcomers, tally }
    }
}

/// The time between the beginnings of two passes to so many viewers.
fn pause(viewers: usize, max: Duration) -> Duration {
    PAUSE_PER_VIEWER.saturating_mul(u32::try_from(viewers).unwrap_or(u32::MAX)).min(max)
}

/// A viewer's place in the crowd: counts as long as it lives.
pub(crate) struct Seat(Arc<Crowd>);

impl Seat {
    pub(crate) fn new(crowd: Arc<Crowd>) -> Self {
        crowd.viewers.enter();
        metrics::counter!("chorus_gateway_streams_total").increment(1);
        metrics::gauge!("chorus_gateway_viewers").increment(1);
        Self(crowd)
    }

    pub(crate) fn crowd(&self) -> &Arc<Crowd> {
        &self.0
    }

    /// Leaves the socket to a shard, which writes what `reader` reads from now on; or ends the
    /// stream when there is none any more, because the video's actor has ended.
    pub(crate) async fn settle(
        self,
        socket: TcpStream,
        reader: Reader,
        ticket: Ticket,
        who: Option<Who>,
    ) {
        let Desk { newcomers, tally } = self.0.desk();
        tally.len.fetch_add(1, Relaxed);
        // The shard counts down what it got; one that has ended is forgotten with its count.
        let member = Member::new(socket, reader, self, ticket, who);
        if let Err(refused) = newcomers.send(member).await {
            refused.end(frame::come_back().freeze());
        }
    }
}

impl std::fmt::Debug for Crowd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crowd").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.viewers.leave();
        metrics::gauge!("chorus_gateway_viewers").decrement(1);
    }
}
