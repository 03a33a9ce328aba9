//! What this node counts: told to all gateways twice a second, kept in the store every second, and
//! filled from there where it was lost.

use std::{collections::BTreeMap, fmt::Display, sync::Arc, time::Duration};

use common::{
    comment_store::StoreError,
    counter_store::CounterStore,
    ids::VideoId,
    live_log::LiveLogError,
    outage::Outage,
    tallies::Tallies,
    tally_book::{NoRoom, TallyBook},
    task,
    totals::{Counter, Row, Source, Totals},
};
use futures_util::{StreamExt, stream};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{moderation::filling::NotFilled, views::Views};

/// Between two times that numbers are told, and two looks at what is wanted.
const TELL_PERIOD: Duration = Duration::from_millis(500);
const FILL_PERIOD: Duration = Duration::from_millis(500);
/// Between two times that they are kept. With what a store may take, still within the two seconds
/// after which a crash loses nothing.
const KEEP_PERIOD: Duration = Duration::from_secs(1);
/// The same of views, of which nobody was told that they are.
const VIEWS_PERIOD: Duration = Duration::from_secs(5);
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
    views: Views,
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
        let views = Views { tallies: tallies.clone(), store: store.clone() };
        Arc::new(Self { book: TallyBook::new(VIDEOS_MAX), views, tallies, store })
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

    /// Does again and again what counting takes, until the stop: each by itself, so that none waits for
    /// what another one waits for. What was counted before the stop is told and kept once more after it;
    /// the tasks that do so are given back.
    pub(crate) fn start(self: &Arc<Self>, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
        let again =
            |period, what| Again { counting: self.clone(), period, what, stop: stop.clone() };
        let filling = again(FILL_PERIOD, "fill totals that gateways want");
        let filling = filling.run(|counting| async move { counting.fill_wanted().await });
        let filling = stop.clone().run_until_cancelled_owned(filling);
        task::spawn("ingest.totals", async move { _ = filling.await });
        let telling = again(TELL_PERIOD, "tell gateways how often viewers react");
        let telling = telling.run(|counting| async move { counting.tell().await });
        let keeping = again(KEEP_PERIOD, "keep how often viewers react");
        let keeping = keeping.run(|counting| async move { counting.keep().await });
        let views = again(VIEWS_PERIOD, "keep how often streams were opened");
        let views = views.run(|counting| async move { counting.views.keep().await });
        vec![
            task::spawn("ingest.telling", telling),
            task::spawn("ingest.keeping", keeping),
            task::spawn("ingest.views", views),
        ]
    }

    /// Keeps what was counted, and then tells it: nobody else knows that there is more than was told.
    /// Where that fails, it is told by the next fill of what was kept.
    ///
    /// # Errors
    /// When it could not be kept.
    pub(crate) async fn finish(&self) -> Result<(), StoreError> {
        let kept = self.keep().await;
        let (told, views) = (self.tell().await, self.views.keep().await);
        let failed = told.err().map(NotFilled::from).or(views.err());
        if let Some(error) = failed {
            tracing::warn!(%error, "not all that was counted last is told, or kept for gateways");
        }
        kept
    }

    /// Tells what has grown until now: what grows meanwhile has its turn with the next ones.
    async fn tell(&self) -> Result<(), LiveLogError> {
        let mut all = Ok(());
        for rows in self.book.untold().chunks(ROWS_MAX) {
            let told = self.tallies.report(rows).await;
            if told.is_ok() {
                self.book.told(rows);
            }
            all = all.and(told);
        }
        all
    }

    /// Keeps what has grown until now.
    async fn keep(&self) -> Result<(), StoreError> {
        let mut all = Ok(());
        for rows in self.book.unkept().chunks(ROWS_MAX) {
            let kept = self.store.keep(rows).await;
            if kept.is_ok() {
                self.book.kept(rows);
            }
            all = all.and(kept);
        }
        all
    }

    /// Fills what is wanted. What fails is wanted again by gateways.
    async fn fill_wanted(&self) -> Result<(), NotFilled> {
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

/// Something that is done again and again until the stop, and once after it.
struct Again {
    counting: Arc<Counting>,
    period: Duration,
    /// For the log, when it can't be done.
    what: &'static str,
    stop: CancellationToken,
}

impl Again {
    async fn run<E: Display, D: Future<Output = Result<(), E>>>(
        self,
        once: impl Fn(Arc<Counting>) -> D,
    ) {
        let outage = Outage::new(self.what);
        loop {
            let is_over = timeout(self.period, self.stop.cancelled()).await.is_ok();
            outage.note(&once(self.counting.clone()).await);
            if is_over {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
