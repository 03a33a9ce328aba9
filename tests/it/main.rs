//! The whole system, from outside: what a browser, a commenter and an operator see.
//!
//! `cargo test` runs it on the embedded store. What needs a real Redis and a real Cassandra is
//! marked so and run by `deploy/dev/test`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy allows them in tests, but not in the functions that tests share"
)]

mod apart;
mod arrows;
mod behind;
#[path = "../support/client.rs"]
mod client;
mod comments;
mod contract;
mod counters;
mod crash;
mod damage;
mod demo;
mod descriptors;
mod disk;
mod drain;
mod kinds;
mod memory_limit;
mod openapi;
#[path = "../support/process.rs"]
mod process;
#[path = "../chaos/proxy"]
mod proxy {
    mod pipe;
    pub(crate) mod tcp;
}
mod redis_absent;
#[expect(dead_code, reason = "the store's own tests use more of it")]
#[path = "../../store/tests/it/redis_server.rs"]
mod redis_server;
mod restart;
#[path = "../support/roles.rs"]
mod roles;
mod secrets;
mod server;
mod skipped;
mod slow;
mod small_disk;
mod startup;
mod store_nodes;
mod store_trouble;
mod stream;
mod tls;
mod tokens;
