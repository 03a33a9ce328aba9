//! The command line of `bench peer`.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct PeerArgs {
    /// Which one
    #[arg(value_enum)]
    pub(crate) kind: PeerKind,
    /// Where it listens
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7070")]
    pub(crate) listen: SocketAddr,
}

/// Servers of this program.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PeerKind {
    /// One thread, no framework: a log for each video, a position for each viewer
    Floor,
    /// axum's `Sse` over a tokio broadcast channel for each video
    Axum,
}
