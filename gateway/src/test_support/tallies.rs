//! Numbers that are what a test says; away when told to be.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use common::{
    ids::VideoId,
    link::Incarnation,
    live_log::LiveLogError,
    tallies::{Tallies, Tally, TallyChanges},
    totals::{Row, Totals},
};

#[derive(Default)]
pub(crate) struct Numbers {
    tallies: Mutex<BTreeMap<VideoId, Tally>>,
    /// Those that changed since somebody looked.
    changed: Mutex<Vec<VideoId>>,
    watched: Mutex<Vec<(Incarnation, VideoId, u64)>>,
    reported: Mutex<Vec<Row>>,
    runs: AtomicUsize,
    is_away: AtomicBool,
    refuses_viewers: AtomicBool,
}

impl Numbers {
    pub(crate) fn set(&self, video: &VideoId, totals: &str, viewers: u64) {
        let tally = Tally { totals: Some(totals.parse().unwrap()), viewers };
        self.tallies.lock().unwrap().insert(video.clone(), tally);
        self.changed.lock().unwrap().push(video.clone());
    }

    /// Changes a number and no index tells of it.
    pub(crate) fn set_unnoticed(&self, video: &VideoId, totals: &str, viewers: u64) {
        self.set(video, totals, viewers);
        self.changed.lock().unwrap().clear();
    }

    pub(crate) fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    pub(crate) fn refuse_viewers(&self, refuses: bool) {
        self.refuses_viewers.store(refuses, Ordering::SeqCst);
    }

    /// From now on another server answers.
    pub(crate) fn restart(&self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
    }

    /// What gateways have told since this was asked last.
    pub(crate) fn watched(&self) -> Vec<(Incarnation, VideoId, u64)> {
        std::mem::take(&mut self.watched.lock().unwrap())
    }

    pub(crate) fn reported(&self) -> Vec<Row> {
        std::mem::take(&mut self.reported.lock().unwrap())
    }

    fn check(&self) -> Result<(), LiveLogError> {
        let is_away = self.is_away.load(Ordering::SeqCst);
        if is_away { Err(LiveLogError::Unavailable("away".into())) } else { Ok(()) }
    }

    fn tally(&self, video: &VideoId) -> Tally {
        let none = Tally { totals: Some(Totals::default()), viewers: 0 };
        self.tallies.lock().unwrap().get(video).cloned().unwrap_or(none)
    }
}

#[async_trait]
impl Tallies for Numbers {
    async fn report(&self, _: &[Row]) -> Result<(), LiveLogError> {
        panic!("who has a store tells")
    }

    async fn hand_over(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        self.check()?;
        self.reported.lock().unwrap().extend_from_slice(rows);
        Ok(())
    }

    async fn watched(
        &self,
        by: &Incarnation,
        viewers: &[(VideoId, u64)],
    ) -> Result<(), LiveLogError> {
        self.check()?;
        if self.refuses_viewers.load(Ordering::SeqCst) {
            return Err(LiveLogError::Unavailable("refused".into()));
        }
        let told = viewers.iter().map(|(video, count)| (by.clone(), video.clone(), *count));
        self.watched.lock().unwrap().extend(told);
        Ok(())
    }

    async fn tallies(&self, videos: &[VideoId]) -> Result<Vec<Tally>, LiveLogError> {
        self.check()?;
        Ok(videos.iter().map(|video| self.tally(video)).collect())
    }

    async fn changed(&self, _: &[u16], _: u64) -> Result<TallyChanges, LiveLogError> {
        self.check()?;
        let changed = std::mem::take(&mut *self.changed.lock().unwrap());
        let tallies = changed.into_iter().map(|video| (video.clone(), self.tally(&video)));
        let run = self.runs.load(Ordering::SeqCst).to_string();
        Ok(TallyChanges { run, now_ms: 1_000, tallies: tallies.collect() })
    }

    async fn fill(&self, _: &VideoId, _: &[Row]) -> Result<(), LiveLogError> {
        panic!("ingest fills")
    }

    async fn wanted(&self, _: usize) -> Result<Vec<VideoId>, LiveLogError> {
        panic!("ingest asks")
    }

    async fn unkept(&self, _: usize) -> Result<Vec<Row>, LiveLogError> {
        panic!("ingest asks")
    }
}
