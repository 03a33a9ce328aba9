//! Keeps what gateways have counted, which have no store: every node keeps what it hears of, so that
//! one is enough.

use std::{collections::HashMap, sync::Arc};

use common::{
    counter_store::CounterStore,
    ids::VideoId,
    live_log::BUCKETS,
    tallies::Tallies,
    totals::{Counter, Row, Source},
};

use crate::moderation::filling::NotFilled;

/// Looks overlap by this much: a change becomes visible a little after its time stamp.
const OVERLAP_MS: u64 = 1_000;
/// Videos whose rows are read at once.
const VIDEOS_MAX: usize = 1_024;
/// Rows that are remembered as kept; when there are more, some are kept again.
const REMEMBERED_MAX: usize = 65_536;

/// Looks at what changed, and keeps it.
pub(crate) struct Views {
    tallies: Arc<dyn Tallies>,
    store: Arc<dyn CounterStore>,
    since_ms: u64,
    /// How much was kept of each row.
    kept: HashMap<(VideoId, Source), u64>,
}

impl Views {
    pub(crate) fn new(tallies: Arc<dyn Tallies>, store: Arc<dyn CounterStore>) -> Self {
        Self { tallies, store, since_ms: 0, kept: HashMap::new() }
    }

    /// One look. What fails is looked at again by the next one.
    pub(crate) async fn run_once(&mut self) -> Result<(), NotFilled> {
        let buckets: Vec<u16> = (0..BUCKETS).collect();
        let changes = self.tallies.changed(&buckets, self.since_ms).await?;
        let videos: Vec<VideoId> = changes.tallies.into_iter().map(|(video, _)| video).collect();
        for some in videos.chunks(VIDEOS_MAX) {
            let rows = self.tallies.rows(some).await?;
            self.keep(rows).await?;
        }
        self.since_ms = changes.now_ms.saturating_sub(OVERLAP_MS);
        Ok(())
    }

    async fn keep(&mut self, mut rows: Vec<Row>) -> Result<(), NotFilled> {
        let name = |row: &Row| (row.video.clone(), row.source.clone());
        // Others are kept by who counts them.
        rows.retain(|row| {
            row.totals.get(&Counter::VIEWS) > 0
                && self.kept.get(&name(row)) != Some(&row.totals.weight())
        });
        if rows.is_empty() {
            return Ok(());
        }
        self.store.keep(&rows).await?;
        if self.kept.len() + rows.len() > REMEMBERED_MAX {
            self.kept.clear();
        }
        self.kept.extend(rows.iter().map(|row| (name(row), row.totals.weight())));
        Ok(())
    }
}
