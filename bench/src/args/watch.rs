//! The command line of `bench watch`, which `bench many` writes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;

use super::{positive, seconds};

#[derive(Clone, Debug, PartialEq, Args)]
pub(crate) struct WatchArgs {
    /// A gateway; several are taken in turn
    #[arg(long, required = true, value_name = "IP:PORT")]
    pub(crate) server: Vec<SocketAddr>,
    /// Address that viewers connect from; several are taken in turn
    #[arg(long, value_name = "IP")]
    pub(crate) source: Vec<IpAddr>,
    /// The video that all watch
    #[arg(long)]
    pub(crate) video: String,
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) viewers: usize,
    /// Most comments that will come
    #[arg(long, value_name = "N")]
    pub(crate) comments: u32,
    /// What the machine's monotonic clock said when the run began, in microseconds
    #[arg(long, value_name = "N")]
    pub(crate) zero_us: u64,
    /// Give up when no more streams have opened for so long
    #[arg(long, value_name = "N", value_parser = seconds)]
    pub(crate) silence_seconds: Duration,
}

impl WatchArgs {
    /// As a command line that says the same.
    pub(crate) fn flags(&self) -> Vec<String> {
        let Self { server, source, video, viewers, comments, zero_us, silence_seconds } = self;
        let mut flags = vec![
            format!("--video={video}"),
            format!("--viewers={viewers}"),
            format!("--comments={comments}"),
            format!("--zero-us={zero_us}"),
            format!("--silence-seconds={}", silence_seconds.as_secs_f64()),
        ];
        flags.extend(server.iter().map(|server| format!("--server={server}")));
        flags.extend(source.iter().map(|source| format!("--source={source}")));
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Command, CommandLine};

    #[test]
    fn flags_say_the_same() {
        let args = WatchArgs {
            server: [1, 2].map(|port| ([127, 0, 0, 1], port).into()).to_vec(),
            source: vec![[127, 0, 1, 1].into()],
            video: "-v".to_owned(),
            viewers: 3,
            comments: 4,
            zero_us: 5,
            silence_seconds: Duration::from_millis(6_500),
        };
        let words = ["bench", "watch"].map(str::to_owned);
        let line = CommandLine::try_parse_from(words.into_iter().chain(args.flags())).unwrap();
        let Command::Watch(parsed) = line.command else { panic!("another command") };
        assert_eq!(parsed, args);
    }
}
