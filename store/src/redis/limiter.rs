//! [`Limiter`] on Redis.
//!
//! An author's own buckets and the token share a slot: one script charges them all or none. Shared
//! buckets have slots of their own and are asked after that, all at once; when one refuses, the rest
//! is given back. Until then the token's mark says that nothing is decided, and asks with the same
//! token wait: were they to go on, one could be admitted on a charge that another one gives back.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    limiter::{Ask, Bucket, Limiter, LimiterError, TOKEN_KEPT, Token, Verdict},
    task,
};
use redis::{Cmd, Pipeline};
use tokio::time::{Instant, sleep};

use super::{
    RedisStore, keys,
    link::{Answer, Link},
    reply, script,
};

/// For how long the mark of an ask that isn't decided is kept, in case its process died: longer than
/// the calls of one take that is alive.
const UNDECIDED_KEPT: Duration = Duration::from_secs(2);
/// Longest that an ask waits for another one with the same token, and between two looks.
const UNDECIDED_WAIT_MAX: Duration = Duration::from_millis(200);
const UNDECIDED_PAUSE: Duration = Duration::from_millis(10);

#[async_trait]
impl Limiter for RedisStore {
    /// One round trip without shared buckets; with them two, and three with a token or when they
    /// refuse.
    async fn admit(&self, ask: &Ask) -> Result<Verdict, LimiterError> {
        if ask.shared.is_empty() {
            return admit(&self.link, ask).await;
        }
        // A task: a caller who leaves halfway does not keep buckets charged.
        let (link, ask) = (Arc::clone(&self.link), ask.clone());
        let asked = task::spawn("store.limiter", async move { admit(&link, &ask).await });
        asked.await.unwrap_or_else(|error| Err(LimiterError::Unavailable(error.to_string())))
    }
}

/// What a slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    /// All of its buckets are charged, at this time of its server.
    Charged { at_us: u64 },
    /// None is: this one refuses longest.
    Refused { nth: usize, retry_after: Duration },
    /// The token was admitted before.
    Known,
    /// Another one was, under its key.
    Reused,
    /// The token's ask is under way.
    Undecided,
}

async fn admit(link: &Link, ask: &Ask) -> Result<Verdict, LimiterError> {
    let own_us = match charge_own(link, ask).await? {
        Charge::Charged { at_us } => at_us,
        Charge::Known => return Ok(Verdict::Known),
        Charge::Reused => return Ok(Verdict::Reused),
        Charge::Undecided => return Err(LimiterError::Undecided),
        Charge::Refused { nth, retry_after } => return Ok(Verdict::Refused { nth, retry_after }),
    };
    if ask.shared.is_empty() {
        return Ok(Verdict::Admitted);
    }
    let charges = charge_shared(link, ask).await;
    let unknown = charges.iter().find_map(|charge| charge.as_ref().err().cloned());
    let verdict = match (longest_wait(&charges), unknown) {
        (None, None) => return mark_admitted(link, ask).await.map(|()| Verdict::Admitted),
        (Some((nth, retry_after)), _) => {
            Ok(Verdict::Refused { nth: ask.own.len() + nth, retry_after })
        }
        (None, Some(error)) => Err(error),
    };
    give_back(link, ask, own_us, &charges).await;
    verdict
}

/// Charges the author's own buckets and marks the token; waits for another ask with that token.
async fn charge_own(link: &Link, ask: &Ask) -> Result<Charge, LimiterError> {
    if ask.own.is_empty() && ask.token.is_none() {
        return Ok(Charge::Charged { at_us: 0 });
    }
    let is_decided = ask.shared.is_empty();
    let kept = if is_decided { TOKEN_KEPT } else { UNDECIDED_KEPT };
    let until = Instant::now() + UNDECIDED_WAIT_MAX;
    loop {
        let command = charge(&own_keys(ask), &(mark(ask.token), is_decided, kept), &ask.own);
        match charged(link.call_one(command).await)? {
            Charge::Undecided if Instant::now() < until => sleep(UNDECIDED_PAUSE).await,
            decided => return Ok(decided),
        }
    }
}

