//! [`Tallies`] beside the slots: numbers are no part of a video's order.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use common::{
    ids::VideoId,
    link::Incarnation,
    live_log::{LiveLogError, bucket_of},
    tallies::{Tallies, Tally, TallyChanges},
    totals::{Row, Source, Totals},
};

use super::{MemoryStore, lock};

/// How long numbers are kept that nobody told of, milliseconds.
const KEPT_MS: u64 = 24 * 3_600_000;

/// A video's numbers.
#[derive(Default)]
pub(super) struct Numbers {
    rows: BTreeMap<Source, Totals>,
    is_filled: bool,
    viewers: BTreeMap<Incarnation, u64>,
    changed_ms: u64,
}

impl Numbers {
    /// Whether nobody would miss them.
    pub(super) fn is_idle(&self, now_ms: u64) -> bool {
        self.viewers.is_empty() && self.changed_ms.saturating_add(KEPT_MS) < now_ms
    }

    /// Forgets a gateway.
    pub(super) fn leave(&mut self, incarnation: &Incarnation, now_ms: u64) {
        if self.viewers.remove(incarnation).is_some() {
            self.changed_ms = now_ms;
        }
    }

    fn take(&mut self, row: &Row, now_ms: u64) {
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
        Tally { totals: self.is_filled.then_some(totals), viewers }
    }
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
        let live = self.live_incarnations();
        let (numbers, mut wanted) = (lock(&self.numbers), lock(&self.wanted_totals));
        let none = Numbers::default();
        let tally = |video| {
            let tally = numbers.get(video).unwrap_or(&none).tally(&live);
            if tally.totals.is_none() {
                wanted.insert(VideoId::clone(video));
            }
            tally
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
        (numbers.is_filled, numbers.changed_ms) = (true, now_ms);
        Ok(())
    }

    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        let mut wanted = lock(&self.wanted_totals);
        let some: Vec<_> = wanted.iter().take(limit).cloned().collect();
        some.iter().for_each(|video| _ = wanted.remove(video));
        Ok(some)
    }

    async fn rows(&self, videos: &[VideoId]) -> Result<Vec<Row>, LiveLogError> {
        let numbers = lock(&self.numbers);
        let of = |video: &VideoId| {
            let rows = numbers.get(video).map(|numbers| &numbers.rows).into_iter().flatten();
            let row = |(source, totals): (&Source, &Totals)| Row {
                video: video.clone(),
                source: source.clone(),
                totals: totals.clone(),
            };
            rows.map(row).collect::<Vec<_>>()
        };
        Ok(videos.iter().flat_map(of).collect())
    }
}
