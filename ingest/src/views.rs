//! Keeps what gateways have counted, which have no store. Each row is given to one of the nodes.

use std::sync::Arc;

use common::{counter_store::CounterStore, tallies::Tallies};

use crate::moderation::filling::NotFilled;

/// Rows of one look, and of them kept at once. What there is more has its turn with the next look.
const ROWS_MAX: usize = 16_384;
const KEPT_AT_ONCE: usize = 1_024;

/// Looks at what was handed over, and keeps it.
pub(crate) struct Views {
    pub(crate) tallies: Arc<dyn Tallies>,
    pub(crate) store: Arc<dyn CounterStore>,
}

impl Views {
    /// One look. What can't be kept is handed over again, to whoever looks next.
    pub(crate) async fn keep(&self) -> Result<(), NotFilled> {
        let mut all = Ok(());
        for rows in self.tallies.unkept(ROWS_MAX).await?.chunks(KEPT_AT_ONCE) {
            let kept = self.store.keep(rows).await.map_err(NotFilled::from);
            if kept.is_err() {
                all = all.and(self.tallies.hand_over(rows).await.map_err(NotFilled::from));
            }
            all = all.and(kept);
        }
        all
    }
}
