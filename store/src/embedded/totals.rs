//! What sources have counted, on the local disk.

use async_trait::async_trait;
use common::{
    comment_store::StoreError,
    counter_store::CounterStore,
    ids::VideoId,
    totals::{Row, Totals},
};
use futures_util::future::try_join_all;

use super::{EmbeddedStore, journal::Write, reads, record, totals_record};

#[async_trait]
impl CounterStore for EmbeddedStore {
    /// All of them wait for the same commit.
    async fn keep(&self, rows: &[Row]) -> Result<(), StoreError> {
        let keep = |row: &Row| {
            let key = totals_record::key(&row.video, &row.source);
            let value = record::seal(&key, &totals_record::payload(&row.totals));
            self.commit.write(Write::Totals { key, value })
        };
        try_join_all(rows.iter().map(keep)).await.map(drop)
    }

    async fn rows(&self, video: &VideoId) -> Result<Vec<Row>, StoreError> {
        let video = video.clone();
        self.read(move |tables| reads::totals(tables, &video)).await
    }
}

/// Of two rows of one source the one with more: which of the two is to stay.
pub(super) fn is_more(new: &Totals, stored: &Totals) -> bool {
    new.weight() > stored.weight()
}
