//! Comments go into a byte log that is full, so that as much leaves it.

use std::hint::black_box;

use bytes::BytesMut;
use common::position::Seq;

use super::{Commenters, encoder, id, position, quiet_order};
use crate::{
    byte_log::{ByteLog, READ_LEN_MAX, Read},
    video::order::{Order, Wish},
};

/// One comment, encoded before, is a pass of its own.
pub fn append_comment() -> impl FnMut() {
    let mut frame = BytesMut::new();
    encoder().entry(&mut frame, &Commenters::new().write(), None);
    let (mut log, mut count) = (ByteLog::new(position(0)), 0);
    while log.start().ordinal == 0 {
        append(&mut log, &mut count, &frame);
    }
    let before = log.end();
    append(&mut log, &mut count, &frame);
    assert_eq!(
        log.read(before, READ_LEN_MAX),
        Read::Bytes(vec![frame.clone().freeze()], log.end())
    );
    assert_eq!((log.start().ordinal, log.end().ordinal), (2, count), "one comes, one goes");
    move || append(&mut log, &mut count, &frame)
}

fn append(log: &mut ByteLog, count: &mut Seq, frame: &[u8]) {
    *count += 1;
    log.append((id(*count), 0), position(*count), |out| out.extend_from_slice(black_box(frame)));
    black_box(log.seal(|_, _| ()));
}

/// A dispatcher's batch of comments, in order, is one pass. (That the batch is made, without
/// copying what is in it, is timed too.)
pub fn push_in_order() -> impl FnMut() {
    let (mut order, mut commenters) = (quiet_order(), Commenters::new());
    while order.log().start().ordinal == 0 {
        push(&mut order, &mut commenters);
    }
    assert_eq!(order.log().end().position, position(commenters.count));
    assert_eq!(order.log().end().ordinal, commenters.count, "all are shown");
    assert_eq!(order.wish(0), Wish::Wait, "no hole");
    move || push(&mut order, &mut commenters)
}

fn push(order: &mut Order, commenters: &mut Commenters) {
    order.on_pushed(black_box(commenters.write_batch()), 0);
    black_box(order.seal(0));
}
