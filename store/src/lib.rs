//! Where chorus keeps things: the implementations of the contracts in `common`.
//!
//! Comments, the durable truth ([`CommentStore`](common::comment_store::CommentStore)):
//! [`embedded`] on local disk, [`cql`] on ScyllaDB or Cassandra.
//! What is live ([`LiveLog`](common::live_log::LiveLog) and
//! [`EndpointStore`](common::endpoint_store::EndpointStore), each store being both), and how often
//! somebody may post ([`Limiter`](common::limiter::Limiter)): [`memory`] inside one process,
//! [`redis`] between many. One behaviour suite per contract, in `tests/it`,
//! runs on all.

pub mod cql;

pub mod embedded;

pub mod memory;

pub mod redis;

use common::{endpoint_store::EndpointStoreError, link::Incarnation};

/// What both endpoint stores say to a gateway that outlived its lease.
fn lease_gone(incarnation: &Incarnation) -> EndpointStoreError {
    EndpointStoreError(format!(
        "the lease of {} ran out: register a new incarnation",
        incarnation.0
    ))
}
