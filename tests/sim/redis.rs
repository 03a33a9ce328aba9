//! The simulated Redis: the in-process live log and endpoint store, and a record of the order that
//! it gave to comments, by which viewers are judged. It can be told to do wrong, so that the judge
//! is tried as well.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use common::{
    endpoint_store::EndpointStore,
    event::{EventId, VideoEvents},
    ids::VideoId,
    link::Incarnation,
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage, Retention},
    position::Position,
};
use futures_util::FutureExt;
use store::memory::MemoryStore;
use tokio::time::Instant;

use crate::mutant::Mutant;

/// Every place that was given, by video.
pub(crate) type Orders = HashMap<VideoId, Order>;

/// One video's.
pub(crate) type Order = BTreeMap<Position, Placed>;

/// What got a place, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) event: EventId,
    /// Since the simulation began.
    pub(crate) at_ms: u64,
}

pub(crate) struct Redis {
    pub(crate) memory: MemoryStore,
    orders: Mutex<Orders>,
    mutant: Mutant,
    began: Instant,
}

impl Redis {
    pub(crate) fn new(retention: Retention, mutant: Mutant) -> Self {
        let origin = Arc::new("dc1".parse().unwrap());
        let memory = MemoryStore::new(origin, retention);
        Self { memory, orders: Mutex::default(), mutant, began: Instant::now() }
    }

    pub(crate) fn orders(&self) -> Orders {
        self.orders.lock().unwrap().clone()
    }

    /// The gateways that have viewers of each video that anything was said in.
    pub(crate) fn subscribers(&self) -> Vec<(VideoId, Vec<Incarnation>)> {
        let videos = self.orders().into_keys();
        let with = |video| (VideoId::clone(&video), now(self.memory.subscribers(&video)).unwrap());
        videos.map(with).collect()
    }

    pub(crate) fn forget_subscriptions(&self) {
        for (video, subscribers) in self.subscribers() {
            for gateway in subscribers {
                now(self.memory.unsubscribe(&gateway, &video)).unwrap();
            }
        }
    }

    pub(crate) fn append(&self, batches: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        let videos: Vec<_> = batches.iter().map(|batch| batch.video.clone()).collect();
        let mut answers = now(self.memory.append(self.mutant.appended(batches)));
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        for (video, answer) in videos.into_iter().zip(&mut answers).rev() {
            let Ok(appended) = answer else { continue };
            let mut orders = self.orders.lock().unwrap();
            let order = orders.entry(video).or_default();
            for entry in &appended.entries {
                let placed = Placed { event: entry.event.id, at_ms };
                let noted = order.entry(entry.position).or_insert(placed);
                assert_eq!(noted.event, entry.event.id, "two comments at one place");
            }
        }
        answers
    }

    pub(crate) fn read(
        &self,
        video: &VideoId,
        from: From,
        limit: usize,
    ) -> Result<LogPage, LiveLogError> {
        now(self.memory.read(video, from, limit)).map(|page| self.mutant.read(page))
    }

    pub(crate) fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        now(self.memory.heads(videos)).map(|heads| self.mutant.heads(heads))
    }

    pub(crate) fn changed(&self, buckets: &[u16], since: u64) -> Result<Changes, LiveLogError> {
        now(self.memory.changed(buckets, since)).map(|changes| self.mutant.changed(changes))
    }
}

/// Memory never waits.
pub(crate) fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("memory waited")
}
