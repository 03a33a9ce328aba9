//! What a store's failure comes to: a refusal for the client, and a line in the log when it begins
//! and when it is over. A line for each would be a thousand a second while the store is away.

use common::{
    comment_store::StoreError,
    outage::Outage,
    problem::{Code, Problem},
};

/// Seconds after which a client may try again what the store could not take.
pub(crate) const RETRY_AFTER_S: u32 = 1;

/// Turns the store's outcomes into answers.
pub(crate) struct Refusals(Outage);

impl Refusals {
    pub(crate) fn new() -> Self {
        Self(Outage::new("store or read comments"))
    }

    /// An outcome, as the client may know it.
    pub(crate) fn of<T>(&self, outcome: Result<T, StoreError>) -> Result<T, Problem> {
        if !matches!(outcome, Err(StoreError::Damaged(_))) {
            self.0.note(&outcome);
        }
        outcome.map_err(refusal)
    }
}

/// What a key is answered that another request of the same author had.
pub(crate) fn key_reused() -> Problem {
    Problem::new(Code::KeyReused, "this Idempotency-Key was used for another request")
}

fn refusal(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(why) => {
            tracing::debug!(why, "the comment store is unavailable");
            Problem::unavailable("comments can't be stored or read right now", RETRY_AFTER_S)
        }
        StoreError::Damaged(why) => {
            tracing::error!(why, "the comment store is damaged");
            Problem::new(Code::Internal, "a stored comment can't be read")
        }
    }
}
