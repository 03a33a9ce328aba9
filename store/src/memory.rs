//! Endpoint store, live log and limiter inside the process, for `chorus all` and for tests; the
//! limiter also for processes that can't reach theirs.
//!
//! A slot per video holds its log and its subscribers under one lock, so that an append answers
//! with both at one instant. Slots are found through 256 buckets, the live log's own.

mod clock;
mod endpoint_store;
mod expiring;
mod ids;
mod limiter;
mod live_log;
mod live_rooms;
mod tallies;
mod video_log;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use common::{
    ambient,
    comment_store::CommentStore,
    ids::VideoId,
    link::Incarnation,
    live_log::{BUCKETS, Retention, bucket_of},
    position::Origin,
    totals::Source,
};
use tokio::{sync::OnceCell, time};

pub use limiter::MemoryLimiter;

use self::{
    clock::Clock, endpoint_store::Gateway, live_rooms::Room, tallies::Numbers, video_log::VideoLog,
};

/// Comments that a log is begun with where there is a history, and that it never drops by age.
const HISTORY_LEN: usize = 200;

/// [`LiveLog`](common::live_log::LiveLog), [`LiveRooms`](common::live_rooms::LiveRooms),
/// [`Tallies`](common::tallies::Tallies) and
/// [`EndpointStore`](common::endpoint_store::EndpointStore) in memory: gone with the process.
pub struct MemoryStore {
    origin: Arc<Origin>,
    retention: Retention,
    history: Option<Arc<dyn CommentStore>>,
    run: String,
    clock: Clock,
    last_epoch: AtomicU64,
    buckets: Vec<Mutex<HashMap<VideoId, Arc<Slot>>>>,
    /// Locked before a slot where both are needed.
    gateways: Mutex<BTreeMap<Incarnation, Gateway>>,
    /// Videos whose rooms are to be filled.
    wanted: Mutex<BTreeSet<VideoId>>,
    /// Locked after `gateways`, before `wanted_totals`.
    numbers: Mutex<BTreeMap<VideoId, Numbers>>,
    wanted_totals: Mutex<BTreeSet<VideoId>>,
    /// Rows that were handed over, to be kept.
    unkept: Mutex<BTreeSet<(VideoId, Source)>>,
}

struct Slot {
    /// Filled once the history is in the log (at once where there is none).
    begun: OnceCell<()>,
    video: Mutex<Video>,
}

struct Video {
    log: VideoLog,
    room: Room,
    subscribers: BTreeSet<Incarnation>,
    touched_ms: u64,
}

impl MemoryStore {
    /// An empty one; its entries carry `origin`.
    #[must_use]
    pub fn new(origin: Arc<Origin>, retention: Retention) -> Self {
        Self {
            origin,
            retention,
            history: None,
            run: ambient::uuid_v7().to_string(),
            clock: Clock::start(),
            last_epoch: AtomicU64::new(0),
            buckets: (0..BUCKETS).map(|_| Mutex::default()).collect(),
            gateways: Mutex::default(),
            wanted: Mutex::default(),
            numbers: Mutex::default(),
            wanted_totals: Mutex::default(),
            unkept: Mutex::default(),
        }
    }

    /// Begins each video's log with its newest 200 comments in `history`, so that a room shows
    /// after a restart what it has; those are kept whatever their age.
    #[must_use]
    pub fn with_history(self, history: Arc<dyn CommentStore>) -> Self {
        Self { history: Some(history), ..self }
    }

    /// Drops what is too old, and with it videos without subscribers that nobody asked for in the
    /// replay window: a viewer that comes back later finds a new epoch, hence `reset`.
    pub fn sweep(&self) {
        let now_ms = self.clock.now_ms();
        let idle_s = self.retention.replay_ttl_s.max(2 * self.retention.dedup_s);
        for bucket in &self.buckets {
            lock(bucket).retain(|_, slot| {
                let mut video = lock(&slot.video);
                self.trim(&mut video.log, now_ms);
                let idle = video.subscribers.is_empty()
                    && video.touched_ms.saturating_add(1_000 * idle_s) < now_ms;
                // Whoever holds the slot besides the bucket got it under the bucket's lock, and is
                // about to use it.
                !idle || Arc::strong_count(slot) > 1
            });
        }
        lock(&self.numbers).retain(|_, numbers| !numbers.is_idle(now_ms));
    }

    /// Sweeps `every` so often, for ever: memory stays bounded while this runs.
    pub async fn keep_swept(&self, every: Duration) {
        loop {
            time::sleep(every).await;
            self.sweep();
        }
    }

    /// The video's slot; a new one, with a new epoch, when there is none.
    fn slot(&self, id: &VideoId) -> Arc<Slot> {
        let mut bucket = lock(&self.buckets[usize::from(bucket_of(id))]);
        if let Some(slot) = bucket.get(id) {
            return Arc::clone(slot);
        }
        let now_us = self.clock.now_us();
        let log = VideoLog::new(clock::claim_epoch(&self.last_epoch, now_us), now_us / 1_000);
        let (room, subscribers) = (Room::default(), BTreeSet::new());
        let video = Video { log, room, subscribers, touched_ms: now_us / 1_000 };
        let begun = OnceCell::new_with(self.history.is_none().then_some(()));
        let slot = Arc::new(Slot { begun, video: Mutex::new(video) });
        bucket.insert(id.clone(), Arc::clone(&slot));
        slot
    }

    fn trim(&self, log: &mut VideoLog, now_ms: u64) {
        let kept_min = if self.history.is_some() { HISTORY_LEN } else { 0 };
        log.trim(&self.retention, kept_min, now_ms);
    }
}

/// Takes at most so many out.
fn pop<T: Ord>(set: &Mutex<BTreeSet<T>>, limit: usize) -> BTreeSet<T> {
    let mut set = lock(set);
    std::iter::from_fn(|| set.pop_first()).take(limit).collect()
}

/// A panic while the lock was held can't leave these half changed: nothing panics in between.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
