//! Store, log and dispatcher in memory, each failing on demand.

mod dispatcher;
mod log;
mod store;

pub(crate) use dispatcher::{Dispatcher, Mood};
pub(crate) use log::Log;
pub(crate) use store::{SLOWNESS, Store};
