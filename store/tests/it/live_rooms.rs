//! What every [`LiveRooms`] does, in memory and on Redis alike.

use std::sync::Arc;

use common::{
    event::{Event, Kind},
    ids::{ActionId, VideoId},
    live_log::{LiveLog, Retention},
    live_rooms::LiveRooms,
    room::{BanChange, PinChange, VideoChange, VideoState},
};

use crate::live::{self, AMPLE, append, events, suite, video};

/// Both sides of one store.
trait Rooms: LiveLog + LiveRooms {}
impl<T: LiveLog + LiveRooms> Rooms for T {}
type Store = Arc<dyn Rooms>;

suite! {
    Store, crate::live::memory, crate::live::redis_at;
    a_room_is_wanted_until_it_is_filled,
    what_is_appended_sets_its_slot,
    the_later_event_counts_whatever_the_order,
    many_rooms_are_asked_for_at_once,
    rooms_that_are_wanted_are_named_once,
}

fn pin() -> Event {
    Event::of_action(ActionId::now(), Kind::PIN, &PinChange { comment: None })
}

fn ended() -> Event {
    let change = VideoChange { state: VideoState::Ended };
    Event::of_action(ActionId::now(), Kind::VIDEO, &change)
}

fn ban(user: &str) -> Event {
    let change = BanChange { user: user.parse().unwrap(), until_ms: Some(7) };
    Event::of_action(ActionId::now(), Kind::BAN, &change)
}

async fn room(store: &Store, video: &VideoId) -> Option<Vec<Event>> {
    let mut rooms = store.rooms(std::slice::from_ref(video)).await.unwrap();
    assert_eq!(rooms.len(), 1);
    rooms.remove(0).map(|mut events| {
        events.sort_by_key(|event| event.id);
        events
    })
}

/// Other tests' videos may be wanted in the same Redis, so all are taken until this one comes.
async fn is_wanted(store: &Store, video: &VideoId) -> bool {
    store.wanted(100_000).await.unwrap().contains(video)
}

async fn a_room_is_wanted_until_it_is_filled(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    append(&*store, &video, &[pin()]).await;
    assert_eq!(room(&store, &video).await, None, "who knows what else there is");
    let (pin, ended) = (pin(), ended());
    store.fill(&video, &[pin.clone(), ended.clone()]).await.unwrap();
    assert_eq!(room(&store, &video).await, Some(vec![pin, ended]));
    let empty = live::video();
    assert_eq!(room(&store, &empty).await, None);
    store.fill(&empty, &[]).await.unwrap();
    assert_eq!(room(&store, &empty).await, Some(vec![]));
}

async fn what_is_appended_sets_its_slot(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    store.fill(&video, &[]).await.unwrap();
    let [first, second] = [ban("a/b"), ban("{c} d")];
    let said = [events(2), vec![first.clone()], events(1), vec![second.clone()]].concat();
    append(&*store, &video, &said).await;
    assert_eq!(room(&store, &video).await, Some(vec![first, second.clone()]));
    let lifted = ban("a/b");
    append(&*store, &video, std::slice::from_ref(&lifted)).await;
    assert_eq!(room(&store, &video).await, Some(vec![second, lifted]));
}

async fn the_later_event_counts_whatever_the_order(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let [old, middle, new] = [pin(), pin(), pin()];
    store.fill(&video, &[middle.clone(), old.clone()]).await.unwrap();
    assert_eq!(room(&store, &video).await, Some(vec![middle.clone()]));
    append(&*store, &video, &[new.clone(), old.clone()]).await;
    store.fill(&video, &[middle]).await.unwrap();
    assert_eq!(room(&store, &video).await, Some(vec![new]));
}

async fn many_rooms_are_asked_for_at_once(open: impl AsyncFn(Retention) -> Store) {
    let (store, videos) = (open(AMPLE).await, Vec::from_iter((0..700).map(|_| video())));
    for video in videos.iter().step_by(7) {
        store.fill(video, &[]).await.unwrap();
    }
    let rooms = store.rooms(&videos).await.unwrap();
    let known = rooms.iter().enumerate().filter(|(_, room)| room.is_some());
    assert_eq!(known.map(|(at, _)| at).collect::<Vec<_>>(), Vec::from_iter((0..700).step_by(7)));
}

async fn rooms_that_are_wanted_are_named_once(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    assert!(!is_wanted(&store, &video).await);
    // Another test's look may take what this one is about to.
    for _ in 0..100 {
        assert_eq!(room(&store, &video).await, None);
        if is_wanted(&store, &video).await {
            assert!(!is_wanted(&store, &video).await, "once");
            store.fill(&video, &[]).await.unwrap();
            room(&store, &video).await;
            assert!(!is_wanted(&store, &video).await, "it is known");
            return;
        }
    }
    panic!("never named");
}
