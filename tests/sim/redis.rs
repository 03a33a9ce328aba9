//! The simulated Redis: the in-process live log and endpoint store, and a record of the order that
//! it gave to comments, by which viewers are judged. It can be told to do wrong, so that the judge
//! is tried as well.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use common::{
    endpoint_store::EndpointStore,
    event::{Event, EventId, VideoEvents},
    ids::VideoId,
    link::{Endpoint, Incarnation},
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage, Retention},
    live_rooms::LiveRooms,
    position::Position,
};
use futures_util::FutureExt;
use store::memory::MemoryStore;
use tokio::time::Instant;

use crate::{mutant::Mutant, network::Node};

/// How long a lease from a snapshot may run.
const LEASE: Duration = Duration::from_secs(3);

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
    retention: Retention,
    /// Servers that were master, the newest last.
    masters: Mutex<Vec<Arc<MemoryStore>>>,
    /// Who has not noticed yet that there is a newer one.
    left_behind: Mutex<HashSet<Node>>,
    /// Gateways whose lease a snapshot brought back: it is of another run, so it is none.
    of_another_run: Mutex<HashSet<Incarnation>>,
    is_down: AtomicBool,
    orders: Mutex<Orders>,
    mutant: Mutant,
    began: Instant,
}

impl Redis {
    pub(crate) fn new(retention: Retention, mutant: Mutant) -> Self {
        Self {
            retention,
            masters: Mutex::new(vec![empty(retention)]),
            left_behind: Mutex::default(),
            of_another_run: Mutex::default(),
            is_down: AtomicBool::new(false),
            orders: Mutex::default(),
            mutant,
            began: Instant::now(),
        }
    }

    /// The server that a node talks to.
    pub(crate) fn of(&self, node: Node) -> Arc<MemoryStore> {
        let masters = self.masters.lock().unwrap();
        let behind = usize::from(self.is_left_behind(node));
        masters[masters.len().saturating_sub(1 + behind)].clone()
    }

    /// Whether a node talks to a master that was replaced.
    pub(crate) fn is_left_behind(&self, node: Node) -> bool {
        self.left_behind.lock().unwrap().contains(&node)
    }

    fn newest(&self) -> Arc<MemoryStore> {
        self.masters.lock().unwrap().last().unwrap().clone()
    }

    /// Nobody gets an answer but that nobody is there; or it is there again.
    pub(crate) fn be_down(&self, is_down: bool) {
        self.is_down.store(is_down, Relaxed);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.is_down.load(Relaxed)
    }

    /// It has lost everything.
    pub(crate) fn lose_all(&self) {
        self.masters.lock().unwrap().push(empty(self.retention));
        self.left_behind.lock().unwrap().clear();
    }

    /// It has lost its logs, which a new run of the server begins anew; of who is subscribed it knows
    /// what it knew at `snapshot`.
    pub(crate) fn roll_back(&self, snapshot: &Snapshot) {
        self.lose_all();
        let server = self.newest();
        for endpoint in &snapshot.live {
            now(server.register(endpoint, LEASE)).unwrap();
            self.of_another_run.lock().unwrap().insert(endpoint.incarnation.clone());
        }
        for (video, subscribers) in &snapshot.subscribers {
            for subscriber in subscribers {
                // One whose lease had run out is not among the living.
                let _ = now(server.subscribe(subscriber, video));
            }
        }
    }

    /// Another server becomes master, and has nothing of what this one has. Some don't notice.
    pub(crate) fn fail_over(&self, left_behind: impl IntoIterator<Item = Node>) {
        self.lose_all();
        self.left_behind.lock().unwrap().extend(left_behind);
    }

    /// Everybody has noticed.
    pub(crate) fn follow(&self) {
        self.left_behind.lock().unwrap().clear();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let live = now(self.newest().live()).unwrap();
        Snapshot { live, subscribers: self.subscribers() }
    }

    pub(crate) fn renew(&self, from: Node, who: &Incarnation, ttl: Duration) -> bool {
        let server = self.of(from);
        if self.of_another_run.lock().unwrap().contains(who) {
            now(server.remove(who)).unwrap();
        }
        now(server.renew(who, ttl)).unwrap()
    }

    pub(crate) fn orders(&self) -> Orders {
        self.orders.lock().unwrap().clone()
    }

    /// The gateways that have viewers of each video that anything was said in.
    pub(crate) fn subscribers(&self) -> Vec<(VideoId, Vec<Incarnation>)> {
        let videos = self.orders().into_keys();
        let server = self.newest();
        let with = |video| (VideoId::clone(&video), now(server.subscribers(&video)).unwrap());
        videos.map(with).collect()
    }

    pub(crate) fn forget_subscriptions(&self) {
        for (video, subscribers) in self.subscribers() {
            for gateway in subscribers {
                now(self.newest().unsubscribe(&gateway, &video)).unwrap();
            }
        }
    }

    pub(crate) fn append(
        &self,
        from: Node,
        batches: Vec<VideoEvents>,
    ) -> Vec<Result<Appended, LiveLogError>> {
        let videos: Vec<_> = batches.iter().map(|batch| batch.video.clone()).collect();
        let mut answers = now(self.of(from).append(self.mutant.appended(batches)));
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
        node: Node,
        video: &VideoId,
        from: From,
        limit: usize,
    ) -> Result<LogPage, LiveLogError> {
        now(self.of(node).read(video, from, limit)).map(|page| self.mutant.read(page))
    }

    pub(crate) fn heads(
        &self,
        node: Node,
        videos: &[VideoId],
    ) -> Result<Vec<Position>, LiveLogError> {
        now(self.of(node).heads(videos)).map(|heads| self.mutant.heads(heads))
    }

    pub(crate) fn changed(
        &self,
        node: Node,
        buckets: &[u16],
        since: u64,
    ) -> Result<Changes, LiveLogError> {
        now(self.of(node).changed(buckets, since)).map(|changes| self.mutant.changed(changes))
    }

    pub(crate) fn rooms(
        &self,
        node: Node,
        videos: &[VideoId],
    ) -> Result<Vec<Option<Vec<Event>>>, LiveLogError> {
        now(self.of(node).rooms(videos))
    }

    pub(crate) fn fill(
        &self,
        node: Node,
        video: &VideoId,
        events: &[Event],
    ) -> Result<(), LiveLogError> {
        now(self.of(node).fill(video, events))
    }

    pub(crate) fn wanted(&self, node: Node, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        now(self.of(node).wanted(limit))
    }
}

/// Who lived, and who was subscribed, at some time.
pub(crate) struct Snapshot {
    live: Vec<Endpoint>,
    subscribers: Vec<(VideoId, Vec<Incarnation>)>,
}

fn empty(retention: Retention) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Arc::new("dc1".parse().unwrap()), retention))
}

/// Memory never waits.
pub(crate) fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("memory waited")
}
