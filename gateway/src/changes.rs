//! The look once a second at what changed in the live log: heals what no push told of.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use common::{
    ids::VideoId,
    live_log::{Changes, LiveLog, LiveLogError, bucket_of},
    position::Position,
};
use tokio::task::yield_now;

use crate::registry::Registry;

/// Between looks.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// The index forgets after a minute: whoever looked longer ago re-reads heads.
const GAP_MS_MAX: u64 = 50_000;
/// Looks overlap by this much: a change becomes visible a little after its time stamp.
const OVERLAP_MS: u64 = 1000;
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
        Self { live_log, registry, last: LastLook::default() }
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
        let changes = self.live_log.changed(&buckets, self.last.since_ms).await?;
        let heads: HashMap<_, _> = changes.heads.iter().cloned().collect();
        let seen = videos.iter().filter_map(|video| Some((video, *heads.get(video)?)));
        self.tell(seen).await;
        let due = self.last.due(videos, &changes);
        if !due.is_empty() {
            let heads = self.live_log.heads(&due).await?;
            self.tell(due.iter().zip(heads)).await;
        }
        self.last.followed_by(changes);
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

/// What the last look saw.
#[derive(Debug, Default)]
struct LastLook {
    run: String,
    /// From when on the next look asks for changes.
    since_ms: u64,
    round: u16,
}

impl LastLook {
    /// Videos whose heads are to be read whatever changed: those whose turn it is, or all when
    /// changes could have gone unseen since. That is so when the log is another than it was, when
    /// the last look is too long ago, and when the log's clock went back: what was appended since
    /// then carries times before those asked for.
    fn due(&self, videos: Vec<VideoId>, changes: &Changes) -> Vec<VideoId> {
        let elapsed_ms = changes.now_ms.checked_sub(self.since_ms);
        let saw_all =
            changes.run == self.run && elapsed_ms.is_some_and(|elapsed| elapsed < GAP_MS_MAX);
        let is_due = |video: &VideoId| !saw_all || bucket_of(video) % ROUNDS == self.round;
        videos.into_iter().filter(is_due).collect()
    }

    fn followed_by(&mut self, changes: Changes) {
        self.run = changes.run;
        self.since_ms = changes.now_ms.saturating_sub(OVERLAP_MS);
        self.round = (self.round + 1) % ROUNDS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(run: &str, now_ms: u64) -> Changes {
        Changes { run: run.into(), now_ms, heads: vec![] }
    }

    fn videos() -> Vec<VideoId> {
        (0..100).map(|n| format!("v{n}").parse().unwrap()).collect()
    }

    /// How many heads each look of a sequence reads, after a first one at 100 s.
    fn due(looks: &[(&str, u64)]) -> Vec<usize> {
        let mut last = LastLook::default();
        assert_eq!(last.due(videos(), &changes("a", 100_000)).len(), 100, "the first reads all");
        last.followed_by(changes("a", 100_000));
        let look = |(run, now_ms): &(&str, u64)| {
            let changes = changes(run, *now_ms);
            let due = last.due(videos(), &changes).len();
            last.followed_by(changes);
            due
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn every_head_is_read_once_in_thirty_looks() {
        let looks: Vec<_> = (101..131).map(|second| ("a", second * 1000)).collect();
        let due = due(&looks);
        assert_eq!(due.iter().sum::<usize>(), 100);
        assert!(due.iter().all(|due| *due < 20), "spread out: {due:?}");
    }

    #[test]
    fn all_heads_are_read_when_changes_could_have_gone_unseen() {
        assert_eq!(due(&[("b", 101_000)]), [100], "another server");
        assert_eq!(due(&[("a", 150_000)]), [100], "a long pause");
        assert_eq!(due(&[("a", 90_000)]), [100], "its clock went back");
        assert!(due(&[("a", 99_500)])[0] < 20, "by less than looks overlap: nothing is lost");
    }
}
