//! What this node counts: told to all gateways twice a second, kept in the store every second, and
//! filled from there where it was lost.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use common::{
    comment_store::StoreError,
    counter_store::CounterStore,
    ids::VideoId,
    live_log::LiveLogError,
    outage::Outage,
    tallies::Tallies,
    tally_book::{NoRoom, TallyBook},
    totals::{Counter, Row, Source, Totals},
};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{moderation::filling::NotFilled, views::Views};

/// Between two times that numbers are told, and looks at what is wanted.
const TELL_PERIOD: Duration = Duration::from_millis(500);
/// Between two times that they are kept. With what a store may take, still within the two seconds
/// after which a crash loses nothing.
const KEEP_PERIOD: Duration = Duration::from_secs(1);
/// Views are kept once in so many times: nobody is told that they are.
const VIEWS_ROUNDS: u32 = 5;
/// Videos that are counted at once: 20 MB. Beyond that, those make room that are told and kept; when
/// none can, since the store is away, reactions to further videos are refused.
const VIDEOS_MAX: usize = 65_536;
/// Rows told or kept at once.
const ROWS_MAX: usize = 4_096;
/// Videos of one look that are filled, and of them at once.
const FILLED_MAX: usize = 1_024;
const FILLED_AT_ONCE: usize = 16;

/// Counts.
pub(crate) struct Counting {
    book: TallyBook,
    tallies: Arc<dyn Tallies>,
    store: Arc<dyn CounterStore>,
}

/// A video's numbers, as far as they can be known now.
pub(crate) struct Numbers {
    pub(crate) totals: Totals,
    /// Unknown while those who count them can't be reached.
    pub(crate) viewers: Option<u64>,
}

impl Counting {
    pub(crate) fn new(tallies: Arc<dyn Tallies>, store: Arc<dyn CounterStore>) -> Arc<Self> {
        Arc::new(Self { book: TallyBook::new(VIDEOS_MAX), tallies, store })
    }

    /// Makes room for a video, before something is done that is to be counted.
    ///
    /// # Errors
    /// When there is none: too many wait for a store that is away.
    pub(crate) fn make_room(&self, video: &VideoId) -> Result<(), NoRoom> {
        self.book.make_room(video)
    }

    /// Counts something of a video that there was room for.
    pub(crate) fn count(&self, video: &VideoId, counter: &Counter, count: u64) {
        self.book.add_anyhow(video, counter, count);
    }

    /// Counts something that has happened, if there is room.
    pub(crate) fn note(&self, video: &VideoId, counter: &Counter) {
        if self.book.add(video, counter, 1).is_err() {
            metrics::counter!("chorus_ingest_uncounted_total").increment(1);
        }
    }

    /// Tells what has grown until now: what grows meanwhile has its turn with the next ones.
    pub(crate) async fn tell(&self) -> Result<(), LiveLogError> {
        for rows in self.book.untold().chunks(ROWS_MAX) {
            self.tallies.report(rows).await?;
            self.book.told(rows);
        }
        Ok(())
    }

    /// Keeps what has grown until now.
    pub(crate) async fn keep(&self) -> Result<(), StoreError> {
        for rows in self.book.unkept().chunks(ROWS_MAX) {
            self.store.keep(rows).await?;
            self.book.kept(rows);
        }
        Ok(())
    }

    /// Fills what is wanted. What fails is wanted again by gateways.
    pub(crate) async fn fill_wanted(&self) -> Result<(), NotFilled> {
        let wanted = self.tallies.wanted(FILLED_MAX).await?;
        let filled = stream::iter(wanted).map(async |video| {
            let rows = self.rows(&video).await?;
            Ok(self.tallies.fill(&video, &rows).await?)
        });
        let filled: Vec<Result<(), NotFilled>> =
            filled.buffer_unordered(FILLED_AT_ONCE).collect().await;
        filled.into_iter().collect()
    }

    /// What the store has of a video, and what this node has not kept yet.
    async fn rows(&self, video: &VideoId) -> Result<Vec<Row>, StoreError> {
        let mut rows = self.store.rows(video).await?;
        rows.extend(self.book.row(video));
        Ok(rows)
    }

    /// A video's numbers: those that are live, or else what was kept.
    pub(crate) async fn numbers(&self, video: &VideoId) -> Result<Numbers, StoreError> {
        // Whoever reacted here finds it counted.
        let own: Vec<Row> = self.book.row(video).into_iter().collect();
        let told = self.tallies.report(&own).await;
        let live = match told {
            Ok(()) => self.tallies.tallies(std::slice::from_ref(video)).await.ok(),
            Err(_) => None,
        };
        let live = live.and_then(|mut tallies| tallies.pop());
        let viewers = live.as_ref().map(|tally| tally.viewers);
        let totals = match live.and_then(|tally| tally.totals) {
            Some(totals) => totals,
            None => sum(self.rows(video).await?),
        };
        Ok(Numbers { totals, viewers })
    }
}

/// The greatest of each source, added up.
fn sum(rows: Vec<Row>) -> Totals {
    let mut sources = BTreeMap::<Source, Totals>::new();
    for row in rows {
        sources.entry(row.source).or_default().catch_up(&row.totals);
    }
    let mut sum = Totals::default();
    sources.values().for_each(|totals| sum.add_all(totals));
    sum
}

/// Tells and fills, until the stop.
pub(crate) async fn tell(counting: Arc<Counting>, stop: CancellationToken) {
    let told = Outage::new("tell gateways how often viewers react");
    let filled = Outage::new("fill totals that gateways want");
    while tokio::time::timeout(TELL_PERIOD, stop.cancelled()).await.is_err() {
        let both = async {
            told.note(&counting.tell().await);
            filled.note(&counting.fill_wanted().await);
        };
        stop.run_until_cancelled(both).await;
    }
}

/// Keeps what was counted here and, less often, by gateways, until the stop.
pub(crate) async fn keep(counting: Arc<Counting>, mut views: Views, stop: CancellationToken) {
    let own = Outage::new("keep how often viewers react");
    let gateways = Outage::new("keep how often streams were opened");
    for round in 1.. {
        let is_over = tokio::time::timeout(KEEP_PERIOD, stop.cancelled()).await.is_ok();
        own.note(&counting.keep().await);
        if is_over || round % VIEWS_ROUNDS == 0 {
            gateways.note(&views.run_once().await);
        }
        if is_over {
            break;
        }
    }
}

#[cfg(test)]
mod tests;
