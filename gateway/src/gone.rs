//! What was taken away lately, whether anybody watched its video here or not.
//!
//! A video that begins later reads a log from which it is gone; but a log of another Redis may have it
//! still: that of a master which was replaced and answers all the same, or one of a snapshot. So every
//! video begins with what was taken away of it before.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use common::{event::EventId, ids::VideoId, live_log::DEDUP_S_MAX};
use tokio::time::Instant;

/// How long it is known: longer than anybody tries to announce a comment.
pub(crate) const KEPT: Duration = Duration::from_secs(DEDUP_S_MAX + 100);
/// Of more the oldest are let go of: some 2 MB.
const KEPT_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub(crate) struct Gone(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// Oldest first.
    of: HashMap<VideoId, VecDeque<EventId>>,
    by_age: VecDeque<(Instant, VideoId)>,
}

impl Gone {
    pub(crate) fn note(&self, video: &VideoId, event: EventId) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.of.entry(video.clone()).or_default().push_back(event);
        noted.by_age.push_back((Instant::now(), video.clone()));
        noted.forget();
    }

    /// What was taken away of a video.
    pub(crate) fn of(&self, video: &VideoId) -> Vec<EventId> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.forget();
        noted.of.get(video).into_iter().flatten().copied().collect()
    }
}

impl Noted {
    fn forget(&mut self) {
        let is_over = |noted: &Self| {
            let oldest = noted.by_age.front();
            noted.by_age.len() > KEPT_MAX || oldest.is_some_and(|(at, _)| at.elapsed() >= KEPT)
        };
        while is_over(self)
            && let Some((_, video)) = self.by_age.pop_front()
        {
            let Some(events) = self.of.get_mut(&video) else { continue };
            events.pop_front();
            if events.is_empty() {
                self.of.remove(&video);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::entry;

    fn event(nth: u64) -> EventId {
        entry(1, nth).event.id
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_known_for_a_while() {
        let (gone, [one, other]) = (Gone::default(), ["a", "b"].map(|id| id.parse().unwrap()));
        gone.note(&one, event(1));
        tokio::time::sleep(KEPT / 2).await;
        gone.note(&other, event(2));
        gone.note(&one, event(3));
        assert_eq!((gone.of(&one), gone.of(&other)), (vec![event(1), event(3)], vec![event(2)]));
        tokio::time::sleep(KEPT / 2).await;
        assert_eq!((gone.of(&one), gone.of(&other)), (vec![event(3)], vec![event(2)]));
        tokio::time::sleep(KEPT).await;
        assert_eq!(gone.of(&one), []);
        assert!(gone.0.lock().unwrap().of.is_empty(), "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_make_room() {
        let (gone, video) = (Gone::default(), "a".parse().unwrap());
        (0..=KEPT_MAX as u64).for_each(|nth| gone.note(&video, event(nth)));
        let known = gone.of(&video);
        assert_eq!((known.len(), known[0]), (KEPT_MAX, event(1)));
    }
}
