//! What a viewer reads next: the byte log's frames from its place on, or word of what it lost.

use bytes::{Bytes, BytesMut};
use common::config::SlowViewer;

use crate::{
    byte_log::{Place, Read},
    tier::Tier,
    video::order::Order,
};

/// All that a viewer is to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) place: Place,
    /// `None`: everything is shown.
    pub(crate) tier: Option<Tier>,
}

/// What is next for a viewer.
#[derive(Debug)]
pub(crate) enum Next {
    /// Frames, as many as one read gives; none at the log's end.
    Frames(Vec<Bytes>),
    /// It was too slow for what is kept, and is told so.
    Notice(Bytes),
    /// It was too slow, and has to come back.
    End,
}

/// Reads on from the reader's place and moves it: `len_max` bytes, or what one pass had.
pub(crate) fn read_on(
    order: &Order,
    reader: &mut Reader,
    len_max: usize,
    slow_viewer: SlowViewer,
) -> Next {
    let Reader { place, tier } = reader;
    let read = match *tier {
        None => order.log().read(*place, len_max),
        Some(tier) => order.log().sample(*place, tier, order.encoder(), |end| order.spot(end)),
    };
    match read {
        Read::Bytes(chunks, next) => {
            *place = next;
            Next::Frames(chunks)
        }
        Read::FellOff => {
            metrics::counter!("chorus_gateway_slow_viewers_total").increment(1);
            match slow_viewer {
                SlowViewer::Disconnect => Next::End,
                SlowViewer::Skip => Next::Notice(skip_to_end(order, place)),
            }
        }
    }
}

/// What it missed is told, and what newcomers are told: numbers and the room may have changed meanwhile.
fn skip_to_end(order: &Order, place: &mut Place) -> Bytes {
    let end = order.log().end();
    let count = end.ordinal - place.ordinal;
    let (mut notice, encoder) = (BytesMut::new(), order.encoder());
    encoder.skipped(&mut notice, count, place.position, end.position);
    encoder.bare(&mut notice, order.spot(end));
    notice.extend_from_slice(&order.snapshot().unwrap_or_default());
    *place = end;
    notice.freeze()
}
