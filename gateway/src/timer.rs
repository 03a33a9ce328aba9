//! A wait whose timer is there only while it runs: tasks that idle are small.

use tokio::time::{Instant, sleep_until};

/// Waits until then; not at all when that is past.
pub(crate) async fn until(then: Instant) {
    if then > Instant::now() {
        Box::pin(sleep_until(then)).await;
    }
}
