//! Store, log and dispatcher in memory, each failing on demand.

mod dispatcher;
mod limiter;
mod live_rooms;
mod log;
mod numbers;
mod rooms;
mod store;

pub(crate) use dispatcher::{Dispatcher, Mood};
pub(crate) use limiter::{SLOW, Unlimited};
pub(crate) use live_rooms::LiveRoomBook;
pub(crate) use log::Log;
pub(crate) use numbers::{Counters, Live};
pub(crate) use rooms::Rooms;
pub(crate) use store::{SLOWNESS, Store};
