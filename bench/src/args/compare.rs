//! The command line of `bench compare`.

use std::path::PathBuf;

use clap::Args;

use crate::compare::scenario::Name;
use crate::compare::server::Server;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The chorus binary
    #[arg(long, value_name = "FILE", default_value = "target/release/chorus")]
    pub(crate) chorus: PathBuf,
    /// Only these scenarios
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<Name>,
    /// Only these servers
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    pub(crate) servers: Vec<Server>,
    /// Rounds of each scenario; in each, every server has its turn
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The core that servers are pinned to
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) server_core: usize,
    /// … and the load
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) load_core: usize,
    /// Write table, JSON and charts there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) results: Option<PathBuf>,
}
