//! Entries and positions, short to write in tests, and stand-ins for what a gateway works with.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use common::{
    config::{SlowViewer, VideoCreate},
    event::{Entry, Event, EventId, Kind, Stamp},
    live_log::{LiveLog, LogPage},
    position::{Epoch, Origin, Position, Seq},
};
use tokio::{sync::watch, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    crowd::Crowd,
    frame::Encoder,
    gone::Gone,
    house::{House, Rules},
    inbox::inbox,
    lease::Lease,
    video::{
        Surroundings,
        order::{Order, Placeless, Spares},
    },
};
use endpoints::Endpoints;
use log::CountingLog;
use rooms::Rooms;
use tallies::Numbers;

pub(crate) mod endpoints;
pub(crate) mod log;
pub(crate) mod once;
pub(crate) mod rooms;
pub(crate) mod tallies;

/// Where viewers come from.
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) fn origin() -> Arc<Origin> {
    Arc::new("dc1".parse().unwrap())
}

pub(crate) fn encoder() -> Encoder {
    Encoder::new(origin())
}

/// Enough for what is shown without a position in a test.
pub(crate) fn spares() -> Arc<Spares> {
    Spares::new(10_000)
}

/// The life of the byte logs of [`order`].
pub(crate) const LIFE: u64 = 7;

/// An order that begins with what a page holds.
pub(crate) fn order(page: LogPage) -> Order {
    Order::new(encoder(), Placeless::new(LIFE, spares()), page)
}

pub(crate) fn position(epoch: u64, seq: Seq) -> Position {
    Position { epoch: Epoch(epoch), seq }
}

/// The entry at a place; its id and data are made of the place, so that repeats are equal.
pub(crate) fn entry(epoch: u64, seq: Seq) -> Entry {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&epoch.to_be_bytes());
    id[8..].copy_from_slice(&seq.to_be_bytes());
    let data = Bytes::from(format!("{{\"n\":{seq},\"e\":{epoch}}}"));
    let event = Event { id: EventId::from_bytes(id), kind: Kind::COMMENT, data };
    Entry { origin: origin(), position: position(epoch, seq), stamp: Stamp::default(), event }
}

/// What actors and shards work with, on such a log.
pub(crate) fn around(live_log: Arc<dyn LiveLog>) -> Surroundings {
    Surroundings {
        encoder: encoder(),
        live_log,
        rooms: Arc::new(Rooms),
        tallies: Arc::new(Numbers::default()),
        unknown: Mutex::default(),
        gone: Gone::default(),
        endpoints: Arc::new(Endpoints::default()),
        lease: Arc::new(Lease::new("http://here".into())),
        started: Instant::now(),
        pause_max: Duration::from_millis(50),
        slow_viewer: SlowViewer::Skip,
        house: House::new(Rules::default()),
        create: VideoCreate::Open,
        placeless: spares(),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    }
}

/// A crowd of nobody.
pub(crate) fn crowd(order: watch::Receiver<Order>) -> Arc<Crowd> {
    Crowd::new(order, inbox(1).1.users(), Arc::new(around(Arc::new(CountingLog::new(1, 0)))))
}
