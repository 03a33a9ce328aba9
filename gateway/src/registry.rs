//! The videos that this gateway serves at present, by name.

use std::sync::{Arc, PoisonError};

use common::{
    config::VideoCreate,
    event::{Event, EventId, VideoEntries},
    ids::{UserId, VideoId},
    position::Position,
    tallies::Tally,
    task,
};
use dashmap::{DashMap, Entry};
use tokio::sync::oneshot;

use crate::video::{Actor, Erased, Join, Joined, Message, Surroundings, VideoHandle, order::Start};

/// Starts actors for videos that viewers ask for, and finds those that run.
pub(crate) struct Registry {
    videos: DashMap<VideoId, VideoHandle>,
    around: Arc<Surroundings>,
}

impl Registry {
    pub(crate) fn new(around: Arc<Surroundings>) -> Arc<Self> {
        Arc::new(Self { videos: DashMap::new(), around })
    }

    /// Waits until the last actor and shard has ended, after the gateway was told to stop.
    pub(crate) async fn ended(&self) {
        self.around.tasks.close();
        self.around.tasks.wait().await;
    }

    /// Brings a viewer in; waits until the video's actor has begun. `None`: the gateway stops.
    pub(crate) async fn join(
        self: &Arc<Self>,
        video: &VideoId,
        start: Start,
        recent: u64,
        user: Option<&UserId>,
    ) -> Option<Joined> {
        while !self.around.stop.is_cancelled() {
            let (reply, joined) = oneshot::channel();
            let must_be_registered = self.around.create == VideoCreate::Registered;
            let (start, user) = (start.clone(), user.cloned());
            let join = Join { start, recent, user, must_be_registered, reply };
            let handle = self.actor(video);
            if handle.send(Message::Join(Box::new(join))).await.is_ok()
                && let Ok(joined) = joined.await
            {
                return Some(joined);
            }
            // That actor has ended or is about to; the next one begins now.
            tokio::task::yield_now().await;
        }
        None
    }

    /// Hands entries to the actors of videos that have viewers; others are nobody's business.
    pub(crate) fn push(&self, batches: Vec<VideoEntries>) {
        for VideoEntries { video, entries } in batches {
            let Some(handle) = self.videos.get(&video).map(|handle| handle.clone()) else {
                metrics::counter!("chorus_gateway_pushes_unwatched_total").increment(1);
                continue;
            };
            if !handle.tell(Message::Pushed(entries)) {
                // The hole that this leaves is healed from the live log.
                metrics::counter!("chorus_gateway_pushes_dropped_total").increment(1);
            }
        }
    }

    /// Takes an event away, unless nobody watches its video here; waits until no socket is handed any
    /// of it any more.
    pub(crate) async fn erase(&self, video: &VideoId, event: EventId) {
        // First, so that a video which begins at this moment knows of it in one way or the other.
        self.around.gone.note(video, event);
        let Some(handle) = self.videos.get(video).map(|handle| handle.clone()) else { return };
        let (reply, erased) = oneshot::channel();
        // An actor that ends has nobody left; the next one begins without it.
        if handle.send(Message::Erase(event, reply)).await.is_ok()
            && let Ok(Erased { crowd, count }) = erased.await
        {
            crowd.let_go(count).await;
        }
    }

    /// Some videos that are served and whose rooms are to be asked for.
    pub(crate) fn unknown_rooms(&self, len_max: usize) -> Vec<VideoId> {
        let mut unknown = self.around.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.retain(|video| self.videos.contains_key(video));
        unknown.iter().take(len_max).cloned().collect()
    }

    /// Tells a video what its room is like. If it can't be told now it is to be asked for again.
    pub(crate) fn room(&self, video: &VideoId, events: Vec<Event>) {
        let handle = self.videos.get(video).map(|handle| handle.clone());
        if handle.is_none_or(|handle| handle.tell(Message::Room(events))) {
            let mut unknown = self.around.unknown.lock().unwrap_or_else(PoisonError::into_inner);
            unknown.remove(video);
        }
    }

    /// Tells a video where the live log was seen to be.
    pub(crate) fn head(&self, video: &VideoId, head: Position) {
        if let Some(handle) = self.videos.get(video).map(|handle| handle.clone()) {
            handle.tell(Message::Head(head));
        }
    }

    /// Tells a video what its numbers are; `false` when it has no room for it now.
    pub(crate) fn tally(&self, video: &VideoId, tally: Tally) -> bool {
        let handle = self.videos.get(video).map(|handle| handle.clone());
        handle.is_none_or(|handle| handle.tell(Message::Tally(Box::new(tally))))
    }

    /// How many viewers each video has.
    pub(crate) fn viewers(&self) -> Vec<(VideoId, u64)> {
        let viewers = |handle: &VideoHandle| handle.viewers() as u64;
        self.videos.iter().map(|video| (video.key().clone(), viewers(video.value()))).collect()
    }

    /// Whether a video is served.
    pub(crate) fn has(&self, video: &VideoId) -> bool {
        self.videos.contains_key(video)
    }

    /// Tells every video for which `wanted` holds.
    pub(crate) fn tell_all(
        &self,
        wanted: impl Fn(&VideoId) -> bool,
        message: impl Fn() -> Message,
    ) {
        for video in self.videos.iter().filter(|video| wanted(video.key())) {
            video.value().tell(message());
        }
    }

    /// The videos served.
    pub(crate) fn videos(&self) -> Vec<VideoId> {
        self.videos.iter().map(|video| video.key().clone()).collect()
    }

