//! The command line of `bench dispatch`.

use std::time::Duration;

use clap::Args;
use common::config::Secret;

use super::{RunArgs, positive, seconds};
use crate::origin::Origin;

#[derive(Debug, Args)]
pub(crate) struct DispatchArgs {
    /// The dispatcher's internal address, as http://host:port
    #[arg(long, value_name = "URL")]
    pub(crate) dispatcher: Origin,
    /// The secret that the roles share (`internal.secret`)
    #[arg(long, value_name = "SECRET", env = "BENCH_INTERNAL_SECRET", hide_env_values = true)]
    pub(crate) internal_secret: Secret,
    /// The dispatcher's process on this machine: shows what CPU time a comment takes there
    #[arg(long, value_name = "PID")]
    pub(crate) dispatcher_pid: Option<u32>,
    /// … and its Redis
    #[arg(long, value_name = "PID")]
    pub(crate) redis_pid: Option<u32>,
    /// Calls under way at a time, each on its own connection, as an ingest node's is
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = positive)]
    pub(crate) in_flight: usize,
    /// Comments in each call
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive)]
    pub(crate) batch: usize,
    /// Videos, taken in turn
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = positive)]
    pub(crate) videos: usize,
    /// Of them, those that one call's comments are spread over
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = positive)]
    pub(crate) videos_per_call: usize,
    /// Call the videos PREFIX-0 and so on [default: new ones for each run]
    #[arg(long, value_name = "PREFIX")]
    pub(crate) video: Option<String>,
    /// Length of each text in UTF-8 bytes
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = positive)]
    pub(crate) text_bytes: usize,
    /// How long to measure
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// How long to call before that, unmeasured
    #[arg(long, value_name = "N", default_value = "1", value_parser = seconds)]
    pub(crate) warm_up_seconds: Duration,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Command, CommandLine};

    #[test]
    fn a_dispatcher_and_its_secret_are_enough_and_the_secret_stays_hidden() {
        let base = ["bench", "dispatch", "--dispatcher", "http://a:1"];
        let parse = |more: &[&str]| CommandLine::try_parse_from(base.iter().chain(more).copied());
        let line = parse(&["--internal-secret", "hush"]).unwrap();
        assert!(!format!("{line:?}").contains("hush"), "{line:?}");
        let Command::Dispatch(args) = line.command else { panic!("another command") };
        assert_eq!((args.batch, args.in_flight, args.videos), (64, 4, 100));
        assert!(parse(&["--internal-secret", "s", "--batch", "0"]).is_err());
        assert!(parse(&["--internal-secret", "s", "--post", "http://b:2"]).is_err());
    }
}
