//! Numbers: every half second this gateway tells how many viewers each of its videos has and how often
//! its streams were opened, and looks at what changed of the sums over all gateways and ingest nodes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use common::{
    ids::VideoId,
    link::Incarnation,
    live_log::{LiveLogError, bucket_of},
    tallies::{Tallies, Tally},
    tally_book::TallyBook,
};
use tokio::task::yield_now;

use crate::{last_look::LastLook, lease::Lease, registry::Registry};

/// Between looks: what changes oftener is told to viewers with the last number.
pub(crate) const PERIOD: Duration = Duration::from_millis(500);
/// Videos whose openings are counted until they are told. When all of them wait for a Redis that is
/// away, those of further videos are not counted.
pub(crate) const VIEWED_MAX: usize = 65_536;
/// Every video's numbers are told and read once in so many looks, a part of them at each.
const ROUNDS: u16 = 120;
/// Rows told at once.
const ROWS_MAX: usize = 4_096;
/// Videos that are told before other tasks have their turn.
const TOLD_AT_ONCE: usize = 16;

/// Tells this gateway's numbers, and its videos what all of them are.
pub(crate) struct Counting {
    tallies: Arc<dyn Tallies>,
    registry: Arc<Registry>,
    lease: Arc<Lease>,
    views: Arc<TallyBook>,
    /// Viewers as they were told last, and by which incarnation; nothing stands for none.
    told: HashMap<VideoId, u64>,
    told_by: Incarnation,
    /// Videos that had no room for what they were to be told.
    untold: BTreeSet<VideoId>,
    last: LastLook,
}

impl Counting {
    pub(crate) fn new(
        tallies: Arc<dyn Tallies>,
        registry: Arc<Registry>,
        lease: Arc<Lease>,
        views: Arc<TallyBook>,
    ) -> Self {
        let (told, told_by, untold) = (HashMap::new(), lease.incarnation(), BTreeSet::new());
        let last = LastLook::new(ROUNDS);
        Self { tallies, registry, lease, views, told, told_by, untold, last }
    }

    /// Tells once, then looks once. What fails, perhaps for some videos alone, keeps nothing else back.
    pub(crate) async fn run_once(&mut self) -> Result<(), LiveLogError> {
        let viewers = self.tell_viewers().await;
        let views = self.tell_views().await;
        let looked = self.look().await;
        viewers.and(views).and(looked)
    }

    async fn tell_viewers(&mut self) -> Result<(), LiveLogError> {
        let by = self.lease.incarnation();
        if by != self.told_by {
            self.told.clear();
            self.told_by = by;
        }
        let now = self.registry.viewers();
        let is_news = |(video, viewers): &(VideoId, u64)| {
            let told = self.told.get(video).copied().unwrap_or(0);
            told != *viewers || *viewers > 0 && self.last.has_turn(video)
        };
        let mut news: Vec<_> = now.iter().filter(|now| is_news(now)).cloned().collect();
        let left: Vec<_> = self.told.keys().filter(|video| !self.registry.has(video)).collect();
        news.extend(left.into_iter().map(|video| (video.clone(), 0)));
        if news.is_empty() {
            return Ok(());
        }
        self.tallies.watched(&self.told_by, &news).await?;
        for (video, viewers) in news {
            if viewers == 0 {
                self.told.remove(&video);
            } else {
                self.told.insert(video, viewers);
            }
        }
        Ok(())
    }

    async fn tell_views(&self) -> Result<(), LiveLogError> {
        for rows in self.views.untold().chunks(ROWS_MAX) {
            self.tallies.hand_over(rows).await?;
            self.views.told(rows);
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), LiveLogError> {
        let videos = self.registry.videos();
        let buckets: BTreeSet<u16> = videos.iter().map(bucket_of).collect();
        if buckets.is_empty() {
            return Ok(());
        }
        let buckets: Vec<u16> = buckets.into_iter().collect();
        let changes = self.tallies.changed(&buckets, self.last.since_ms()).await?;
        let (run, now_ms) = (changes.run, changes.now_ms);
        if self.last.is_interrupted(&run, now_ms) {
            // Whoever answers now may know nothing of what was told.
            self.told.clear();
            self.views.tell_all_again();
        }
        let mut due: BTreeSet<VideoId> = std::mem::take(&mut self.untold);
        due.extend(self.last.due(videos, &run, now_ms));
        due.retain(|video| self.registry.has(video));
        changes.tallies.iter().for_each(|(video, _)| _ = due.remove(video));
        self.tell(changes.tallies).await;
        let due: Vec<VideoId> = due.into_iter().collect();
        self.last.followed_by(run, now_ms);
        if due.is_empty() {
            return Ok(());
        }
        match self.tallies.tallies(&due).await {
            Ok(tallies) => self.tell(due.into_iter().zip(tallies)).await,
            Err(error) => {
                self.untold.extend(due);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells the videos, a few at a time: a thousand that are told at once hold up comments.
    async fn tell(&mut self, tallies: impl IntoIterator<Item = (VideoId, Tally)>) {
        for (told, (video, tally)) in tallies.into_iter().enumerate() {
            if told % TOLD_AT_ONCE == TOLD_AT_ONCE - 1 {
                yield_now().await;
            }
            if !self.registry.tally(&video, tally) {
                self.untold.insert(video);
            }
        }
    }
}

#[cfg(test)]
mod tests;
