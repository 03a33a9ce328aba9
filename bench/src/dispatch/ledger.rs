//! What became of the calls.

use common::link::{Accepted, LinkError};

use crate::report::Row;

/// Counts of some time; taken out and begun anew where the time begins.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// How long each answered call took.
    pub(crate) calls_us: Vec<u64>,
    /// Comments that were given a place.
    pub(crate) accepted: u64,
    /// Comments of answered calls that were given none.
    unavailable: u64,
    /// Calls that the dispatcher had no room for.
    overloaded: u64,
    /// Calls that it refused, or that it answered otherwise than the contract has it.
    refused: u64,
    /// Calls without an answer, whose outcome is unknown.
    unanswered: u64,
    /// Why the last comment or call of those went wrong.
    why: Option<String>,
}

impl Ledger {
    /// Enters a call; tells whether it was answered.
    pub(crate) fn enter(&mut self, answer: Result<Vec<Accepted>, LinkError>, took_us: u64) -> bool {
        let accepted = match answer {
            Ok(accepted) => accepted,
            Err(error) => {
                match error {
                    LinkError::Overloaded => self.overloaded += 1,
                    LinkError::Refused(_) => self.refused += 1,
                    LinkError::Unavailable(_) => self.unanswered += 1,
                }
                self.why = Some(error.to_string());
                return false;
            }
        };
        self.calls_us.push(took_us);
        for accepted in accepted {
            match accepted {
                Ok(_) => self.accepted += 1,
                Err(error) => {
                    self.unavailable += 1;
                    self.why = Some(error.to_string());
                }
            }
        }
        true
    }

    /// What wasn't accepted, for whoever watches.
    pub(crate) fn failed(&self) -> String {
        let calls = self.overloaded + self.refused + self.unanswered;
        format!("{} comments and {calls} calls failed", self.unavailable)
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        vec![
            Row::count("calls", "calls answered", self.calls_us.len() as u64),
            Row::count("accepted", "comments accepted", self.accepted),
            Row::count("unavailable", "comments unavailable", self.unavailable),
            Row::count("calls_overloaded", "calls it had no room for", self.overloaded),
            Row::count("calls_refused", "calls refused", self.refused),
            Row::count("calls_unanswered", "calls without an answer", self.unanswered),
        ]
    }

    /// What no dispatcher may do to a well-formed call, and a run that shows nothing.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.refused > 0 {
            problems.push(format!("{} calls refused", self.refused));
        }
        if self.accepted == 0 {
            problems.push("nothing was accepted".to_owned());
        }
        if let (Some(why), false) = (&self.why, problems.is_empty()) {
            problems.push(why.clone());
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use common::{
        link::NotAppended,
        position::{Epoch, Position},
    };

    use super::*;

    fn log_away() -> NotAppended {
        NotAppended::LogAway("no log".into())
    }

    #[test]
    fn only_a_place_counts_as_accepted() {
        let place = || Ok(Position { epoch: Epoch(1), seq: 1 });
        let mut ledger = Ledger::default();
        assert!(ledger.enter(Ok(vec![place(), Err(log_away()), place()]), 70));
        assert!(!ledger.enter(Err(LinkError::Overloaded), 80));
        assert!(!ledger.enter(Err(LinkError::Unavailable("cut".into())), 90));
        assert_eq!(ledger.calls_us, [70], "a failure's time is none of the dispatcher's");
        let values: Vec<_> = ledger.rows().iter().map(|row| row.value).collect();
        assert_eq!(values, [1., 2., 1., 1., 0., 1.]);
        assert!(ledger.problems().is_empty(), "its right, and shown");
    }

    #[test]
    fn a_refusal_or_nothing_at_all_is_a_problem() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.problems(), ["nothing was accepted"]);
        ledger.enter(Ok(vec![Err(log_away())]), 1);
        assert_eq!(ledger.problems(), ["nothing was accepted", "no log"]);
        ledger.accepted = 1;
        ledger.enter(Err(LinkError::Refused("wrong secret".into())), 1);
        assert_eq!(ledger.problems(), ["1 calls refused", "refused: wrong secret"]);
    }
}
