//! The look once a second at what changed in the live log: heals what no push told of.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use common::{
    ids::VideoId,
    live_log::{Changes, LiveLog, LiveLogError, bucket_of},
};

use crate::registry::Registry;

/// Between looks.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// The index forgets after a minute: whoever looked longer ago re-reads heads.
const GAP_MS_MAX: u64 = 50_000;
/// Looks overlap by this much: a change becomes visible a little after its time stamp.
const OVERLAP_MS: u64 = 1000;
/// Every video's head is read once in so many looks, a part of them at each.
const ROUNDS: u16 = 30;

/// What the last look saw.
pub(crate) struct Watcher {
    live_log: Arc<dyn LiveLog>,
    registry: Arc<Registry>,
    run: String,
    since_ms: u64,
    round: u16,
}

impl Watcher {
    pub(crate) fn new(live_log: Arc<dyn LiveLog>, registry: Arc<Registry>) -> Self {
        Self { live_log, registry, run: String::new(), since_ms: 0, round: 0 }
    }

    /// One look: at what changed in the buckets of the videos served, and at the heads of a part
    /// of them (of all, when the log is not the one it was).
    pub(crate) async fn run_once(&mut self) -> Result<(), LiveLogError> {
        let videos = self.registry.videos();
        if videos.is_empty() {
            return Ok(());
        }
        let buckets: BTreeSet<u16> = videos.iter().map(bucket_of).collect();
        let buckets: Vec<u16> = buckets.into_iter().collect();
        let Changes { run, now_ms, heads } = self.live_log.changed(&buckets, self.since_ms).await?;
        let heads: HashMap<_, _> = heads.into_iter().collect();
        for video in &videos {
            if let Some(head) = heads.get(video) {
                self.registry.head(video, *head);
            }
        }
        let seen_all = run == self.run && now_ms.saturating_sub(self.since_ms) < GAP_MS_MAX;
        let due: Vec<VideoId> =
            videos.into_iter().filter(|video| !seen_all || self.is_due(video)).collect();
        if !due.is_empty() {
            for (video, head) in due.iter().zip(self.live_log.heads(&due).await?) {
                self.registry.head(video, head);
            }
        }
        self.run = run;
        self.since_ms = now_ms.saturating_sub(OVERLAP_MS);
        self.round = (self.round + 1) % ROUNDS;
        Ok(())
    }

    fn is_due(&self, video: &VideoId) -> bool {
        bucket_of(video) % ROUNDS == self.round
    }
}
