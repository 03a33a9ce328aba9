//! Where ingest keeps what it counts: not what is judged here, so it never fails.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use common::{
    comment_store::StoreError,
    counter_store::CounterStore,
    ids::VideoId,
    totals::{Row, Source, Totals},
};

#[derive(Default)]
pub(crate) struct Counters(Mutex<BTreeMap<(VideoId, Source), Totals>>);

#[async_trait]
impl CounterStore for Counters {
    async fn keep(&self, rows: &[Row]) -> Result<(), StoreError> {
        let mut kept = self.0.lock().unwrap();
        for Row { video, source, totals } in rows {
            kept.entry((video.clone(), source.clone())).or_default().catch_up(totals);
        }
        Ok(())
    }

    async fn rows(&self, of: &VideoId) -> Result<Vec<Row>, StoreError> {
        let kept = self.0.lock().unwrap();
        let rows = kept.iter().filter(|((video, _), _)| video == of);
        let row = |((video, source), totals): (&(VideoId, Source), &Totals)| Row {
            video: video.clone(),
            source: source.clone(),
            totals: totals.clone(),
        };
        Ok(rows.map(row).collect())
    }
}
