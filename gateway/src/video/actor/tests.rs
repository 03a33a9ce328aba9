//! Hypotheses on an actor's reads of the live log, on a clock that is moved by hand.

use common::{
    event::Entry,
    position::{Cursor, Position, Seq},
};
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio_util::sync::DropGuard;

use super::*;
use crate::{
    crowd::Seat,
    frame::Status,
    test_support::{around, entry, log::CountingLog, origin, position},
    video::{
        Join,
        order::{Opening, Start},
    },
};

/// An actor of a log that ends at `head`; it runs until the guard goes.
fn actor(head: Seq) -> (Arc<CountingLog>, VideoHandle, DropGuard) {
    let log = Arc::new(CountingLog::new(1, head));
    let around = around(log.clone());
    let stop = around.stop.clone();
    let (handle, actor) = Actor::new("v".parse().unwrap(), Arc::new(around));
    common::task::spawn("test", actor.run(|| ()));
    (log, handle, stop.drop_guard())
}

async fn join_at(handle: &VideoHandle, start: Start) -> (Opening, Seat) {
    let (reply, joined) = oneshot::channel();
    let join = Join { start, recent: 200, user: None, must_be_registered: false, reply };
    handle.send(Message::Join(Box::new(join))).await.unwrap();
    joined.await.unwrap().unwrap()
}

async fn join(handle: &VideoHandle) -> (Opening, Seat) {
    join_at(handle, Start::Newest).await
}

fn after(seq: Seq) -> Start {
    Start::After(Some(Cursor::single(origin(), position(1, seq))))
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
    assert_eq!(viewers[0].1.crowd().order().borrow().log().end().position, position(1, 6));
    assert_eq!(log.reads(), 1, "the one that opened it");
}

/// A herd comes by hundreds at a time: each of them waiting for a pause would take minutes.
#[tokio::test(start_paused = true)]
async fn who_comes_does_not_wait_for_the_pause() {
    let (_log, handle, _stop) = actor(5);
    let _viewers = join_all((0..4_000).map(|_| join(&handle))).await;
    pass_time(200).await;
    handle.tell(Message::Pushed(vec![entry(1, 6)]));
    pass_time(1).await;
    handle.tell(Message::Pushed(vec![entry(1, 7)]));
    pass_time(1).await;
    let began = Instant::now();
    let (opening, _seat) = join(&handle).await;
    assert!(began.elapsed() < Duration::from_millis(5), "{:?}", began.elapsed());
    assert_eq!(opening.resume.to, position(1, 7).into(), "and what came in the pause is there");
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
    assert_eq!(viewer.1.crowd().order().borrow().log().end().position, position(1, 7));
    assert_eq!(log.reads(), 2);
}

/// A herd that comes to a busy video which nobody watched here costs the one read that opens it,
/// though all of it is further back than a video usually begins.
#[tokio::test(start_paused = true)]
async fn a_video_begins_before_those_who_come_first() {
    let (log, handle, _stop) = actor(3_000);
    for seq in [2_000, 1_990, 1_800, 2_500] {
        let (opening, _) = join_at(&handle, after(seq)).await;
        let Opening { resume, older, .. } = opening;
        let told = (resume.status, resume.from.position.seq, resume.replayed, older);
        assert_eq!(told, (Status::Continued, seq, 3_000 - seq, None));
    }
    assert_eq!(log.reads(), 1);
}

/// A position that is too far back, or that nobody gave, has the video begin as it usually does.
#[tokio::test(start_paused = true)]
async fn an_odd_position_does_not_move_the_beginning() {
    for (seq, older) in [(100, Some(position(1, 100))), (4_000, None)] {
        let (_, handle, _stop) = actor(3_000);
        let (opening, seat) = join_at(&handle, after(seq)).await;
        assert_eq!((opening.resume.status, opening.older), (Status::Reset, older), "{seq}");
        assert_eq!(opening.resume.replayed, 200, "`recent`");
        assert_eq!(seat.crowd().order().borrow().log().start().position, position(1, 3_000 - 256));
    }
}

/// A video that nobody watches here yet begins all the same, shows what dispatchers send to everybody,
/// and finds its place when the log is back.
#[tokio::test(start_paused = true)]
async fn a_video_begins_while_the_log_is_away() {
    let (log, handle, _stop) = actor(5);
    log.be_away(true);
    let (opening, seat) = join(&handle).await;
    assert_eq!((opening.resume.status, opening.resume.replayed), (Status::New, 0));
    let placeless = Entry { position: Position::NONE, ..entry(1, 6) };
    handle.tell(Message::Pushed(vec![placeless]));
    pass_time(100).await;
    let end = || seat.crowd().order().borrow().log().end();
    assert_eq!((end().ordinal, end().position), (1, Position::NONE));
    log.hold(1, 6);
    log.be_away(false);
    pass_time(1_000).await;
    assert_eq!((end().ordinal, end().position), (1, position(1, 6)));
    handle.tell(Message::Pushed(vec![entry(1, 7)]));
    pass_time(100).await;
    assert_eq!((end().ordinal, end().position), (2, position(1, 7)));
}
