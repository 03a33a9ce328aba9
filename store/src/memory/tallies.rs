//! [`Tallies`] beside the slots: numbers are no part of a video's order.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use async_trait::async_trait;
use common::{
    ids::VideoId,
    link::Incarnation,
    live_log::{LiveLogError, bucket_of},
    tallies::{FILL_AGE_MAX, Tallies, Tally, TallyChanges},
    totals::{Row, Source, Totals},
};

use super::{MemoryStore, lock, pop};

/// How long numbers are kept that nobody told of, milliseconds; and where there are none.
const KEPT_MS: u64 = 24 * 3_600_000;
const NONE_KEPT_MS: u64 = 900_000;

/// A video's numbers.
#[derive(Default)]
pub(super) struct Numbers {
    /// None of them is empty.
    rows: BTreeMap<Source, Totals>,
    filled_ms: Option<u64>,
    viewers: BTreeMap<Incarnation, u64>,
    changed_ms: u64,
}

impl Numbers {
    /// Whether nobody would miss them.
    pub(super) fn is_idle(&self, now_ms: u64) -> bool {
        let kept_ms = if self.rows.is_empty() { NONE_KEPT_MS } else { KEPT_MS };
        let told_ms = self.changed_ms.max(self.filled_ms.unwrap_or(0));
        self.viewers.is_empty() && told_ms.saturating_add(kept_ms) < now_ms
    }

    /// Whether they are to be filled, perhaps again.
    fn is_wanted(&self, now_ms: u64) -> bool {
        let age_ms = |filled_ms| u128::from(now_ms.saturating_sub(filled_ms));
        self.filled_ms.is_none_or(|filled_ms| age_ms(filled_ms) > FILL_AGE_MAX.as_millis())
    }

    /// Forgets a gateway.
    pub(super) fn leave(&mut self, incarnation: &Incarnation, now_ms: u64) {
        if self.viewers.remove(incarnation).is_some() {
            self.changed_ms = now_ms;
        }
    }

    fn take(&mut self, row: &Row, now_ms: u64) {
        if row.totals.weight() == 0 {
            return;
        }
        let known = self.rows.entry(row.source.clone()).or_default();
        if known.catch_up(&row.totals) {
            self.changed_ms = now_ms;
        }
    }

    fn tally(&self, live: &HashSet<Incarnation>) -> Tally {
        let mut totals = Totals::default();
        self.rows.values().for_each(|row| totals.add_all(row));
        let counted = self.viewers.iter().filter(|(incarnation, _)| live.contains(*incarnation));
        let viewers = counted.map(|(_, viewers)| viewers).sum();
        Tally { totals: self.filled_ms.map(|_| totals), viewers }
    }
}

/// The rows of these sources.
fn rows_of(numbers: &BTreeMap<VideoId, Numbers>, sources: BTreeSet<(VideoId, Source)>) -> Vec<Row> {
    let row = |(video, source)| {
        let totals = numbers.get(&video)?.rows.get(&source)?.clone();
        Some(Row { video, source, totals })
    };
    sources.into_iter().filter_map(row).collect()
}

#[async_trait]
impl Tallies for MemoryStore {
    async fn report(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        let now_ms = self.clock.now_ms();
        let mut numbers = lock(&self.numbers);
        for row in rows {
            numbers.entry(row.video.clone()).or_default().take(row, now_ms);
        }
        Ok(())
    }

    async fn hand_over(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        self.report(rows).await?;
        let names = rows.iter().map(|row| (row.video.clone(), row.source.clone()));
        lock(&self.unkept).extend(names);
        Ok(())
    }

    async fn unkept(&self, limit: usize) -> Result<Vec<Row>, LiveLogError> {
        let some = pop(&self.unkept, limit);
        Ok(rows_of(&lock(&self.numbers), some))
    }

    async fn watched(
        &self,
        by: &Incarnation,
        viewers: &[(VideoId, u64)],
    ) -> Result<(), LiveLogError> {
        let now_ms = self.clock.now_ms();
        let mut numbers = lock(&self.numbers);
        for (video, count) in viewers {
            let numbers = numbers.entry(video.clone()).or_default();
            if *count == 0 {
                numbers.leave(by, now_ms);
            } else if numbers.viewers.insert(by.clone(), *count) != Some(*count) {
                numbers.changed_ms = now_ms;
            }
        }
        Ok(())
    }

    async fn tallies(&self, videos: &[VideoId]) -> Result<Vec<Tally>, LiveLogError> {
        let (live, now_ms) = (self.live_incarnations(), self.clock.now_ms());
        let (numbers, mut wanted) = (lock(&self.numbers), lock(&self.wanted_totals));
        let none = Numbers::default();
        let tally = |video| {
            let numbers = numbers.get(video).unwrap_or(&none);
            if numbers.is_wanted(now_ms) {
                wanted.insert(VideoId::clone(video));
            }
            numbers.tally(&live)
        };
        Ok(videos.iter().map(tally).collect())
    }

    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<TallyChanges, LiveLogError> {
        let now_ms = self.clock.now_ms();
        let changed: Vec<_> = {
            let numbers = lock(&self.numbers);
            let changed = numbers.iter().filter(|(video, numbers)| {
                numbers.changed_ms >= since_ms && buckets.contains(&bucket_of(video))
            });
            changed.map(|(video, _)| video.clone()).collect()
        };
        let tallies = self.tallies(&changed).await?;
        let tallies = changed.into_iter().zip(tallies).collect();
        Ok(TallyChanges { run: self.run.clone(), now_ms, tallies })
    }

    async fn fill(&self, video: &VideoId, rows: &[Row]) -> Result<(), LiveLogError> {
        let now_ms = self.clock.now_ms();
        let mut numbers = lock(&self.numbers);
        let numbers = numbers.entry(video.clone()).or_default();
        rows.iter().for_each(|row| numbers.take(row, now_ms));
        if numbers.filled_ms.replace(now_ms).is_none() {
            numbers.changed_ms = now_ms;
        }
        Ok(())
    }

    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        Ok(pop(&self.wanted_totals, limit).into_iter().collect())
    }
}
