//! Numbers as gateways would know them, and where they are kept; each fails on demand.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use common::{
    comment_store::StoreError,
    counter_store::CounterStore,
    ids::VideoId,
    link::Incarnation,
    live_log::LiveLogError,
    tallies::{Tallies, Tally, TallyChanges},
    totals::{Row, Totals},
};

/// What was told, what was filled, what is wanted.
#[derive(Default)]
pub(crate) struct Live {
    rows: Mutex<Vec<Row>>,
    filled: Mutex<Vec<VideoId>>,
    wanted: Mutex<Vec<VideoId>>,
    is_away: AtomicBool,
}

impl Live {
    pub(crate) fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    pub(crate) fn want(&self, video: &str) {
        self.wanted.lock().unwrap().push(video.parse().unwrap());
    }

    /// Has a gateway tell something.
    pub(crate) fn put(&self, video: &str, source: &str, totals: &str) {
        let (video, source) = (video.parse().unwrap(), source.parse().unwrap());
        self.rows.lock().unwrap().push(Row { video, source, totals: totals.parse().unwrap() });
    }

    /// Everything is lost.
    pub(crate) fn forget(&self) {
        self.rows.lock().unwrap().clear();
        self.filled.lock().unwrap().clear();
    }

    /// What all sources have counted of a video, as text.
    pub(crate) fn totals(&self, video: &str) -> String {
        sum(&self.rows.lock().unwrap(), &video.parse().unwrap()).to_string()
    }

    fn check(&self) -> Result<(), LiveLogError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(LiveLogError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

/// The last row of each source, added up.
fn sum(rows: &[Row], video: &VideoId) -> Totals {
    let mut last = std::collections::BTreeMap::<_, Totals>::new();
    for row in rows.iter().filter(|row| row.video == *video) {
        last.entry(&row.source).or_default().catch_up(&row.totals);
    }
    let mut sum = Totals::default();
    last.values().for_each(|totals| sum.add_all(totals));
    sum
}

#[async_trait]
impl Tallies for Live {
    async fn report(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        self.check()?;
        self.rows.lock().unwrap().extend_from_slice(rows);
        Ok(())
    }

    async fn watched(&self, _: &Incarnation, _: &[(VideoId, u64)]) -> Result<(), LiveLogError> {
        panic!("gateways tell")
    }

    async fn tallies(&self, videos: &[VideoId]) -> Result<Vec<Tally>, LiveLogError> {
        self.check()?;
        let (rows, filled) = (self.rows.lock().unwrap(), self.filled.lock().unwrap());
        let tally = |video| {
            let totals = filled.contains(video).then(|| sum(&rows, video));
            Tally { totals, viewers: 3 }
        };
        Ok(videos.iter().map(tally).collect())
    }

    async fn changed(&self, _: &[u16], _: u64) -> Result<TallyChanges, LiveLogError> {
        self.check()?;
        let rows = self.rows.lock().unwrap();
        let unknown = || Tally { totals: None, viewers: 0 };
        let tallies = rows.iter().map(|row| (row.video.clone(), unknown())).collect();
        Ok(TallyChanges { run: "run".into(), now_ms: 0, tallies })
    }

    async fn fill(&self, video: &VideoId, rows: &[Row]) -> Result<(), LiveLogError> {
        self.report(rows).await?;
        self.filled.lock().unwrap().push(video.clone());
        Ok(())
    }

    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        self.check()?;
        let mut wanted = self.wanted.lock().unwrap();
        let some = limit.min(wanted.len());
        Ok(wanted.drain(..some).collect())
    }

    async fn rows(&self, videos: &[VideoId]) -> Result<Vec<Row>, LiveLogError> {
        self.check()?;
        let rows = self.rows.lock().unwrap();
        Ok(rows.iter().filter(|row| videos.contains(&row.video)).cloned().collect())
    }
}

/// What was kept.
#[derive(Default)]
pub(crate) struct Counters {
    rows: Mutex<Vec<Row>>,
    is_away: AtomicBool,
}

impl Counters {
    pub(crate) fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Has another node keep something.
    pub(crate) fn put(&self, video: &str, source: &str, totals: &str) {
        let (video, source) = (video.parse().unwrap(), source.parse().unwrap());
        self.rows.lock().unwrap().push(Row { video, source, totals: totals.parse().unwrap() });
    }

    /// What all sources have kept of a video, as text.
    pub(crate) fn totals(&self, video: &str) -> String {
        sum(&self.rows.lock().unwrap(), &video.parse().unwrap()).to_string()
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl CounterStore for Counters {
    async fn keep(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.check()?;
        self.rows.lock().unwrap().extend_from_slice(rows);
        Ok(())
    }

    async fn rows(&self, video: &VideoId) -> Result<Vec<Row>, StoreError> {
        self.check()?;
        let rows = self.rows.lock().unwrap();
        Ok(rows.iter().filter(|row| row.video == *video).cloned().collect())
    }
}
