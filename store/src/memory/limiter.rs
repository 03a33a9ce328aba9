//! [`Limiter`] by buckets in a few maps, each under a lock of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use common::limiter::{Ask, Bucket, Key, Limiter, LimiterError, TOKEN_KEPT, Token, Verdict};

use super::{clock::Clock, expiring::Expiring, lock};

/// Buckets that are not full, at most. When there is no room for one more, those that would be full
/// soonest count as full: who took from them gets up to a burst more. Per shard it is what a table
/// of 8,192 takes before it grows.
const BUCKETS_MAX: usize = SHARDS * 7_168;
/// Tokens that are known, at most. When there is no room for one more, the oldest are forgotten: who
/// repeats those is charged again.
const TOKENS_MAX: usize = SHARDS * 3_584;
/// Locks that they are spread over.
const SHARDS: usize = 64;

/// A limiter for this process alone, gone with it. It takes 24 MB when it is full.
pub struct MemoryLimiter {
    clock: Clock,
    shards: Vec<Mutex<Shard>>,
}

struct Shard {
    /// When each bucket is full again; one that is not here is full.
    buckets: Expiring<()>,
    /// What was asked under each token's key.
    tokens: Expiring<Key>,
}

impl MemoryLimiter {
    /// One whose buckets are full.
    #[must_use]
    pub fn new() -> Self {
        let shard = || Shard {
            buckets: Expiring::new(BUCKETS_MAX / SHARDS),
            tokens: Expiring::new(TOKENS_MAX / SHARDS),
        };
        let shards = (0..SHARDS).map(|_| Mutex::new(shard())).collect();
        Self { clock: Clock::start(), shards }
    }

    /// All that the ask is about, in nobody else's hands.
    fn locked(&self, ask: &Ask) -> Locked<'_> {
        let buckets = ask.own.iter().chain(&ask.shared).map(|bucket| &bucket.key);
        let shards: BTreeSet<usize> =
            buckets.chain(ask.token.as_ref().map(|token| &token.key)).map(shard_of).collect();
        // In the same order whoever asks, so that nobody waits in a circle.
        Locked(shards.into_iter().map(|at| (at, lock(&self.shards[at]))).collect())
    }
}

impl Default for MemoryLimiter {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    async fn admit(&self, ask: &Ask) -> Result<Verdict, LimiterError> {
        let mut locked = self.locked(ask);
        let now_us = self.clock.now_us();
        if let Some(token) = ask.token
            && let Some(request) = locked.request_under(&token.key, now_us)
        {
            let is_same = request == token.request;
            return Ok(if is_same { Verdict::Known } else { Verdict::Reused });
        }
        let own = locked.longest_wait(&ask.own, now_us);
        let refused = own.or_else(|| {
            let shared = locked.longest_wait(&ask.shared, now_us);
            shared.map(|(nth, wait_us)| (ask.own.len() + nth, wait_us))
        });
        if let Some((nth, wait_us)) = refused {
            return Ok(Verdict::Refused { nth, retry_after: Duration::from_micros(wait_us) });
        }
        locked.charge(ask, now_us);
        Ok(Verdict::Admitted)
    }
}

/// Some of the shards, by their index.
struct Locked<'a>(BTreeMap<usize, MutexGuard<'a, Shard>>);

impl Locked<'_> {
    /// What was admitted under a token's key.
    fn request_under(&self, key: &Key, now_us: u64) -> Option<Key> {
        let (end_us, request) = self.0.get(&shard_of(key))?.tokens.get(key)?;
        (end_us > now_us).then_some(request)
    }

    /// When the bucket is full again: now, if it is full.
    fn full_at_us(&mut self, bucket: &Bucket, now_us: u64) -> u64 {
        let Bucket { key, rate } = bucket;
        let known = self.0.get(&shard_of(key)).and_then(|shard| shard.buckets.get(key));
        let end_us = known.map(|(end_us, ())| end_us);
        let latest_us = now_us + rate.interval_us() + rate.slack_us();
        if end_us.is_some_and(|end_us| end_us > latest_us) {
            // Left by another rate. Written down, or each ask would move it.
            self.fill_at(bucket, latest_us, now_us);
        }
        end_us.unwrap_or(now_us).clamp(now_us, latest_us)
    }

    fn fill_at(&mut self, bucket: &Bucket, full_at_us: u64, now_us: u64) {
        if let Some(shard) = self.0.get_mut(&shard_of(&bucket.key)) {
            shard.buckets.insert(bucket.key, full_at_us, (), now_us);
        }
    }

    /// The one of these buckets that refuses longest, the first among equals, and for how long;
    /// `None` when none does.
    fn longest_wait(&mut self, buckets: &[Bucket], now_us: u64) -> Option<(usize, u64)> {
        let mut longest = None;
        for (nth, bucket) in buckets.iter().enumerate() {
            let admits_us = self.full_at_us(bucket, now_us).saturating_sub(bucket.rate.slack_us());
            let wait_us = admits_us.saturating_sub(now_us);
            if wait_us > longest.map_or(0, |(_, longest_us)| longest_us) {
                longest = Some((nth, wait_us));
            }
        }
        longest
    }

    fn charge(&mut self, ask: &Ask, now_us: u64) {
        for bucket in ask.own.iter().chain(&ask.shared) {
            let full_at_us = self.full_at_us(bucket, now_us) + bucket.rate.interval_us();
            self.fill_at(bucket, full_at_us, now_us);
        }
        if let Some(Token { key, request }) = ask.token
            && let Some(shard) = self.0.get_mut(&shard_of(&key))
        {
            let kept_us = u64::try_from(TOKEN_KEPT.as_micros()).unwrap_or(u64::MAX);
            shard.tokens.insert(key, now_us.saturating_add(kept_us), request, now_us);
        }
    }
}

fn shard_of(key: &Key) -> usize {
    usize::from(key.as_bytes()[0]) % SHARDS
}
