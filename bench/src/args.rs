//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::origin::Origin;

mod compare;
mod dispatch;
mod load;
mod many;
mod overload;
mod peer;
mod replay;
mod storm;
mod watch;

pub(crate) use compare::CompareArgs;
pub(crate) use dispatch::DispatchArgs;
pub(crate) use load::LoadArgs;
pub(crate) use many::ManyArgs;
pub(crate) use overload::OverloadArgs;
pub(crate) use peer::{PeerArgs, PeerKind};
pub(crate) use replay::ReplayArgs;
pub(crate) use storm::StormArgs;
pub(crate) use watch::WatchArgs;

/// Load generator and checker for chorus. It speaks the public HTTP interface; `dispatch` alone
/// speaks to a role inside, and `storm` and `many` start the roles themselves.
///
/// Exit codes: 0 all is well; 1 a comment was lost, doubled or out of order (or nothing was
/// acknowledged, a post was answered wrongly, a stream or call was refused, a goal was missed); 2 the
/// run could not be made, or the tool was its limit; 3 comments were left out, and every viewer concerned was told so
/// (`skipped`, `reset`).
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Replay a real chat's arrivals as POSTs, watch with many viewers, and check every one of them
    Replay(ReplayArgs),
    /// Post as fast as answers come, so many at a time: acknowledged comments per second
    Post(PostArgs),
    /// Offer twice what the server takes: does it still take what it can, and is it well afterwards?
    Overload(OverloadArgs),
    /// Call one dispatcher as several ingest nodes would: comments per second, and per core-second
    Dispatch(DispatchArgs),
    /// Measure chorus beside its peers: CPU per delivery, memory per viewer, most deliveries, bursts
    Compare(CompareArgs),
    /// Open streams and post, as cheaply as can be: what a server costs, and not this tool
    Load(LoadArgs),
    /// Be a server of ours that `compare` measures beside chorus
    Peer(PeerArgs),
    /// Kill a gateway that has all the viewers, and check them as they come back at another
    Storm(StormArgs),
    /// Spread the viewers of one video over many processes: how long until the last has a comment?
    Many(ManyArgs),
    /// Be some of the viewers of `many`
    #[command(hide = true)]
    Watch(WatchArgs),
}

/// What every command has.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Seed of the texts: the same seed posts the same texts
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Run so many times and show median, minimum and maximum
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Where to post, and as whom.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Where comments are posted, as http://host:port; several are taken in turn
    #[arg(long, required = true, value_name = "URL")]
    pub(crate) post: Vec<Origin>,
    /// Bearer token of every post; without it, development mode's `X-Chorus-User: u<number>`
    #[arg(long, value_name = "JWT", conflicts_with = "hs256_secret")]
    pub(crate) token: Option<String>,
    /// Mint each user's own HS256 token with this secret
    #[arg(long, value_name = "SECRET", env = "BENCH_HS256_SECRET", hide_env_values = true)]
    pub(crate) hs256_secret: Option<String>,
}

/// What those have that post each comment until it is taken.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Post with an Idempotency-Key, and again with the same key after 429, 5xx or a broken connection
    #[arg(long)]
    pub(crate) keyed: bool,
    /// How long a keyed post is tried
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) retry_seconds: u64,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PostArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Posts under way at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive)]
    pub(crate) in_flight: usize,
    /// How long to measure
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// How long to post before that, unmeasured
    #[arg(long, value_name = "N", default_value = "1", value_parser = seconds)]
    pub(crate) warm_up_seconds: Duration,
    /// Videos, taken in turn
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub(crate) videos: usize,
    /// Authors, taken in turn: enough of them to stay below any limit per user
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: u32,
    /// Length of each text in UTF-8 bytes
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = positive)]
    pub(crate) text_bytes: usize,
}

fn speed(text: &str) -> Result<f64> {
    let speed: f64 = text.parse()?;
    if !speed.is_finite() || speed <= 0.0 {
        bail!("a speed is more than 0");
    }
    Ok(speed)
}

fn seconds(text: &str) -> Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

fn positive(text: &str) -> Result<usize> {
    match text.parse()? {
        0 => bail!("at least 1"),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        let base = ["bench", "replay", "--post", "http://a:1", "--stream", "http://b:2"];
        let parse = |more: &[&str]| CommandLine::try_parse_from(base.iter().chain(more).copied());
        assert!(parse(&[]).is_ok());
        assert!(
            parse(&["--stream", "http://c:3", "--speed", "2.5", "--limit-seconds", "0.5"]).is_ok()
        );
        for bad in [["--speed", "0"], ["--speed", "NaN"], ["--viewers", "0"], ["--runs", "0"]] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
        assert!(parse(&["--token", "a", "--hs256-secret", "b"]).is_err());
        assert!(parse(&["--stream", "https://c:3"]).is_err());
        assert!(CommandLine::try_parse_from(["bench", "replay"]).is_err());
    }
}
