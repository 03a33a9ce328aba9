//! The command line of `bench overload`.

use std::time::Duration;

use clap::Args;

use super::{RunArgs, TargetArgs, positive, seconds, speed};

#[derive(Debug, Args)]
pub(crate) struct OverloadArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Posts under way at a time while the peak is looked for; the best of them is measured again
    #[arg(long, value_name = "N,…", default_value = "64,128,256,1024", value_delimiter = ',', value_parser = positive)]
    pub(crate) in_flight: Vec<usize>,
    /// How long to measure with each of them
    #[arg(long, value_name = "N", default_value = "2", value_parser = seconds)]
    pub(crate) peak_seconds: Duration,
    /// How long to post before anything is measured, each time
    #[arg(long, value_name = "N", default_value = "1", value_parser = seconds)]
    pub(crate) warm_up_seconds: Duration,
    /// Then offer so many times the peak
    #[arg(long, value_name = "X", default_value_t = 2.0, value_parser = speed)]
    pub(crate) times: f64,
    /// … for so long, and for as long the peak before it
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Connections, each used in its turn; a post that is due when none is free is not sent, and counted
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = positive)]
    pub(crate) connections: usize,
    /// Then offer so many times the peak, of which all must be acknowledged
    #[arg(long, value_name = "X", default_value_t = 0.5, value_parser = speed)]
    pub(crate) calm_times: f64,
    /// … for so long, once the time of `--warm-up-seconds` is over, in which refusals may remain
    #[arg(long, value_name = "N", default_value = "5", value_parser = seconds)]
    pub(crate) calm_seconds: Duration,
    /// The goal: acknowledged under overload, of the peak
    #[arg(long, value_name = "X", default_value_t = 0.9)]
    pub(crate) ratio: f64,
    /// The server's process on this machine: shows what CPU it used and what it took for that
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// A missed goal says nothing when this tool's own delay, from due to sent, was more in the median
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) late_ms_max: u64,
    /// Videos, taken in turn
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub(crate) videos: usize,
    /// Authors, taken in turn: enough of them to stay below any limit per user
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: u32,
    /// Length of each text in UTF-8 bytes
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = positive)]
    pub(crate) text_bytes: usize,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Command, CommandLine};

    #[test]
    fn several_levels_and_nothing_posted_twice() {
        let base = ["bench", "overload", "--post", "http://a:1"];
        let parse = |more: &[&str]| CommandLine::try_parse_from(base.iter().chain(more).copied());
        let line = parse(&["--in-flight", "1,20"]).unwrap();
        let Command::Overload(args) = line.command else { panic!("another command") };
        assert_eq!(args.in_flight, [1, 20]);
        for bad in [["--in-flight", "1,0"], ["--times", "0"], ["--connections", "0"]] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
        assert!(parse(&["--keyed"]).is_err());
    }
}
