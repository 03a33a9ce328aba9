//! What every role of chorus shares, below all of them: it knows no other crate of ours.
//!
//! In reading order: what things are called ([`ids`], [`comment`], [`event`], [`room`],
//! [`position`], [`totals`]), the contracts between the roles and their surroundings
//! ([`comment_store`], [`room_store`], [`counter_store`], [`live_log`], [`live_rooms`], [`tallies`],
//! [`endpoint_store`], [`limiter`], [`link`]), the bytes between processes ([`wire`], [`peer`]), and
//! what every server needs ([`config`], [`auth`], [`pass`], [`client_address`], [`network`],
//! [`problem`], [`path`], [`openapi`], [`serve`], [`tls`], [`handover`], [`descriptors`], [`memory`], [`health`],
//! [`tally_book`], [`ambient`], [`task`], [`outage`], [`telemetry`]).

pub mod ids;

pub mod comment;

pub mod event;

pub mod room;

pub mod position;

pub mod totals;

pub mod tally_book;

pub mod comment_store;

pub mod room_store;

pub mod counter_store;

pub mod live_log;

pub mod live_rooms;

pub mod tallies;

pub mod endpoint_store;

pub mod limiter;

pub mod link;

pub mod wire;

pub mod peer;

pub mod config;

pub mod auth;

pub mod pass;

pub mod client_address;

pub mod network;

pub mod problem;

pub mod path;

pub mod openapi;

pub mod serve;

pub mod tls;

pub mod handover;

pub mod descriptors;

pub mod memory;

pub mod health;

pub mod ambient;

pub mod task;

pub mod outage;

pub mod telemetry;
