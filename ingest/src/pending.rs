//! Comments that are stored but not announced: any node tries them again.

use std::time::{Duration, SystemTime};

use common::{
    comment_store::{Pending, StoreError},
    ids::CommentId,
};

use futures_util::{StreamExt, stream};

use crate::Ingest;

/// Younger ones are left to the node that is about to answer for them.
const AGE_MIN: Duration = Duration::from_secs(5);
/// Records of one look.
const LOOK_LEN: usize = 1024;
/// Of them, tried at once.
const AT_ONCE: usize = 64;

impl Ingest {
    /// Tries every record that is old enough, once.
    pub(crate) async fn drain_pending(&self) -> Result<(), StoreError> {
        let older_than = now_ms().saturating_sub(ms(AGE_MIN));
        let found = self.comments.pending(older_than, LOOK_LEN).await?;
        let tried = stream::iter(found).map(|pending| async move {
            if self.settle(&pending).await? {
                self.comments.remove_pending(&pending).await?;
                return Ok(true);
            }
            Ok(false)
        });
        // The first that nobody takes ends the look: the others would wait as long, for nothing.
        let mut tried = tried.buffered(AT_ONCE);
        while let Some(settled) = tried.next().await {
            if !settled? {
                break;
            }
        }
        Ok(())
    }

    /// Whether nothing is left to do for it.
    async fn settle(&self, pending: &Pending) -> Result<bool, StoreError> {
        if self.too_old_to_announce(pending.comment) {
            // It may have been shown, and the live log may no longer know: history has it.
            tracing::error!(comment = %pending.comment, "a comment was never announced");
            metrics::counter!("chorus_ingest_pending_expired_total").increment(1);
            return Ok(true);
        }
        match self.comments.get(&pending.video, pending.comment).await? {
            Some(comment) => Ok(self.announcer.announce_once(&comment).await),
            None => Ok(true),
        }
    }

    /// The live log knows an id for `dedup_s` only, and the first announcement may have reached it
    /// right after the id was made: announced later than that, it might be shown twice.
    pub(crate) fn too_old_to_announce(&self, id: CommentId) -> bool {
        now_ms().saturating_sub(id.unix_ms()) > ms(self.announce_age_max)
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, ms)
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
