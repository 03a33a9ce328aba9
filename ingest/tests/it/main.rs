//! ingest among stand-ins for store, log and dispatchers that fail when told to.
#![expect(
    clippy::unwrap_used,
    reason = "clippy allows them in tests, but not in the functions that tests share"
)]

mod away;
mod dispatchers;
mod events;
mod moderation;
mod overload;
mod pending;
mod posts;
mod reactions;
mod rig;
mod stand_ins;
