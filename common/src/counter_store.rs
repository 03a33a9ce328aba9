//! The durable truth about totals: contract [`CounterStore`].

use async_trait::async_trait;

use crate::{comment_store::StoreError, ids::VideoId, totals::Row};

/// Where what sources have counted is kept, a row for each source and video. Every write is
/// idempotent, and durable when the call returns: one process or node may die right after.
#[async_trait]
pub trait CounterStore: Send + Sync + 'static {
    /// Keeps the rows. Of one source's the one with the most stays, whatever the order of the writes.
    async fn keep(&self, rows: &[Row]) -> Result<(), StoreError>;

    /// What all sources have counted of a video.
    async fn rows(&self, video: &VideoId) -> Result<Vec<Row>, StoreError>;
}
