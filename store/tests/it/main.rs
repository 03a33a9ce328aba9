//! The store crate's integration tests: one behaviour suite per contract, run by every
//! implementation. Those that need a server are ignored unless asked for: `deploy/dev/test`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it didn't expect"
)]

mod comment_store;

mod counter_store;

mod cql_earlier;

mod cql_server;

mod cql_store;

mod embedded_damage;

mod embedded_store;

mod endpoint_store;

mod kept;

mod limiter;

mod limiter_model;

mod live;

mod live_log;
mod live_rooms;

mod memory;

mod memory_model;

mod memory_tallies;

mod redis_cluster;

mod redis_faults;

mod redis_limiter;

mod redis_sentinel;

mod redis_server;

mod redis_tallies;

mod redis_tls;

mod room_store;

mod sentinels;

mod tallies;
