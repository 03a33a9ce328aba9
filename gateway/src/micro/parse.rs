//! From bytes that come in to values.

use std::hint::black_box;

use common::{
    event::VideoEntries,
    link::Incarnation,
    position::Cursor,
    wire::{self, DeliverRequest},
};

use super::{Commenters, origin, parsed, position};

/// The cursor of a viewer that comes back.
pub fn parse_cursor() -> impl FnMut() {
    let text = "1~dc1:5f:f4240";
    assert_eq!(text.parse(), Ok(Cursor::single(origin(), position(1_000_000))));
    move || _ = black_box(black_box(text).parse::<Cursor>())
}

/// A dispatcher's call with a batch of one video's comments.
pub fn parse_batch() -> impl FnMut() {
    let to = Incarnation("0190163d-8694-739b-aea5-966c26f8ad91".into());
    let entries = Commenters::new().write_batch();
    let batches = vec![VideoEntries { video: parsed("worlds-2016-final"), entries }];
    let call = wire::encode(&DeliverRequest::new(&to, &batches));
    let parse = move || {
        let request = wire::decode::<DeliverRequest>(black_box(&call).clone());
        request.and_then(DeliverRequest::into_parts)
    };
    assert_eq!(parse(), Ok((to, batches)));
    move || _ = black_box(parse())
}
