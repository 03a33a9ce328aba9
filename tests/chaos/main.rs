//! The real roles as processes, with a fault proxy of our own in every link, while they are killed,
//! paused, ended and cut off from each other: does every viewer get every acknowledged comment,
//! once and in the one order?
//!
//! `deploy/dev/test -p chorus` runs it; [`scenarios`] and [`soak`] need Redis and Cassandra, the
//! rest Rust alone. The Redis is their own, since it is killed as well.
//!
//! In reading order: [`stage`] is everything together; [`cluster`] the processes and the [`proxy`]s
//! between them, [`front`] the load balancer; [`audience`] the viewers ([`viewer`],
//! [`event_source`]), [`commenters`] the load; [`recording`] what they saw and what was
//! acknowledged, [`checker`] and [`order`] the judgement of it, [`silence`] how long viewers waited,
//! [`outcome`] how it is told; [`controls`] and [`mutant`] show that harm is seen.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy allows them in tests, but not in the functions that tests share"
)]

mod audience;
mod checker;
#[expect(dead_code, reason = "tests/it uses more of it")]
#[path = "../support/client.rs"]
mod client;
mod cluster;
mod commenters;
mod controls;
#[path = "../support/event_source.rs"]
mod event_source;
mod front;
mod mutant;
mod order;
mod outcome;
#[expect(dead_code, reason = "tests/it uses more of it")]
#[path = "../support/process.rs"]
mod process;
mod proxy;
mod recording;
#[path = "../../store/tests/it/redis_server.rs"]
mod redis_server;
#[path = "../support/roles.rs"]
mod roles;
mod scenarios;
#[path = "../../store/tests/it/sentinels.rs"]
mod sentinels;
mod silence;
mod soak;
mod stage;
mod viewer;
