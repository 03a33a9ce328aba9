//! What only the in-process store does: begin logs from the history, and sweep.

use std::{
    slice::from_ref,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::{
    comment::{Author, Comment, Text},
    comment_store::{Claim, CommentStore, Deletion, Page, Pending, StoreError, Stored},
    endpoint_store::EndpointStore,
    event::{Event, Kind},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
    link::Endpoint,
    live_log::{From, LiveLog, Retention, bucket_of},
};
use store::memory::MemoryStore;
use tokio::time::{advance, sleep};

use crate::live::{self, AMPLE, append, events, incarnation, origin, seqs, video};

/// A comment store that lists what it was given, slowly.
#[derive(Default)]
struct History {
    oldest_first: Mutex<Vec<Comment>>,
    lists: AtomicUsize,
    broken: AtomicBool,
}

#[async_trait]
impl CommentStore for History {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        self.oldest_first.lock().unwrap().push(comment.clone());
        Ok(())
    }

    async fn get(&self, _: &VideoId, _: CommentId) -> Result<Option<Stored>, StoreError> {
        unimplemented!()
    }

    async fn delete(&self, _: &VideoId, _: CommentId, _: &Deletion) -> Result<(), StoreError> {
        unimplemented!()
    }

    async fn list(
        &self,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError> {
        assert_eq!(page, Page::Newest);
        self.lists.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(20)).await;
        if self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("gone fishing".to_owned()));
        }
        let comments = self.oldest_first.lock().unwrap();
        let newest_first = comments.iter().rev().filter(|comment| comment.video == *video);
        Ok(newest_first.take(limit).cloned().collect())
    }

    async fn claim(&self, _: &UserId, _: &IdempotencyKey, _: Claim) -> Result<Claim, StoreError> {
        unimplemented!()
    }

    async fn claimed(&self, _: &UserId, _: &IdempotencyKey) -> Result<Option<Claim>, StoreError> {
        unimplemented!()
    }

    async fn add_pending(&self, _: &Pending) -> Result<(), StoreError> {
        unimplemented!()
    }

    async fn pending(&self, _: u64, _: usize) -> Result<Vec<Pending>, StoreError> {
        unimplemented!()
    }

    async fn is_pending(&self, _: &Pending) -> Result<bool, StoreError> {
        unimplemented!()
    }

    async fn remove_pending(&self, _: &Pending) -> Result<(), StoreError> {
        unimplemented!()
    }

    async fn settle(&self, _: &VideoId, _: CommentId) -> Result<(), StoreError> {
        unimplemented!()
    }

    async fn is_settled(&self, _: &VideoId, _: CommentId) -> Result<bool, StoreError> {
        unimplemented!()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn comment(video: &VideoId) -> Comment {
    let id: UserId = "u1".parse().unwrap();
    Comment {
        id: CommentId::now(),
        video: video.clone(),
        author: Author { id, name: "Uma".to_owned(), role: None, avatar: None },
        text: Text::parse("hi").unwrap(),
        reply_to: None,
    }
}

fn event_of(comment: &Comment) -> Event {
    Event { id: comment.id.into(), kind: Kind::COMMENT, data: comment.to_json().into() }
}

/// A room with `count` comments from before the start, and the store that begins with them.
async fn room(count: usize, retention: Retention) -> (Arc<History>, MemoryStore, VideoId) {
    let (history, video) = (Arc::new(History::default()), video());
    for _ in 0..count {
        history.put(&comment(&video)).await.unwrap();
    }
    let store = MemoryStore::new(origin(), retention).with_history(Arc::clone(&history) as _);
    (history, store, video)
}

#[tokio::test(start_paused = true)]
async fn a_room_shows_what_it_had() {
    let (history, store, video) = room(230, AMPLE).await;
    let page = store.read(&video, From::Newest, 500).await.unwrap();
    let said: Vec<Event> = history.oldest_first.lock().unwrap().iter().map(event_of).collect();
    let shown: Vec<Event> = page.entries.iter().map(|entry| entry.event.clone()).collect();
    assert_eq!(shown, said[30..], "the newest 200, oldest first");
    assert_eq!((page.head.seq, page.first), (200, 1));
    let changes = store.changed(&[bucket_of(&video)], 0).await.unwrap();
    assert_eq!(changes.heads, [], "nothing was appended yet");
}

#[tokio::test(start_paused = true)]
async fn what_the_history_had_is_not_appended_again() {
    let (history, store, video) = room(3, AMPLE).await;
    let stored_before_the_load = comment(&video);
    history.put(&stored_before_the_load).await.unwrap();
    let late = comment(&video);
    let said = [event_of(&stored_before_the_load), event_of(&late)];
    assert_eq!(seqs(&append(&store, &video, &said).await), [4, 5]);
}

#[tokio::test(start_paused = true)]
async fn all_wait_for_one_load() {
    let (history, store, video) = room(5, AMPLE).await;
    let read = || store.read(&video, From::Newest, 10);
    let said = events(1);
    let (appended, a, b, heads) =
        tokio::join!(append(&store, &video, &said), read(), read(), store.heads(from_ref(&video)),);
    assert_eq!(seqs(&appended), [6]);
    assert_eq!((a.unwrap().head.seq, b.unwrap().head.seq), (6, 6));
    assert_eq!(heads.unwrap()[0].seq, 6);
    assert_eq!(history.lists.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_is_tried_again() {
    let (history, store, video) = room(5, AMPLE).await;
    history.broken.store(true, Ordering::Relaxed);
    let error = store.read(&video, From::Newest, 10).await.unwrap_err().to_string();
    assert!(error.contains("gone fishing"), "{error}");
    history.broken.store(false, Ordering::Relaxed);
    assert_eq!(store.read(&video, From::Newest, 10).await.unwrap().head.seq, 5);
}

#[tokio::test(start_paused = true)]
async fn with_a_history_the_newest_stay_whatever_their_age() {
    let (_, store, video) = room(150, Retention { replay_ttl_s: 1, ..AMPLE }).await;
    append(&store, &video, &events(100)).await;
    advance(Duration::from_secs(5)).await;
    let page = store.read(&video, From::Newest, 500).await.unwrap();
    assert_eq!((page.head.seq, page.first, page.entries.len()), (250, 51, 200));
}

#[tokio::test(start_paused = true)]
async fn a_sweep_drops_what_nobody_can_come_back_to() {
    let store = live::memory(Retention { replay_ttl_s: 600, dedup_s: 60, ..AMPLE });
    let (idle, watched) = (video(), video());
    let gateway = incarnation();
    let endpoint = Endpoint { incarnation: gateway.clone(), address: "http://g:1".to_owned() };
    store.register(&endpoint, Duration::from_secs(100_000)).await.unwrap();
    store.subscribe(&gateway, &watched).await.unwrap();
    let idle_head = append(&*store, &idle, &events(1)).await.entries[0].position;
    let watched_head = append(&*store, &watched, &events(1)).await.entries[0].position;

    let head = async |video| store.heads(from_ref(video)).await.unwrap()[0];
    advance(Duration::from_secs(599)).await;
    store.sweep();
    assert_eq!(head(&idle).await, idle_head, "within the replay window");

    advance(Duration::from_secs(601)).await;
    store.sweep();
    let page = store.read(&idle, From::After(idle_head), 10).await.unwrap();
    assert!(page.head.epoch > idle_head.epoch && !page.covers(idle_head), "reset, not a lie");
    assert_eq!((page.head.seq, page.entries.len()), (0, 0));
    assert_eq!(head(&watched).await, watched_head);

    advance(Duration::from_secs(500)).await;
    store.unsubscribe(&gateway, &watched).await.unwrap();
    advance(Duration::from_secs(599)).await;
    store.sweep();
    assert_eq!(head(&watched).await, watched_head, "its last viewer may come back");
}

#[tokio::test(start_paused = true)]
async fn a_swept_room_shows_again_what_it_had() {
    let (_, store, video) = room(4, AMPLE).await;
    let before = store.read(&video, From::Newest, 9).await.unwrap();
    advance(Duration::from_secs(601)).await;
    store.sweep();
    let after = store.read(&video, From::Newest, 9).await.unwrap();
    assert!(after.head.epoch > before.head.epoch);
    assert_eq!(after.entries.len(), 4);
}
