use common::position::Cursor;

use super::*;
use crate::{
    frame::Status,
    test_support::{crowd, entry, order, origin, position},
    video::order::Start,
};

fn page(epoch: u64, seqs: std::ops::RangeInclusive<u64>, head: u64) -> LogPage {
    let entries = seqs.map(|seq| entry(epoch, seq)).collect();
    LogPage { head: position(epoch, head), first: 1, entries }
}

fn nothing_new() -> LogPage {
    LogPage { head: position(1, 5), first: 1, entries: vec![] }
}

fn pass() -> Pass {
    Pass::new(order(page(1, 1..=5, 5)), crowd)
}

/// A viewer that comes from another gateway, which was further.
fn join(pass: &mut Pass, epoch: u64, seq: u64) -> oneshot::Receiver<Joined> {
    let (reply, joined) = oneshot::channel();
    let cursor = Cursor::single(origin(), position(epoch, seq));
    let join = Join {
        start: Start::After(Some(cursor)),
        recent: 0,
        user: None,
        must_be_registered: false,
        reply,
    };
    pass.take(vec![Message::Join(Box::new(join))], 0);
    joined
}

fn status(joined: &mut oneshot::Receiver<Joined>) -> Option<Status> {
    joined.try_recv().ok().map(|joined| joined.unwrap().0.resume.status)
}

#[test]
fn a_read_that_began_before_a_viewer_came_does_not_settle_it() {
    let mut pass = pass();
    pass.read_begins();
    let mut joined = join(&mut pass, 1, 6);
    pass.read(Ok(nothing_new()), 0);
    assert_eq!(status(&mut joined), None);
    assert!(matches!(pass.wish(1000), Wish::Read(_)), "another one is wanted");
    pass.read_begins();
    pass.read(Ok(page(1, 6..=6, 6)), 1000);
    assert_eq!(status(&mut joined), Some(Status::Continued));
}

#[test]
fn a_viewer_waits_until_the_gateway_has_caught_up() {
    let mut pass = pass();
    let mut joined = join(&mut pass, 2, 3);
    pass.read_begins();
    let other_epoch = LogPage { head: position(2, 3), first: 1, entries: vec![] };
    pass.read(Ok(other_epoch), 0);
    assert_eq!(status(&mut joined), None);
    pass.read_begins();
    pass.read(Ok(page(2, 1..=3, 3)), 0);
    assert_eq!(status(&mut joined), Some(Status::Continued));
}

/// Pushes may be lost now and then; when none come at all, nobody knows of the subscription.
#[test]
fn a_video_that_is_never_pushed_to_subscribes_again() {
    let mut pass = pass();
    let told = |pass: &mut Pass, message| pass.take(vec![message], 0);
    for seq in 6..8 {
        told(&mut pass, Message::Head(position(1, seq)));
        told(&mut pass, Message::Head(position(1, seq))); // looks overlap: not news
    }
    assert!(pass.is_pushed_to());
    told(&mut pass, Message::Pushed(vec![entry(1, 8)]));
    for seq in 9..11 {
        told(&mut pass, Message::Head(position(1, seq)));
    }
    assert!(pass.is_pushed_to(), "a push came in between");
    told(&mut pass, Message::Head(position(1, 11)));
    assert!(!pass.is_pushed_to());
    pass.subscribes();
    assert!(pass.is_pushed_to(), "until it turns out that this came to nothing too");
}

#[test]
fn a_read_that_failed_settles_nobody() {
    let mut pass = pass();
    let mut joined = join(&mut pass, 1, 6);
    pass.read_begins();
    pass.read(Err(LiveLogError::Unavailable("away".into())), 0);
    assert_eq!(status(&mut joined), None);
    assert!(matches!(pass.wish(1000), Wish::Read(_)), "another one is wanted");
    pass.read_begins();
    pass.read(Ok(page(1, 6..=6, 6)), 1000);
    assert_eq!(status(&mut joined), Some(Status::Continued));
}

/// It gets what is new at least, and reads history.
#[test]
fn nobody_waits_for_long_for_a_log_that_is_away() {
    let mut pass = pass();
    let mut joined = join(&mut pass, 1, 6);
    for (now, verdict) in [(PATIENCE_MS - 1, None), (PATIENCE_MS, Some(Status::Reset))] {
        pass.read_begins();
        pass.read(Err(LiveLogError::Unavailable("away".into())), now);
        assert_eq!(status(&mut joined), verdict);
    }
}

#[test]
fn a_position_that_nobody_gave_is_reset_after_one_read() {
    let mut pass = pass();
    let mut joined = join(&mut pass, 1, 600);
    pass.read_begins();
    pass.read(Ok(nothing_new()), 0);
    assert_eq!(status(&mut joined), Some(Status::Reset));
}
