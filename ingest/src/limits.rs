//! How often somebody may post: asked of the limiter that all nodes share, and of one in this
//! process while that one is away.

mod attempt;

#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use common::{
    config,
    ids::UserId,
    limiter::{Ask, Bucket, Key, Limiter, LimiterError, Rate, Verdict},
    network::Network,
    outage::Outage,
    problem::{Code, Problem},
};
use tokio::time::{Instant, timeout};

pub(crate) use attempt::{Attempt, Limit, Reaction};

use attempt::Rates;

use crate::refusals::key_reused;

/// Longest that a post waits for the shared limiter.
const PATIENCE: Duration = Duration::from_millis(250);
/// For so long after the shared limiter failed it is not asked again. Then the next ones try it.
const AWAY: Duration = Duration::from_millis(500);
/// Reports of one viewer, or of one network of viewers who don't say who they are.
const REPORTS_PER_MINUTE: u64 = 20;

/// The limits of posting. Nobody is kept from posting by a limiter that is away: then each node
/// counts by itself and from nothing, so that with n of them an author may post up to n times as
/// much.
pub(crate) struct Limits {
    rates: Rates,
    shared: Arc<dyn Limiter>,
    local: Arc<dyn Limiter>,
    away_until: Mutex<Option<Instant>>,
    outage: Outage,
}

/// Why somebody may not post now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limited {
    /// What they have reached; the one with the longest wait.
    pub(crate) limit: Limit,
    /// Whole seconds after which they may, 1 at least: for `Retry-After`.
    pub(crate) retry_after_s: u32,
}

impl Limits {
    /// With the rates of `config`; `shared` is all nodes', `local` is this process's.
    #[must_use]
    pub(crate) fn new(
        config: &config::Limits,
        shared: Arc<dyn Limiter>,
        local: Arc<dyn Limiter>,
    ) -> Self {
        let outage = Outage::new("limit posts together with other nodes");
        let away_until = Mutex::new(None);
        Self { rates: Rates::new(config), shared, local, away_until, outage }
    }

    /// Whether this attempt may go on; if so it is charged, once per Idempotency-Key.
    ///
    /// # Errors
    /// When a limit is reached: nothing is charged.
    pub(crate) async fn admit(&self, attempt: &Attempt<'_>) -> Result<(), Limited> {
        let (ask, limits) = attempt.ask(&self.rates);
        match self.verdict(&ask).await {
            // Whether its key had another comment is told by its claim.
            Verdict::Admitted | Verdict::Known | Verdict::Reused => Ok(()),
            Verdict::Refused { nth, retry_after } => {
                let limit = limits.get(nth).copied().unwrap_or(Limit::Author);
                Err(Limited::at(limit, retry_after))
            }
        }
    }

    /// Whether somebody may react so; if so each press is charged. `false`: it was admitted before
    /// under the same key, and is to be counted no more.
    ///
    /// # Errors
    /// When the limit is reached, or another reaction was admitted under the key: nothing is charged.
    pub(crate) async fn admit_reaction(&self, reaction: &Reaction) -> Result<bool, Problem> {
        let ask = reaction.ask(&self.rates);
        let verdict = match self.shared_verdict(&ask).await {
            Some(Verdict::Admitted) if ask.token.is_some() => self.known_here(&ask).await,
            Some(verdict) => verdict,
            None => self.own_verdict(&ask).await,
        };
        match verdict {
            Verdict::Admitted => Ok(true),
            Verdict::Known => Ok(false),
            Verdict::Reused => Err(key_reused()),
            Verdict::Refused { retry_after, .. } => {
                Err(Limited::at(Limit::Reactions, retry_after).into_problem())
            }
        }
    }

    /// Whether somebody may report another comment, by who they are or by where they come from.
    ///
    /// # Errors
    /// When they have reported too many.
    pub(crate) async fn admit_report(
        &self,
        by: Option<&UserId>,
        address: IpAddr,
    ) -> Result<(), Problem> {
        let network = Network::of(address).to_string();
        // What a network is called is a good name.
        let whose = network.parse().map_err(|_| Problem::new(Code::Internal, "no address"))?;
        let (kind, author) = by.map_or(("network", whose), |by| ("user", by.clone()));
        let key = Key::of("report", &[kind, author.as_str()]);
        let rate = Rate::per(REPORTS_PER_MINUTE, Duration::from_secs(60));
        let own = rate.map(|rate| Bucket { key, rate }).into_iter().collect();
        match self.verdict(&Ask { author, token: None, own, shared: Vec::new() }).await {
            Verdict::Admitted | Verdict::Known | Verdict::Reused => Ok(()),
            Verdict::Refused { retry_after, .. } => {
                let why = "you have reported too many comments";
                Err(Problem::limited(why, whole_seconds(retry_after)))
            }
        }
    }

    async fn verdict(&self, ask: &Ask) -> Verdict {
        match self.shared_verdict(ask).await {
            Some(verdict) => verdict,
            None => self.own_verdict(ask).await,
        }
    }

    /// By this node alone.
    async fn own_verdict(&self, ask: &Ask) -> Verdict {
        metrics::counter!("chorus_ingest_limited_locally_total").increment(1);
        // One in the same process has no reason to fail.
        self.local.admit(ask).await.unwrap_or(Verdict::Admitted)
    }

    /// What this process knows of a request that all nodes' limiter has just admitted: it may have let
    /// it in by itself while that was away. From now on it knows it, for when that is away again.
    async fn known_here(&self, ask: &Ask) -> Verdict {
        let bare = Ask { own: Vec::new(), shared: Vec::new(), ..ask.clone() };
        self.local.admit(&bare).await.unwrap_or(Verdict::Admitted)
    }

    /// By all nodes together; `None` while their limiter is away.
    async fn shared_verdict(&self, ask: &Ask) -> Option<Verdict> {
        if self.is_away() {
            return None;
        }
        let asked = timeout(PATIENCE, self.shared.admit(ask))
            .await
            .unwrap_or_else(|_| Err(LimiterError::Unavailable("no verdict in time".to_owned())));
        // That concerns this ask alone: the limiter has answered.
        if asked != Err(LimiterError::Undecided) {
            self.note(&asked);
        }
        asked.ok()
    }

    fn note(&self, asked: &Result<Verdict, LimiterError>) {
        let until = asked.is_err().then(|| Instant::now() + AWAY);
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        self.outage.note(asked);
    }

    fn is_away(&self) -> bool {
        let until = self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

impl Limited {
    fn at(limit: Limit, retry_after: Duration) -> Self {
        metrics::counter!("chorus_ingest_limited_total", "limit" => limit.name()).increment(1);
        Self { limit, retry_after_s: whole_seconds(retry_after) }
    }

    /// What is answered.
    pub(crate) fn into_problem(self) -> Problem {
        Problem::limited(self.limit.to_string(), self.retry_after_s)
    }
}

/// Rounded up: who waits so long is not too early.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}
