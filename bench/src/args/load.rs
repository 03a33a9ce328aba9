//! The command line of `bench load`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::{positive, seconds, speed};
use crate::load::dialect::Dialect;

#[derive(Clone, Debug, PartialEq, Args)]
pub(crate) struct LoadArgs {
    /// Where comments are posted and streams are opened
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) server: SocketAddr,
    /// How it is spoken to
    #[arg(long, value_enum, default_value_t = Dialect::Chorus)]
    pub(crate) dialect: Dialect,
    /// Viewers, spread evenly over the videos
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = positive)]
    pub(crate) viewers: usize,
    /// Videos; comments go to them in turn
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub(crate) videos: usize,
    /// So many more viewers open a stream and never read it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) stuck: usize,
    /// All viewers come in the same instant, and not a few at a time
    #[arg(long)]
    pub(crate) herd: bool,
    /// Comments per second, by an open loop
    #[arg(long, value_name = "N", default_value_t = 20.0, value_parser = speed)]
    pub(crate) rate: f64,
    /// Post for so long; 0 only opens the streams
    #[arg(long, value_name = "N", default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// So many comments are due at once instead, at the beginning
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with_all = ["rate", "seconds"])]
    pub(crate) burst: u32,
    /// Most posts under way at a time, each on a connection of its own
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive)]
    pub(crate) in_flight: usize,
    /// Give up when nothing has arrived for so long, though something is missing
    #[arg(long, value_name = "N", default_value = "5", value_parser = seconds)]
    pub(crate) silence_seconds: Duration,
    /// Address that viewers connect from; several are taken in turn (more than 28,000 viewers)
    #[arg(long, value_name = "IP")]
    pub(crate) source: Vec<IpAddr>,
}

impl LoadArgs {
    /// What a command line without any of these would give.
    pub(crate) fn new(server: SocketAddr, dialect: Dialect) -> Self {
        Self {
            server,
            dialect,
            viewers: 1_000,
            videos: 1,
            stuck: 0,
            herd: false,
            rate: 20.0,
            seconds: Duration::from_secs(5),
            burst: 0,
            in_flight: 64,
            silence_seconds: Duration::from_secs(5),
            source: Vec::new(),
        }
    }

    /// As a command line that says the same.
    pub(crate) fn flags(&self) -> Vec<String> {
        let Self {
            server,
            dialect,
            viewers,
            videos,
            stuck,
            herd,
            rate,
            seconds,
            burst,
            in_flight,
            ..
        } = self;
        let dialect = dialect
            .to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default();
        let mut flags = vec![
            format!("--server={server}"),
            format!("--dialect={dialect}"),
            format!("--viewers={viewers}"),
            format!("--videos={videos}"),
            format!("--stuck={stuck}"),
            format!("--in-flight={in_flight}"),
            format!("--silence-seconds={}", self.silence_seconds.as_secs_f64()),
        ];
        flags.extend(self.source.iter().map(|source| format!("--source={source}")));
        flags.extend(herd.then(|| "--herd".to_owned()));
        if *burst > 0 {
            flags.push(format!("--burst={burst}"));
        } else {
            flags.push(format!("--rate={rate}"));
            flags.push(format!("--seconds={}", seconds.as_secs_f64()));
        }
        flags
    }

    /// Comments to post.
    pub(crate) fn posts(&self) -> Result<u32> {
        if self.burst > 0 {
            return Ok(self.burst);
        }
        let posts = (self.rate * self.seconds.as_secs_f64()).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        match posts {
            0.0..1e8 => Ok(posts as u32),
            _ => bail!("{posts} comments are too many: numbers have eight digits"),
        }
    }

    /// When comment `number` is due, in microseconds after the first.
    pub(crate) fn due_us(&self, number: u32) -> u64 {
        if self.burst > 0 {
            return 0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "hours at most"
        )]
        let due = (f64::from(number) / self.rate * 1e6) as u64;
        due
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Command, CommandLine};

    fn parse(flags: &[String]) -> LoadArgs {
        let words = ["bench", "load"].map(str::to_owned);
        let line = CommandLine::try_parse_from(words.iter().chain(flags)).unwrap();
        let Command::Load(args) = line.command else { panic!("another command") };
        args
    }

    #[test]
    fn flags_say_the_same() {
        let default = LoadArgs::new(([127, 0, 0, 1], 7070).into(), Dialect::Plain);
        let server = ["--server=127.0.0.1:7070", "--dialect=plain"].map(str::to_owned);
        assert_eq!(parse(&server), default);
        let other = LoadArgs { herd: true, videos: 3, rate: 0.5, ..default.clone() };
        assert_eq!(parse(&other.flags()), other);
        let burst = LoadArgs { burst: 7, stuck: 2, ..default };
        assert_eq!(parse(&burst.flags()), burst);
    }

    #[test]
    fn comments_are_due_one_after_another_or_all_at_once() {
        let steady = LoadArgs::new(([127, 0, 0, 1], 1).into(), Dialect::Chorus);
        assert_eq!((steady.posts().unwrap(), steady.due_us(3)), (100, 150_000));
        let burst = LoadArgs { burst: 7, ..steady.clone() };
        assert_eq!((burst.posts().unwrap(), burst.due_us(3)), (7, 0));
        assert!(LoadArgs { rate: 1e9, ..steady }.posts().is_err());
    }
}
