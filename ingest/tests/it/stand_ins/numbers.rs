//! Numbers as gateways would know them, and where they are kept; each fails on demand.

use std::{
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
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
    unkept: Mutex<Vec<Row>>,
    is_away: AtomicBool,
    gives_nothing: AtomicBool,
}

impl Live {
    /// From now on nobody is told what is wanted, or to be kept.
    pub(crate) fn give_nothing(&self) {
        self.gives_nothing.store(true, Ordering::SeqCst);
    }

    async fn give<T>(&self, all: &Mutex<Vec<T>>, limit: usize) -> Result<Vec<T>, LiveLogError> {
        self.check()?;
        if self.gives_nothing.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
        let mut all = all.lock().unwrap();
        let some = limit.min(all.len());
        Ok(all.drain(..some).collect())
    }

    pub(crate) fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    pub(crate) fn want(&self, video: &str) {
        self.wanted.lock().unwrap().push(video.parse().unwrap());
    }

    /// Has a gateway tell something.
    pub(crate) fn put(&self, video: &str, source: &str, totals: &str) {
        let (video, source) = (video.parse().unwrap(), source.parse().unwrap());
        let row = Row { video, source, totals: totals.parse().unwrap() };
        self.rows.lock().unwrap().push(row.clone());
        self.unkept.lock().unwrap().push(row);
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

    async fn hand_over(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        self.report(rows).await?;
        self.unkept.lock().unwrap().extend_from_slice(rows);
        Ok(())
    }

    async fn unkept(&self, limit: usize) -> Result<Vec<Row>, LiveLogError> {
        self.give(&self.unkept, limit).await
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
        panic!("gateways ask")
    }

    async fn fill(&self, video: &VideoId, rows: &[Row]) -> Result<(), LiveLogError> {
        self.report(rows).await?;
        self.filled.lock().unwrap().push(video.clone());
        Ok(())
    }

    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        self.give(&self.wanted, limit).await
    }
}

/// What was kept.
#[derive(Default)]
pub(crate) struct Counters {
    rows: Mutex<Vec<Row>>,
    is_away: AtomicBool,
    refused: Mutex<Option<VideoId>>,
}

impl Counters {
    /// Takes nothing from now on that has this video in it.
    pub(crate) fn refuse(&self, video: &str) {
        *self.refused.lock().unwrap() = Some(video.parse().unwrap());
    }

    /// Of how many videos something was kept, if nothing was twice.
    pub(crate) fn videos(&self) -> usize {
        self.rows.lock().unwrap().len()
    }

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
        let refused = self.refused.lock().unwrap().clone();
        if rows.iter().any(|row| Some(&row.video) == refused.as_ref()) {
            return Err(StoreError::Unavailable("one of them".into()));
        }
        self.rows.lock().unwrap().extend_from_slice(rows);
        Ok(())
    }

    async fn rows(&self, video: &VideoId) -> Result<Vec<Row>, StoreError> {
        self.check()?;
        let rows = self.rows.lock().unwrap();
        Ok(rows.iter().filter(|row| row.video == *video).cloned().collect())
    }
}
