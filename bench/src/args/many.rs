//! The command line of `bench many`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use common::config::Secret;

use super::{RunArgs, positive, seconds};

/// Source addresses are told apart by one number each.
const PROCESSES_MAX: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct ManyArgs {
    /// The chorus binary; its roles are started and ended by this command
    #[arg(long, value_name = "FILE", default_value = "target/release/chorus")]
    pub(crate) chorus: PathBuf,
    /// The Redis that they share, as in `live.url`
    #[arg(long, value_name = "URL", env = "BENCH_REDIS", hide_env_values = true)]
    pub(crate) redis: Secret,
    /// Viewers of the one video, spread evenly over the gateways
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = positive)]
    pub(crate) viewers: usize,
    /// Gateway processes
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = positive)]
    pub(crate) gateways: usize,
    /// Viewers that one process of this tool plays at most
    #[arg(long, value_name = "N", default_value_t = 17_000, value_parser = positive)]
    pub(crate) viewers_per_process: usize,
    /// Comments, one at a time: each is posted when all have the one before
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..10_000))]
    pub(crate) comments: u32,
    /// Rest before each of them
    #[arg(long, value_name = "N", default_value = "1", value_parser = seconds)]
    pub(crate) pause_seconds: Duration,
    /// Watch on for so long after the last: a late duplicate should be seen
    #[arg(long, value_name = "N", default_value = "2", value_parser = seconds)]
    pub(crate) linger_seconds: Duration,
    /// Give up when no stream has opened, or a comment has not reached everybody, for so long
    #[arg(long, value_name = "N", default_value = "30", value_parser = seconds)]
    pub(crate) silence_seconds: Duration,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl ManyArgs {
    /// Viewers of each process, as evenly as can be.
    pub(crate) fn parties(&self) -> Result<Vec<usize>> {
        let Self { viewers, viewers_per_process, .. } = *self;
        let processes = viewers.div_ceil(viewers_per_process);
        if processes > PROCESSES_MAX {
            bail!("{processes} processes of viewers are too many: {PROCESSES_MAX} at most");
        }
        let first = |process: usize| process * viewers / processes;
        Ok((0..processes).map(|process| first(process + 1) - first(process)).collect())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Command, CommandLine};

    fn parties(more: &[&str]) -> Result<Vec<usize>> {
        let base = ["bench", "many", "--redis", "redis://a:1"];
        let line = CommandLine::try_parse_from(base.iter().chain(more).copied())?;
        let Command::Many(args) = line.command else { panic!("another command") };
        args.parties()
    }

    #[test]
    fn viewers_are_spread_over_as_few_processes_as_can_be() {
        let of = |viewers| parties(&["--viewers", viewers]).unwrap();
        assert_eq!(of("1"), [1]);
        assert_eq!(of("17000"), [17_000]);
        assert_eq!(of("17001"), [8_500, 8_501]);
        assert_eq!(of("100000").iter().sum::<usize>(), 100_000);
        assert_eq!(of("100000").len(), 6);
        assert!(parties(&["--viewers-per-process", "499"]).is_err());
    }
}
