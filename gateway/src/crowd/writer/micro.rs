//! For [`crate::micro`]: what a shard does for its viewers, but for their sockets.

use std::hint::black_box;

use common::config::SlowViewer;
use tokio::sync::watch;

use super::{BATCH_LEN, Reader, Writer};
use crate::micro::{Commenters, VIEWERS, quiet_order};

/// One comment for viewers who have all that was before.
pub fn pass_to_one_place() -> impl FnMut() {
    pass_to(|_| 1)
}

/// One comment for the first viewer, two for the next, and so on: nobody shares a chunk.
pub fn pass_to_places() -> impl FnMut() {
    pass_to(|viewer| viewer)
}

/// What each viewer lacks is told by its number, from 1 on.
fn pass_to(lacks: impl Fn(u64) -> u64) -> impl FnMut() {
    let (mut order, mut commenters) = (quiet_order(), Commenters::new());
    for _ in 0..VIEWERS {
        order.on_pushed(vec![commenters.write()], 0);
        order.seal(0);
    }
    let (log, end) = (order.log(), order.log().end());
    let reader = |viewer| Reader { place: log.place_of_newest(lacks(viewer)), tier: None };
    let readers: Vec<_> = (1..=VIEWERS).map(reader).collect();
    let (_, order) = watch::channel(order);
    let mut writer = Writer::new(order, SlowViewer::Skip);
    for (viewer, mut reader) in (1..).zip(readers.clone()) {
        assert_eq!(end.ordinal - reader.place.ordinal, lacks(viewer));
        let frames_len = end.offset - reader.place.offset;
        let written = turn(&mut writer, &mut reader);
        assert!((frames_len..frames_len + frames_len / 20).contains(&written), "{written}");
        assert_eq!(reader.place, end);
    }
    move || pass(&mut writer, &readers)
}

/// Everybody's turn, in batches as a shard has them.
fn pass(writer: &mut Writer, readers: &[Reader]) {
    for batch in readers.chunks(BATCH_LEN) {
        writer.begin();
        for reader in batch {
            let mut reader = *black_box(reader);
            black_box(turn(writer, &mut reader));
            black_box(reader);
        }
    }
}

/// Until the viewer has everything, with a socket that takes all at once. Tells how many bytes.
fn turn(writer: &mut Writer, reader: &mut Reader) -> u64 {
    let mut written = 0;
    while let Some(chunk) = writer.next(reader).filter(|chunk| !chunk.is_empty()) {
        written += black_box(chunk).len() as u64;
    }
    written
}
