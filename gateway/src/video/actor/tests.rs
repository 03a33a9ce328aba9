//! Hypotheses on an actor's reads of the live log, on a clock that is moved by hand.

use common::position::Seq;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::*;
use crate::{
    test_support::{encoder, endpoints::Endpoints, entry, log::CountingLog, position},
    video::{Join, Joined, order::Start},
};

/// A running actor of a log that ends at `head`.
fn actor(head: Seq) -> (Arc<CountingLog>, VideoHandle, CancellationToken) {
    let log = Arc::new(CountingLog::new(1, head));
    let stop = CancellationToken::new();
    let around = Arc::new(Surroundings {
        encoder: encoder(),
        live_log: log.clone(),
        endpoints: Arc::new(Endpoints::default()),
        lease: Arc::new(Lease::new("http://here".into())),
        started: Instant::now(),
        pause_max: Duration::from_millis(50),
        stop: stop.clone(),
    });
    let (handle, actor) = Actor::new("v".parse().unwrap(), around);
    common::task::spawn("test", actor.run(|| ()));
    (log, handle, stop)
}

async fn join(handle: &VideoHandle) -> Joined {
    let (reply, joined) = oneshot::channel();
    let join = Join { start: Start::Newest, recent: 0, reply };
    handle.send(Message::Join(join)).await.unwrap();
    joined.await.unwrap()
}

async fn pass_time(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// With many viewers the pause after a pass is longer than a hole may stay open. What fills the
/// hole may come in that pause: it is taken before anything is read for it.
#[tokio::test(start_paused = true)]
async fn a_push_that_came_in_the_pause_needs_no_read() {
    let (log, handle, _stop) = actor(5);
    let viewers = join_all((0..4_000).map(|_| join(&handle))).await;
    pass_time(200).await;
    log.hold(1, 6);
    handle.tell(Message::Head(position(1, 6)));
    pass_time(5).await;
    handle.tell(Message::Pushed(vec![entry(1, 6)]));
    pass_time(200).await;
    assert_eq!(viewers[0].1.borrow().log().end().position, position(1, 6));
    assert_eq!(log.reads(), 1, "the one that opened it");
}

/// What no push brings is read, once.
#[tokio::test(start_paused = true)]
async fn a_hole_that_nothing_fills_is_read() {
    let (log, handle, _stop) = actor(5);
    let viewer = join(&handle).await;
    pass_time(200).await;
    log.hold(1, 7);
    handle.tell(Message::Pushed(vec![entry(1, 7)]));
    pass_time(200).await;
    assert_eq!(viewer.1.borrow().log().end().position, position(1, 7));
    assert_eq!(log.reads(), 2);
}