    fn actor(self: &Arc<Self>, video: &VideoId) -> VideoHandle {
        match self.videos.entry(video.clone()) {
            Entry::Occupied(running) => running.get().clone(),
            Entry::Vacant(vacant) => {
                let (handle, actor) = Actor::new(video.clone(), self.around.clone());
                vacant.insert(handle.clone());
                metrics::gauge!("chorus_gateway_videos").increment(1);
                let leave = self.leave(video.clone(), handle.clone());
                task::spawn("gateway.video", self.around.tasks.track_future(actor.run(leave)));
                handle
            }
        }
    }

    /// Takes an actor's handle away: to be called when it ends.
    fn leave(self: &Arc<Self>, video: VideoId, handle: VideoHandle) -> impl FnOnce() + use<> {
        let registry = Arc::downgrade(self);
        move || {
            if let Some(registry) = registry.upgrade() {
                registry.videos.remove_if(&video, |_, running| running.is_same(&handle));
                metrics::gauge!("chorus_gateway_videos").decrement(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command, time::Duration};

    use tokio::time::Instant;

    use super::*;
    use crate::test_support::{around, entry, log::CountingLog};

    fn registry(log: Arc<CountingLog>) -> Arc<Registry> {
        Registry::new(Arc::new(around(log)))
    }

    /// A panic in one video's actor is that video's alone, and its viewers get another actor.
    #[tokio::test(start_paused = true)]
    async fn a_video_whose_actor_panicked_gets_another() {
        let log = Arc::new(CountingLog::new(1, 3));
        let registry = registry(log.clone());
        let join = async |video: &str| {
            registry.join(&video.parse().unwrap(), Start::Newest, 2, None).await.unwrap()
        };
        let (_, other) = join("other").await.unwrap();
        log.panic_once();
        let (opening, _seat) = join("v").await.unwrap();
        assert_eq!((opening.resume.replayed, log.reads()), (2, 3));
        assert_eq!(registry.videos().len(), 2);
        assert!(other.crowd().order().has_changed().is_ok(), "the other video's actor goes on");
    }

    /// Nobody watched when it was taken away, and the log that is read later has it still: nobody who
    /// comes then is shown it.
    #[tokio::test(start_paused = true)]
    async fn what_was_taken_away_before_a_video_began_is_shown_to_nobody() {
        let registry = registry(Arc::new(CountingLog::new(1, 3)));
        let (video, gone) = ("v".parse().unwrap(), entry(1, 2).event);
        registry.erase(&video, gone.id).await;
        // Frames that have lost their content, where it begins.
        let lost = async |video: &VideoId| {
            let joined = registry.join(video, Start::Newest, 3, None).await.unwrap();
            let (opening, seat) = joined.unwrap();
            assert_eq!(opening.resume.replayed, 3, "its place stays");
            seat.crowd().order().borrow().erasures().count()
        };
        assert_eq!(lost(&video).await, 1);
        assert_eq!(lost(&"w".parse().unwrap()).await, 0, "of that video alone");
    }

    /// Nobody watches any more: the actor goes, after a while, and takes its handle with it.
    #[tokio::test(start_paused = true)]
    async fn a_video_that_nobody_watches_goes_and_begins_anew_for_the_next() {
        let registry = registry(Arc::new(CountingLog::new(1, 3)));
        let video = "v".parse().unwrap();
        let joined = registry.join(&video, Start::Newest, 2, None).await.unwrap();
        let tick = || registry.tell_all(|_| true, || Message::Tick);
        for _ in 0..5 {
            tick();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(registry.videos().len(), 1, "somebody watches");
        drop(joined);
        for _ in 0..5 {
            tick();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(registry.videos().len(), 0);
        let (opening, _) = registry.join(&video, Start::Newest, 2, None).await.unwrap().unwrap();
        assert_eq!(opening.resume.replayed, 2);
    }

    /// Whom nobody tells anything costs no timer, and little else. In a process of its own, for other
    /// tests take memory as well.
    #[test]
    fn a_hundred_thousand_videos_are_cheap() {
        const ALONE: &str = "CHORUS_TEST_ALONE";
        if env::var_os(ALONE).is_some() {
            return hundred_thousand_videos();
        }
        let mut child = Command::new(env::current_exe().unwrap());
        let name = "registry::tests::a_hundred_thousand_videos_are_cheap";
        let output = child.env(ALONE, "").args(["--exact", name]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    #[tokio::main(flavor = "current_thread", start_paused = true)]
    async fn hundred_thousand_videos() {
        const VIDEOS: usize = 100_000;
        const EACH_MAX: usize = 2 * 1024;
        const COUNTED_MAX: usize = 3 * 1024;
        let registry = registry(Arc::new(CountingLog::new(1, 0)));
        let before = resident();
        let mut joined = Vec::with_capacity(VIDEOS);
        for nth in 0..VIDEOS {
            let video = format!("video-{nth}").parse().unwrap();
            joined.push(registry.join(&video, Start::Newest, 20, None).await.unwrap().unwrap().1);
        }
        let each = resident().saturating_sub(before) / VIDEOS;
        assert!(each <= EACH_MAX, "{each} bytes");
        for nth in 0..VIDEOS {
            let video = format!("video-{nth}").parse().unwrap();
            let tally = Tally { totals: Some("r/like 3 views 1".parse().unwrap()), viewers: 1 };
            assert!(registry.tally(&video, tally));
            tokio::task::yield_now().await;
        }
        let counted = resident().saturating_sub(before) / VIDEOS;
        assert!(counted <= COUNTED_MAX, "{counted} bytes with numbers");
        // A paused clock jumps to the next timer whenever nothing else is to be done.
        let (began, (over, is_over)) = (Instant::now(), oneshot::channel());
        std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(200));
            over.send(())
        });
        is_over.await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "a timer ran");
    }

    /// Bytes of this process that are in memory.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }
}
