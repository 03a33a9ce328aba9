//! The command line of `bench storm`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use common::config::Secret;

use super::{RunArgs, positive, seconds, speed};

#[derive(Debug, Args)]
pub(crate) struct StormArgs {
    /// The chorus binary; its roles are started and ended by this command
    #[arg(long, value_name = "FILE", default_value = "target/release/chorus")]
    pub(crate) chorus: PathBuf,
    /// The Redis that they share, as in `live.url`
    #[arg(long, value_name = "URL", env = "BENCH_REDIS", hide_env_values = true)]
    pub(crate) redis: Secret,
    /// Viewers of the gateway that dies, spread evenly over the videos
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = positive)]
    pub(crate) viewers: usize,
    /// Videos; the viewers of each share a thread
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = positive)]
    pub(crate) videos: usize,
    /// Viewers that the other gateway has from the start, so that it serves the same videos already
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) warm_viewers: usize,
    /// Comments per second, over all videos, before, while and after
    #[arg(long, value_name = "N", default_value_t = 20.0, value_parser = speed)]
    pub(crate) rate: f64,
    /// Post for so long before the kill
    #[arg(long, value_name = "N", default_value = "5", value_parser = seconds)]
    pub(crate) before_seconds: Duration,
    /// … and for so long after it
    #[arg(long, value_name = "N", default_value = "15", value_parser = seconds)]
    pub(crate) after_seconds: Duration,
    /// The goal: every viewer has its new `resume` within so long after the kill
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    pub(crate) back_within_seconds: Duration,
    /// Address that viewers connect from; several are taken in turn
    #[arg(long, value_name = "IP")]
    pub(crate) source: Vec<IpAddr>,
    /// Watch on for so long after all has arrived: a late duplicate should be seen
    #[arg(long, value_name = "N", default_value = "2", value_parser = seconds)]
    pub(crate) linger_seconds: Duration,
    /// Give up when nobody has come back, or nothing new arrived, for so long
    #[arg(long, value_name = "N", default_value = "30", value_parser = seconds)]
    pub(crate) silence_seconds: Duration,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl StormArgs {
    /// What clap can't see: a video without viewers has nobody to judge by.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { viewers, videos, warm_viewers, .. } = *self;
        if viewers < videos || (1..videos).contains(&warm_viewers) {
            bail!("each of the {videos} videos needs a viewer at each gateway that has any");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Command, CommandLine};

    fn parse(more: &[&str]) -> StormArgs {
        let base = ["bench", "storm", "--redis", "redis://:hush@a:1"];
        let line = CommandLine::try_parse_from(base.iter().chain(more).copied()).unwrap();
        assert!(!format!("{line:?}").contains("hush"), "{line:?}");
        let Command::Storm(args) = line.command else { panic!("another command") };
        args
    }

    #[test]
    fn every_video_has_a_viewer_wherever_there_are_any() {
        assert!(parse(&[]).check().is_ok());
        assert!(parse(&["--warm-viewers", "4"]).check().is_ok());
        for bad in [["--warm-viewers", "3"], ["--viewers", "3"], ["--videos", "20000"]] {
            assert!(parse(&bad).check().is_err(), "{bad:?}");
        }
    }
}
