//! Logs that stay, are lost, and are away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use common::{
    event::{Event, EventId, VideoEvents},
    ids::CommentId,
    live_log::{Appended, Changes, From, LogPage},
    position::Position,
};
use tokio::time::advance;

use super::*;
use crate::window::Window;

/// Logs of one epoch, and dispatchers that may not be reached.
struct World {
    vigil: Vigil,
    epoch: AtomicU64,
    is_away: AtomicBool,
    announced: Mutex<Vec<EventId>>,
    /// `None`: nobody can tell.
    deleted: Mutex<Option<Vec<EventId>>>,
}

#[async_trait]
impl LiveLog for World {
    async fn append(&self, _: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        unimplemented!("dispatchers append")
    }

    async fn read(&self, _: &VideoId, _: From, _: usize) -> Result<LogPage, LiveLogError> {
        unimplemented!("gateways read")
    }

    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        if self.is_away.load(Relaxed) {
            return Err(LiveLogError::Unavailable("told to be away".into()));
        }
        Ok(vec![Position { epoch: Epoch(self.epoch.load(Relaxed)), seq: 9 }; videos.len()])
    }

    async fn changed(&self, _: &[u16], _: u64) -> Result<Changes, LiveLogError> {
        unimplemented!("gateways look")
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        Ok(())
    }
}

impl Announce for World {
    async fn announce(&self, _: Announcement) -> bool {
        unimplemented!("once is enough")
    }

    async fn erase(&self, _: &VideoId, _: EventId) -> bool {
        unimplemented!("nothing is taken away")
    }

    async fn announce_once(&self, announcement: Announcement) -> bool {
        self.announced.lock().unwrap().push(announcement.event.id);
        let is_reached = !self.is_away.load(Relaxed);
        if is_reached {
            self.vigil.begin(announcement, Epoch(self.epoch.load(Relaxed)));
        }
        is_reached
    }
}

impl Deletions for World {
    async fn has(&self, _: &VideoId, event: EventId) -> Option<bool> {
        let deleted = self.deleted.lock().unwrap();
        deleted.as_ref().map(|deleted| deleted.contains(&event))
    }
}

impl World {
    fn new() -> Self {
        Self {
            vigil: Vigil::default(),
            epoch: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            announced: Mutex::default(),
            deleted: Mutex::new(Some(Vec::new())),
        }
    }

    /// Accepts a comment.
    fn accept(&self, video: &str) -> EventId {
        let event = Event::of_skipped(CommentId::now());
        let (id, until) = (event.id, Window::new(3_600, common::ambient::unix_ms).endless());
        let announcement = Announcement::of(video.parse().unwrap(), event, until);
        self.vigil.begin(announcement, Epoch(self.epoch.load(Relaxed)));
        id
    }

    /// A second passes, and the logs are looked at.
    async fn look(&self) -> Vec<EventId> {
        advance(PERIOD).await;
        let _ = self.vigil.look(self, self, self).await; // it may be away
        std::mem::take(&mut self.announced.lock().unwrap())
    }

    fn watched(&self) -> usize {
        self.vigil.lock().len()
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_is_let_go_of_after_a_while() {
    let world = World::new();
    world.accept("a");
    for _ in 0..9 {
        assert_eq!(world.look().await, []);
        assert_eq!(world.watched(), 1);
    }
    assert_eq!(world.look().await, []);
    assert_eq!(world.watched(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_announced_again_until_that_succeeds_and_no_longer() {
    let world = World::new();
    let ids = ["a", "b", "a"].map(|video| world.accept(video));
    assert_eq!(world.look().await, []);
    world.epoch.store(1, Relaxed);
    world.is_away.store(true, Relaxed);
    assert_eq!(world.look().await, [], "nobody can tell yet");
    advance(Duration::from_secs(60)).await;
    world.is_away.store(false, Relaxed);
    assert_eq!(world.look().await, ids);
    assert_eq!(world.look().await, [], "they are there now");
    world.epoch.store(2, Relaxed);
    assert_eq!(world.look().await, ids, "and lost once more");
    for _ in 0..3 {
        assert_eq!(world.look().await, []);
    }
    assert_eq!(world.watched(), 0, "but not for ever");
}

#[tokio::test(start_paused = true)]
async fn of_too_many_the_oldest_are_let_go_of() {
    let world = Arc::new(World::new());
    let first = world.accept("a");
    for _ in 0..WATCHED_MAX {
        world.accept("a");
    }
    world.epoch.store(1, Relaxed);
    let again = world.look().await;
    assert_eq!(again.len(), WATCHED_MAX);
    assert!(!again.contains(&first));
}

/// What a moderator took away does not come back because Redis has lost it.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_is_not_announced_again() {
    let world = World::new();
    let [deleted, kept] = ["a", "a"].map(|video| world.accept(video));
    *world.deleted.lock().unwrap() = None;
    world.epoch.store(1, Relaxed);
    assert_eq!(world.look().await, [], "nobody can tell which");
    *world.deleted.lock().unwrap() = Some(vec![deleted]);
    assert_eq!(world.look().await, [kept]);
    assert_eq!(world.look().await, []);
}