/// Charges each shared bucket by itself.
async fn charge_shared(link: &Link, ask: &Ask) -> Vec<Result<Charge, LimiterError>> {
    let (mut commands, unmarked) =
        (Pipeline::with_capacity(ask.shared.len()), (mark(None), false, Duration::ZERO));
    for bucket in &ask.shared {
        let key = keys::shared_bucket(&bucket.key);
        commands.add_command(charge(&[key], &unmarked, std::slice::from_ref(bucket)));
    }
    link.call(commands).await.into_iter().map(charged).collect()
}

/// Which of the buckets refuses longest, if one refuses.
fn longest_wait(charges: &[Result<Charge, LimiterError>]) -> Option<(usize, Duration)> {
    let waits = charges.iter().enumerate().filter_map(|(nth, charge)| match charge {
        Ok(Charge::Refused { retry_after, .. }) => Some((nth, *retry_after)),
        _ => None,
    });
    // The first one among equals.
    waits.rev().max_by_key(|(_, retry_after)| *retry_after)
}

async fn mark_admitted(link: &Link, ask: &Ask) -> Result<(), LimiterError> {
    let Some(token) = &ask.token else { return Ok(()) };
    let mut command = redis::cmd("SET");
    command.arg(keys::token(&ask.author, &token.key)).arg(mark(ask.token));
    command.arg("PX").arg(TOKEN_KEPT.as_millis());
    let answer = link.call_one(command).await;
    answer.and_then(reply::parse).map_err(LimiterError::Unavailable)
}

/// What can't be given back stays charged: too much is refused then, and not for long.
async fn give_back(link: &Link, ask: &Ask, own_us: u64, shared: &[Result<Charge, LimiterError>]) {
    let mut commands = Pipeline::with_capacity(1 + shared.len());
    let own = own_keys(ask);
    if !own.is_empty() {
        commands.add_command(refund(&own, own_us, &ask.own));
    }
    for (bucket, charge) in ask.shared.iter().zip(shared) {
        if let Ok(Charge::Charged { at_us }) = charge {
            let key = keys::shared_bucket(&bucket.key);
            commands.add_command(refund(&[key], *at_us, std::slice::from_ref(bucket)));
        }
    }
    link.call(commands).await;
}

fn own_keys(ask: &Ask) -> Vec<String> {
    let buckets = ask.own.iter().map(|bucket| keys::own_bucket(&ask.author, &bucket.key));
    buckets.chain(ask.token.iter().map(|token| keys::token(&ask.author, &token.key))).collect()
}

/// A token's mark, once it is admitted.
fn mark(token: Option<Token>) -> String {
    token.map(|token| format!("admitted {}", token.request)).unwrap_or_default()
}

fn charge(
    keys: &[String],
    (mark, is_decided, kept): &(String, bool, Duration),
    buckets: &[Bucket],
) -> Cmd {
    let mut command = script::CHARGE.call(keys);
    command.arg(mark).arg(u8::from(*is_decided)).arg(kept.as_millis());
    for Bucket { rate, .. } in buckets {
        command.arg(rate.interval_us()).arg(rate.slack_us());
    }
    command
}

fn refund(keys: &[String], charged_us: u64, buckets: &[Bucket]) -> Cmd {
    let mut command = script::REFUND.call(keys);
    command.arg(charged_us);
    for Bucket { rate, .. } in buckets {
        command.arg(rate.interval_us());
    }
    command
}

/// `charge.lua`'s answer.
fn charged(answer: Answer) -> Result<Charge, LimiterError> {
    let read = |(what, a, b): (String, u64, u64)| match what.as_str() {
        "charged" => Ok(Charge::Charged { at_us: a }),
        "refused" => {
            // Lua counts from one.
            let nth = usize::try_from(a).unwrap_or(usize::MAX).saturating_sub(1);
            Ok(Charge::Refused { nth, retry_after: Duration::from_micros(b) })
        }
        "known" => Ok(Charge::Known),
        "reused" => Ok(Charge::Reused),
        "undecided" => Ok(Charge::Undecided),
        _ => Err(format!("an answer that isn't ours: {what}")),
    };
    answer.and_then(reply::parse).and_then(read).map_err(LimiterError::Unavailable)
}
