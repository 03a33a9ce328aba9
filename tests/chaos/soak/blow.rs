//! What the soak does to whom.

use std::{fmt, time::Duration};

use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use crate::cluster::{Role, Who};

/// Rounds in which two processes are hit at once, of so many.
const DOUBLE_OF: u32 = 4;
/// Bounds of a pause, milliseconds: shorter and longer than a gateway's lease.
const PAUSE_MS: std::ops::Range<u64> = 200..4500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// kill -9, then started again.
    Killed,
    /// SIGSTOP, then SIGCONT.
    Frozen { pause: Duration },
    /// SIGTERM, then started again.
    Terminated,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Blow {
    pub(super) who: Who,
    pub(super) kind: Kind,
    /// Started again only once everyone has got over it; else at once.
    pub(super) is_missed_long: bool,
}

impl Blow {
    fn draw(who: Who, chance: &mut StdRng) -> Self {
        let kind = match chance.random_range(0..10) {
            0..5 => Kind::Killed,
            5..8 => Kind::Frozen { pause: Duration::from_millis(chance.random_range(PAUSE_MS)) },
            _ => Kind::Terminated,
        };
        let is_frozen = matches!(kind, Kind::Frozen { .. });
        Self { who, kind, is_missed_long: !is_frozen && chance.random() }
    }

    /// How long nothing can be expected of it.
    pub(super) fn pause(&self) -> Duration {
        match self.kind {
            Kind::Frozen { pause } => pause,
            Kind::Killed | Kind::Terminated => Duration::ZERO,
        }
    }

    pub(super) fn role(&self) -> Role {
        self.who.0
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.who.0, self.who.1, self.kind)?;
        match self.kind {
            Kind::Frozen { pause } => write!(out, " for {pause:?}"),
            _ if self.is_missed_long => write!(out, " for long"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Killed => "killed",
            Self::Frozen { .. } => "frozen",
            Self::Terminated => "terminated",
        })
    }
}

/// What happens at once.
pub(super) struct Round {
    pub(super) blows: Vec<Blow>,
}

impl Round {
    /// One blow or two, `max` at most, to different processes.
    pub(super) fn draw(chance: &mut StdRng, max: usize) -> Self {
        let count = if chance.random_ratio(1, DOUBLE_OF) { 2 } else { 1 };
        let whom: Vec<_> = Who::ALL.sample(chance, count.min(max)).copied().collect();
        Self { blows: whom.into_iter().map(|who| Blow::draw(who, chance)).collect() }
    }
}

impl fmt::Display for Round {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blows: Vec<_> = self.blows.iter().map(Blow::to_string).collect();
        out.write_str(&blows.join(" and "))
    }
}
