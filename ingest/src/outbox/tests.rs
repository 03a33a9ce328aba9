//! What leaves this process, and when.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use common::{
    event::{Event, EventId},
    ids::{CommentId, VideoId},
    position::{Epoch, Position},
};
use tokio::{
    sync::Mutex as Gate,
    time::{advance, sleep},
};

use super::*;
use crate::window::Window;

static NOW_MS: AtomicU64 = AtomicU64::new(0);

/// Takes what it is given, once it is let.
#[derive(Default)]
struct Dispatcher {
    gate: Gate<()>,
    calls: Mutex<Vec<Vec<VideoEvents>>>,
}

#[async_trait]
impl Dispatch for Dispatcher {
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError> {
        let events: usize = batches.iter().map(|batch| batch.events.len()).sum();
        self.calls.lock().unwrap().push(batches);
        let _let_through = self.gate.lock().await;
        Ok(vec![Ok(Position { epoch: Epoch(7), seq: 1 }); events])
    }

    async fn erase(&self, _: &VideoId, _: EventId) -> Result<bool, LinkError> {
        unimplemented!("an outbox only queues")
    }
}

fn announcement(video: &str, until_ms: u64) -> Announcement {
    let window = Window::new(0, || NOW_MS.load(Ordering::SeqCst));
    let (video, event) = (video.parse().unwrap(), Event::of_skipped(CommentId::now()));
    Announcement::of(video, event, window.from(until_ms))
}

/// An outbox, and how to send by it.
fn outbox(dispatcher: &Arc<Dispatcher>) -> Outbox {
    Outbox::start(dispatcher.clone())
}

/// A process that is paused while a comment waits, for longer than the log remembers ids, does not
/// send it when it wakes up.
#[tokio::test(start_paused = true)]
async fn what_waited_for_too_long_never_leaves() {
    NOW_MS.store(0, Ordering::SeqCst);
    let dispatcher = Arc::new(Dispatcher::default());
    let outbox = outbox(&dispatcher);
    let deadline = Instant::now() + PATIENCE;
    let busy = dispatcher.gate.lock().await;
    let in_call = outbox.send(announcement("a", 9), deadline);
    let waiting = async {
        sleep(Duration::from_millis(1)).await;
        tokio::join!(
            outbox.send(announcement("b", 9), deadline),
            outbox.send(announcement("c", 100), deadline)
        )
    };
    let wake_up = async {
        sleep(Duration::from_millis(2)).await;
        NOW_MS.store(10, Ordering::SeqCst);
        drop(busy);
    };
    let (in_call, (late, in_time), ()) = tokio::join!(in_call, waiting, wake_up);
    assert!(in_call.is_ok() && in_time.is_ok());
    assert!(matches!(late, Err(NotTaken::TooLate)), "{late:?}");
    let calls = dispatcher.calls.lock().unwrap();
    let videos = calls.iter().flatten().map(|batch| batch.video.as_str());
    assert_eq!(videos.collect::<Vec<_>>(), ["a", "c"]);
}

/// What gathers during a call goes in the next one, a batch per video, in the order it came in.
#[tokio::test(start_paused = true)]
async fn what_gathers_goes_in_the_next_call() {
    let dispatcher = Arc::new(Dispatcher::default());
    let outbox = outbox(&dispatcher);
    let deadline = Instant::now() + PATIENCE;
    let busy = dispatcher.gate.lock().await;
    let first = outbox.send(announcement("a", u64::MAX), deadline);
    let others: Vec<_> =
        ["b", "a", "b"].into_iter().map(|video| announcement(video, u64::MAX)).collect();
    let ids: Vec<_> = others.iter().map(|other| other.event.id).collect();
    let others = async {
        advance(Duration::from_millis(1)).await;
        futures_util::future::join_all(others.into_iter().map(|one| outbox.send(one, deadline)))
            .await
    };
    let open = async {
        sleep(Duration::from_millis(5)).await;
        drop(busy);
    };
    let (first, others, ()) = tokio::join!(first, others, open);
    assert!(first.is_ok() && others.iter().all(Result::is_ok));
    let calls = dispatcher.calls.lock().unwrap();
    let sent: Vec<Vec<_>> = calls[1..]
        .iter()
        .flatten()
        .map(|batch| batch.events.iter().map(|event| event.id).collect())
        .collect();
    assert_eq!(sent, [vec![ids[1]], vec![ids[0], ids[2]]]);
}

/// A call that a dispatcher takes up late must not be taken as new: it says until when, for each
/// video, the first of its events may be.
#[tokio::test(start_paused = true)]
async fn a_call_says_until_when_its_events_are_new() {
    NOW_MS.store(0, Ordering::SeqCst);
    let dispatcher = Arc::new(Dispatcher::default());
    let outbox = outbox(&dispatcher);
    let deadline = Instant::now() + PATIENCE;
    let busy = dispatcher.gate.lock().await;
    let sent = [("a", 9), ("b", 5), ("b", 3), ("b", 4)]
        .map(|(video, until_ms)| outbox.send(announcement(video, until_ms), deadline));
    let all = futures_util::future::join_all(sent);
    let let_through = async {
        sleep(Duration::from_millis(1)).await;
        drop(busy);
    };
    tokio::join!(all, let_through);
    let calls = dispatcher.calls.lock().unwrap();
    let until_ms: Vec<_> = calls.iter().flatten().map(|batch| batch.until_ms).collect();
    assert_eq!(until_ms, [Some(9), Some(3)]);
}
