//! `bench peer`: servers of ours that `bench compare` measures beside chorus. Both speak
//! [`Plain`](crate::load::dialect::Dialect::Plain).
//!
//! The [`floor`] is as little as a server can do; the [`plain_axum`] is what the framework's
//! documentation suggests.

#![expect(clippy::print_stdout, reason = "a command that says where it listens")]

use std::net::SocketAddr;

use anyhow::Result;

use crate::args::{PeerArgs, PeerKind};

mod floor;
mod plain_axum;

fn say(address: SocketAddr) {
    println!("listening on http://{address}");
}

pub(crate) fn run(args: &PeerArgs) -> Result<()> {
    match args.kind {
        PeerKind::Floor => floor::run(args.listen),
        PeerKind::Axum => plain_axum::run(args.listen),
    }
}
