//! What is tried with every server, and what should come of it.

use std::time::Duration;

use clap::ValueEnum;

use super::server::Server;
use crate::args::LoadArgs;
use crate::goal::{Bound, Goal};

/// The scenarios, by the names that they have on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    #[value(name = "steady-1k")]
    Steady1k,
    #[value(name = "steady-10k")]
    Steady10k,
    #[value(name = "peak-1k")]
    Peak1k,
    #[value(name = "peak-10k")]
    Peak10k,
    Burst,
    Rooms,
    Herd,
    Idle,
    Stuck,
}

/// How a scenario is measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// CPU and latencies at a rate that all of them manage.
    Steady,
    /// The highest rate that is managed, from this one up.
    Peak { from: f64 },
    /// How long the last viewer waits for the last of many comments.
    Burst,
    /// How fast all who come at once are served, and what they cost afterwards.
    Herd,
    /// What viewers cost to whom nothing is said.
    Idle,
    /// Steady, without and with so many who never read.
    Stuck(usize),
}

/// Rounds of a scenario whose goal is far from what servers differ by from round to round.
const FAR_ROUNDS_MAX: u32 = 3;
/// … and of one that searches.
const PEAK_ROUNDS_MAX: u32 = 1;

impl Name {
    pub(super) const ALL: [Self; 9] = [
        Self::Steady1k,
        Self::Steady10k,
        Self::Burst,
        Self::Rooms,
        Self::Herd,
        Self::Idle,
        Self::Stuck,
        Self::Peak1k,
        Self::Peak10k,
    ];

    pub(super) fn key(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Steady1k => "1,000 viewers, 20 comments/s",
            Self::Steady10k => "10,000 viewers, 2 comments/s",
            Self::Peak1k => "1,000 viewers, as many comments as p99 ≤ 1 s allows",
            Self::Peak10k => "10,000 viewers, as many comments as p99 ≤ 1 s allows",
            Self::Burst => "5,000 viewers, 100 comments at once",
            Self::Rooms => "5,000 viewers of 1,000 videos, 1,000 comments/s",
            Self::Herd => "10,000 viewers come at once",
            Self::Idle => "19,000 viewers, no comments",
            Self::Stuck => "1,000 viewers, 20 comments/s, 250 more who never read",
        }
    }

    /// The figure that its chart shows.
    pub(super) fn headline(self) -> &'static str {
        match self {
            Self::Steady1k | Self::Steady10k => "cpu_us",
            Self::Peak1k | Self::Peak10k => "per_s",
            Self::Burst => "last_ms",
            Self::Rooms => "p99_ms",
            Self::Herd => "open_per_s",
            Self::Idle => "memory_kib",
            Self::Stuck => "p99_stuck_ms",
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Steady1k | Self::Steady10k | Self::Rooms => Kind::Steady,
            Self::Peak1k => Kind::Peak { from: 200.0 },
            Self::Peak10k => Kind::Peak { from: 20.0 },
            Self::Burst => Kind::Burst,
            Self::Herd => Kind::Herd,
            Self::Idle => Kind::Idle,
            Self::Stuck => Kind::Stuck(250),
        }
    }

    pub(super) fn load(self, to: LoadArgs) -> LoadArgs {
        let (none, peak) = (Duration::ZERO, Duration::from_secs(3));
        match self {
            Self::Steady1k | Self::Stuck => LoadArgs { viewers: 1_000, rate: 20.0, ..to },
            Self::Steady10k => LoadArgs { viewers: 10_000, rate: 2.0, ..to },
            Self::Peak1k => LoadArgs { viewers: 1_000, in_flight: 256, seconds: peak, ..to },
            Self::Peak10k => LoadArgs { viewers: 10_000, in_flight: 256, seconds: peak, ..to },
            Self::Burst => LoadArgs { viewers: 5_000, burst: 100, ..to },
            Self::Rooms => LoadArgs { viewers: 5_000, videos: 1_000, rate: 1_000.0, ..to },
            Self::Herd => LoadArgs { viewers: 10_000, herd: true, seconds: none, ..to },
            Self::Idle => LoadArgs { viewers: 19_000, seconds: none, ..to },
        }
    }

    pub(super) fn rounds(self, asked: u32) -> u32 {
        match self.kind() {
            Kind::Steady if self != Self::Rooms => asked,
            Kind::Stuck(_) => asked,
            Kind::Peak { .. } => asked.min(PEAK_ROUNDS_MAX),
            _ => asked.min(FAR_ROUNDS_MAX),
        }
    }

    /// Who is measured; what a peer makes of viewers who never read is no goal of ours.
    pub(super) fn servers(self) -> &'static [Server] {
        if self == Self::Stuck { &[Server::Chorus] } else { &Server::ALL }
    }

    /// Figures whose ratios are shown, round by round.
    pub(super) fn ratios(self) -> &'static [(&'static str, Server, Server)] {
        use Server::{Chorus, Floor, Nchan};
        match self {
            Self::Steady1k | Self::Steady10k => {
                &[("cpu_us", Chorus, Floor), ("cpu_us", Chorus, Nchan)]
            }
            Self::Peak1k | Self::Peak10k => &[("per_s", Chorus, Nchan), ("per_s", Chorus, Floor)],
            Self::Rooms => &[("p99_ms", Chorus, Floor)],
            Self::Herd => &[("open_per_s", Chorus, Floor)],
            Self::Burst | Self::Idle | Self::Stuck => &[],
        }
    }

    pub(super) fn goals(self) -> Vec<Goal> {
        use Bound::{AtLeast, AtMost};
        let goals: &[(&str, Bound)] = match self {
            Self::Steady1k | Self::Steady10k => {
                &[("cpu_us.chorus/floor", AtMost(1.15)), ("cpu_us.chorus/nchan", AtMost(0.65))]
            }
            Self::Peak1k => &[("per_s.chorus/nchan", AtLeast(8.0))],
            Self::Peak10k => &[("per_s.chorus/nchan", AtLeast(20.0))],
            Self::Burst => &[("last_ms.chorus", AtMost(100.0))],
            Self::Rooms => &[("p99_ms.chorus/floor", AtMost(2.0))],
            Self::Herd => &[
                ("open_per_s.chorus/floor", AtLeast(0.5)),
                ("refused.chorus", AtMost(0.0)),
                ("idle_cpu.chorus", AtMost(1.0)),
            ],
            Self::Idle => &[("memory_kib.chorus", AtMost(1.0))],
            Self::Stuck => &[("p99_stuck_ratio.chorus", AtMost(1.15))],
        };
        let goal = |(key, bound): &(&str, Bound)| Goal {
            key: (*key).to_owned(),
            bound: *bound,
            doubt: None,
        };
        goals.iter().map(goal).collect()
    }
}
