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
    /// One look. From the first that can't be kept all are handed over again, to whoever looks next: a
    /// store that is away is not waited for once more, nor are they held back as long.
    pub(crate) async fn keep(&self) -> Result<(), NotFilled> {
        let rows = self.tallies.unkept(ROWS_MAX).await?;
        for (nth, some) in rows.chunks(KEPT_AT_ONCE).enumerate() {
            if let Err(error) = self.store.keep(some).await {
                self.tallies.hand_over(&rows[nth * KEPT_AT_ONCE..]).await?;
                return Err(error.into());
            }
        }
        Ok(())
    }
}
