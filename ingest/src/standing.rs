//! What is remembered of a dispatcher that failed: others are preferred to it for a while, then one
//! comment tries it again.

use std::time::Duration;

use tokio::time::Instant;

/// How long a dispatcher that failed, or did not answer in time, is asked after all others. A
/// frozen one costs one comment [`PATIENCE`](crate::outbox::PATIENCE) in that time; one that is
/// back is used again that much later at most.
pub(crate) const SUSPICION: Duration = Duration::from_secs(5);
/// How long others are preferred to a dispatcher that had no room: some ten calls of it.
pub(crate) const RELIEF: Duration = Duration::from_millis(250);

/// How a dispatcher stands: the less, the sooner it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing is held against it.
    Good,
    /// It had no room a moment ago.
    Overloaded,
    /// It could not reach the live log lately. It answers, so it can show comments all the same.
    CutOff,
    /// It failed lately, or the comment that tries it again has no answer yet.
    Suspect,
}

/// How a call of a dispatcher ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It took what it was given.
    Taken,
    /// It had no room.
    Overloaded,
    /// It can't reach the live log.
    LogAway,
    /// It failed, took nothing or did not answer in time.
    Failed,
}

/// One dispatcher's record.
#[derive(Debug, Default)]
pub(crate) enum Record {
    #[default]
    Clean,
    Overloaded {
        until: Instant,
    },
    Suspect {
        until: Instant,
        standing: Standing,
    },
}

impl Record {
    /// Notes how a call ended.
    pub(crate) fn note(&mut self, outcome: Outcome, now: Instant) {
        *self = match outcome {
            Outcome::Taken => Self::Clean,
            Outcome::Overloaded => Self::Overloaded { until: now + RELIEF },
            Outcome::LogAway => Self::suspect(Standing::CutOff, now),
            Outcome::Failed => Self::suspect(Standing::Suspect, now),
        };
    }

    fn suspect(standing: Standing, now: Instant) -> Self {
        Self::Suspect { until: now + SUSPICION, standing }
    }

    /// How it stands. A suspicion does not end by time alone: see [`Record::take_trial`].
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        match self {
            Self::Suspect { standing, .. } => *standing,
            Self::Overloaded { until } if now < *until => Standing::Overloaded,
            Self::Overloaded { .. } | Self::Clean => Standing::Good,
        }
    }

    /// Whether the caller is to try a suspect again: true for one caller per [`SUSPICION`]. That
    /// one may die before it brings an outcome, so the next one's turn comes by time.
    pub(crate) fn take_trial(&mut self, now: Instant) -> bool {
        match self {
            Self::Suspect { until, .. } if now >= *until => {
                *until = now + SUSPICION;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A suspicion lasts its time; then one caller tries, and the others wait for what comes of it.
    #[test]
    fn one_caller_per_period_tries_a_suspect() {
        let (mut record, start) = (Record::default(), Instant::now());
        assert!(!record.take_trial(start), "a clean one needs no trial");
        record.note(Outcome::Failed, start);
        let early = start + SUSPICION - Duration::from_millis(1);
        assert_eq!((record.standing(early), record.take_trial(early)), (Standing::Suspect, false));
        let due = start + SUSPICION;
        assert_eq!([record.take_trial(due), record.take_trial(due)], [true, false]);
        assert_eq!(record.standing(due), Standing::Suspect, "until that one is answered");
        assert!(record.take_trial(due + SUSPICION), "that one never came back");
        record.note(Outcome::Taken, due + SUSPICION);
        assert_eq!(record.standing(due + SUSPICION), Standing::Good);
    }

    /// Having no room is forgotten by itself; who says so is at least alive.
    #[test]
    fn having_no_room_is_forgotten_soon() {
        let (mut record, start) = (Record::default(), Instant::now());
        record.note(Outcome::Failed, start);
        record.note(Outcome::Overloaded, start);
        assert_eq!(record.standing(start), Standing::Overloaded);
        assert!(!record.take_trial(start + SUSPICION));
        assert_eq!(record.standing(start + RELIEF), Standing::Good);
    }
}
