//! The look once a second at what changed in the live log: heals what no push told of.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use common::{
    ids::VideoId,
    live_log::{LiveLog, LiveLogError, bucket_of},
    position::Position,
};
use tokio::task::yield_now;

use crate::{last_look::LastLook, registry::Registry};

/// Between looks.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// Videos that are told before other tasks have their turn.
const TOLD_AT_ONCE: usize = 16;
/// Every video's head is read once in so many looks, a part of them at each.
const ROUNDS: u16 = 30;

/// Looks, and tells the videos what it saw.
pub(crate) struct Watcher {
    live_log: Arc<dyn LiveLog>,
    registry: Arc<Registry>,
    last: LastLook,
}

impl Watcher {
    pub(crate) fn new(live_log: Arc<dyn LiveLog>, registry: Arc<Registry>) -> Self {
        Self { live_log, registry, last: LastLook::new(ROUNDS) }
    }

    /// One look: at what changed in the buckets of the videos served, and at the heads of a part
    /// of them (of all, when changes alone can't be trusted).
    pub(crate) async fn run_once(&mut self) -> Result<(), LiveLogError> {
        let videos = self.registry.videos();
        if videos.is_empty() {
            return Ok(());
        }
        let buckets: BTreeSet<u16> = videos.iter().map(bucket_of).collect();
        let buckets: Vec<u16> = buckets.into_iter().collect();
        let changes = self.live_log.changed(&buckets, self.last.since_ms()).await?;
        let heads: HashMap<_, _> = changes.heads.iter().cloned().collect();
        let seen = videos.iter().filter_map(|video| Some((video, *heads.get(video)?)));
        self.tell(seen).await;
        let due = self.last.due(videos, &changes.run, changes.now_ms);
        if !due.is_empty() {
            let heads = self.live_log.heads(&due).await?;
            self.tell(due.iter().zip(heads)).await;
        }
        self.last.followed_by(changes.run, changes.now_ms);
        Ok(())
    }

    /// Tells the videos, a few at a time: a thousand that are told at once hold up comments.
    async fn tell(&self, heads: impl Iterator<Item = (&VideoId, Position)>) {
        for (told, (video, head)) in heads.enumerate() {
            if told % TOLD_AT_ONCE == TOLD_AT_ONCE - 1 {
                yield_now().await;
            }
            self.registry.head(video, head);
        }
    }
}
