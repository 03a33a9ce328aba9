//! Watches over what was accepted until it is sure to stay: a Redis that fails over or restarts loses
//! what it took last. Gateways that had heard of it show it all the same, but nobody else would ever
//! know. So comments are kept here for a while, and announced again when their log turns out to be
//! another one: it gives them a place, and gateways know them again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{
    event::EventId,
    ids::VideoId,
    live_log::{LiveLog, LiveLogError},
    position::Epoch,
};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::announce::{Announce, Announcement};

/// Between looks at the logs.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// How long a comment is watched over: longer than some may go on with a master that was replaced.
const HELD: Duration = Duration::from_secs(10);
/// The same of one that was announced again, at least. A gateway that came since it was first shown
/// shows it to its viewers each time, so it is not for ever.
const HELD_AGAIN: Duration = Duration::from_secs(3);
/// Comments watched over: 16 s of 1,000 per second, in 10 MB. Of more the oldest are let go of.
const WATCHED_MAX: usize = 16_384;
/// Announced again at once.
const AT_ONCE: usize = 64;

/// What was deleted, as the vigil knows it.
pub(crate) trait Deletions: Sync {
    /// Whether an event is a comment's that was deleted; `None`: nobody can tell for now.
    fn has(&self, video: &VideoId, event: EventId) -> impl Future<Output = Option<bool>> + Send;
}

/// What was accepted lately.
#[derive(Default)]
pub(crate) struct Vigil {
    watched: Mutex<VecDeque<Watched>>,
}

struct Watched {
    announcement: Announcement,
    /// Of the log that took it.
    epoch: Epoch,
    /// When that was, or when the first one did.
    taken_at: Instant,
    until: Instant,
}

impl Watched {
    fn again(&self) -> Announcement {
        Announcement { taken_at: Some(self.taken_at), ..self.announcement.clone() }
    }
}

impl Vigil {
    /// A log of this epoch has taken it.
    pub(crate) fn begin(&self, announcement: Announcement, epoch: Epoch) {
        let now = Instant::now();
        let taken_at = announcement.taken_at.unwrap_or(now);
        let until = (taken_at + HELD).max(now + HELD_AGAIN);
        let mut watched = self.lock();
        if watched.len() >= WATCHED_MAX {
            watched.pop_front();
        }
        watched.push_back(Watched { announcement, epoch, taken_at, until });
    }

    /// Looks once whether the logs are still those that took what is watched over, and has announced
    /// again what they lost, unless it was deleted meanwhile. What that fails for, and what nobody can
    /// tell that of, is tried again by the next look.
    pub(crate) async fn look(
        &self,
        live_log: &dyn LiveLog,
        announcer: &impl Announce,
        deletions: &impl Deletions,
    ) -> Result<(), LiveLogError> {
        let watched = std::mem::take(&mut *self.lock());
        let epochs = match epochs(live_log, &watched).await {
            Ok(epochs) => epochs,
            Err(error) => {
                self.put_back(watched);
                return Err(error);
            }
        };
        let is_kept =
            |watched: &Watched| epochs.get(&watched.announcement.video) == Some(&watched.epoch);
        let (kept, lost): (Vec<_>, Vec<_>) = watched.into_iter().partition(is_kept);
        self.put_back(kept.into_iter().filter(|watched| Instant::now() < watched.until));
        if !lost.is_empty() {
            metrics::counter!("chorus_ingest_announced_again_total").increment(lost.len() as u64);
            tracing::warn!(comments = lost.len(), "a live log was lost: announcing them again");
        }
        let announced = stream::iter(lost).map(async |lost| {
            let Announcement { video, event, until, .. } = &lost.announcement;
            let is_done = match deletions.has(video, event.id).await {
                _ if until.is_past() => true,
                Some(false) => announcer.announce_once(lost.again()).await,
                Some(true) => true,
                None => false,
            };
            (!is_done).then_some(lost)
        });
        let still_lost: Vec<_> =
            announced.buffered(AT_ONCE).filter_map(async |lost| lost).collect().await;
        self.put_back(still_lost);
        Ok(())
    }

    fn put_back(&self, older: impl IntoIterator<Item = Watched>) {
        let mut watched = self.lock();
        let newer = std::mem::take(&mut *watched);
        watched.extend(older);
        watched.extend(newer);
        let over = watched.len().saturating_sub(WATCHED_MAX);
        watched.drain(..over);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The epochs that the logs of these are in.
async fn epochs(
    live_log: &dyn LiveLog,
    watched: &VecDeque<Watched>,
) -> Result<BTreeMap<VideoId, Epoch>, LiveLogError> {
    let videos: BTreeSet<_> = watched.iter().map(|watched| &watched.announcement.video).collect();
    let videos: Vec<_> = videos.into_iter().cloned().collect();
    if videos.is_empty() {
        return Ok(BTreeMap::new());
    }
    let heads = live_log.heads(&videos).await?;
    Ok(videos.into_iter().zip(heads.into_iter().map(|head| head.epoch)).collect())
}

#[cfg(test)]
mod tests;
