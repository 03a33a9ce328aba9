//! The command line of `bench replay`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{CommonArgs, positive, seconds, speed};
use crate::origin::Origin;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Where viewers watch, as http://host:port; several gateways are taken in turn
    #[arg(long, required = true, value_name = "URL")]
    pub(crate) stream: Vec<Origin>,
    /// The video [default: a new one for each run]
    #[arg(long, value_name = "ID")]
    pub(crate) video: Option<String>,
    /// Lines `t_ms text_bytes user`
    #[arg(long, value_name = "FILE", default_value = "bench/traces/lol_worlds2016_10min.arrivals")]
    pub(crate) trace: PathBuf,
    /// How many times faster than it was
    #[arg(long, value_name = "X", default_value_t = 10.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// Post only what is due within the first N seconds of the replay
    #[arg(long, value_name = "N", value_parser = seconds)]
    pub(crate) limit_seconds: Option<Duration>,
    /// Viewers, spread evenly over the gateways
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = positive)]
    pub(crate) viewers: usize,
    /// Threads that the viewers share
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub(crate) viewer_threads: usize,
    /// Address that viewers connect from; several are taken in turn (more than 50,000 viewers)
    #[arg(long, value_name = "IP")]
    pub(crate) source: Vec<IpAddr>,
    /// Most posts under way at a time
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = positive)]
    pub(crate) in_flight: usize,
    /// Watch on for so long after all has arrived: a late duplicate should be seen
    #[arg(long, value_name = "N", default_value = "2", value_parser = seconds)]
    pub(crate) linger_seconds: Duration,
    /// Give up when nothing new has arrived for so long, though something is missing
    #[arg(long, value_name = "N", default_value = "30", value_parser = seconds)]
    pub(crate) silence_seconds: Duration,
}
