//! Random histories of a limiter in memory against what a rate promises: in every stretch of time no
//! more than the burst and one per interval, and no less.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use common::limiter::{Ask, Bucket, Key, Limiter, LimiterError, Rate, TOKEN_KEPT, Token, Verdict};
use proptest::{prelude::*, test_runner::TestCaseError};
use store::memory::MemoryLimiter;
use tokio::time::advance;

/// Count and period in milliseconds of each bucket that there is; the last two are shared.
const RATES: [(u64, u64); 5] = [(1, 700), (3, 3_000), (5, 1_001), (2, 10_000), (30, 60_000)];
const OWN: usize = 3;
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
enum Op {
    Ask { buckets: Vec<usize>, token: Option<u8> },
    Wait { us: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let buckets = prop::sample::subsequence((0..RATES.len()).collect::<Vec<_>>(), 0..=3);
    prop_oneof![
        4 => (buckets, prop::option::weighted(0.2, 0..4_u8))
            .prop_map(|(buckets, token)| Op::Ask { buckets, token }),
        2 => (0..1_500_000_u64).prop_map(|us| Op::Wait { us }),
        1 => (0..30_u64).prop_map(|seconds| Op::Wait { us: 1_000_000 * seconds }),
    ]
}

/// When each bucket was charged and each token admitted, in microseconds.
#[derive(Default)]
struct Model {
    charged_us: BTreeMap<usize, Vec<u64>>,
    admitted_us: BTreeMap<u8, u64>,
}

impl Model {
    /// How long a bucket refuses: until no stretch of time, from any of its charges to now, has more
    /// of them than the burst and one per interval.
    fn wait_us(&self, bucket: usize, now_us: u64) -> u64 {
        let charged_us = self.charged_us.get(&bucket).map_or(&[][..], Vec::as_slice);
        let (interval_us, burst) = interval_and_burst(bucket);
        let waits = charged_us.iter().rev().zip(1_u64..).map(|(from_us, since)| {
            let intervals = (since + 1).saturating_sub(burst);
            (from_us + intervals * interval_us).saturating_sub(now_us)
        });
        waits.max().unwrap_or(0)
    }

    fn verdict(&self, buckets: &[usize], token: Option<u8>, now_us: u64) -> Verdict {
        let known_us = token.and_then(|token| self.admitted_us.get(&token));
        let kept_us = u64::try_from(TOKEN_KEPT.as_micros()).unwrap();
        if known_us.is_some_and(|admitted_us| now_us - admitted_us < kept_us) {
            return Verdict::Known;
        }
        let of = |shared: bool| {
            let waits =
                buckets.iter().enumerate().filter(|(_, bucket)| shared == (**bucket >= OWN));
            let waits = waits.map(|(nth, bucket)| (nth, self.wait_us(*bucket, now_us)));
            waits.filter(|(_, wait_us)| *wait_us > 0).rev().max_by_key(|(_, wait_us)| *wait_us)
        };
        let refused = of(false).or_else(|| of(true));
        refused.map_or(Verdict::Admitted, |(nth, wait_us)| Verdict::Refused {
            nth,
            retry_after: Duration::from_micros(wait_us),
        })
    }

    fn admitted(&mut self, buckets: &[usize], token: Option<u8>, now_us: u64) {
        let kept_us = u64::try_from(TOKEN_KEPT.as_micros()).unwrap();
        let known_us = token.and_then(|token| self.admitted_us.get(&token));
        if known_us.is_some_and(|admitted_us| now_us - admitted_us < kept_us) {
            return;
        }
        for bucket in buckets {
            self.charged_us.entry(*bucket).or_default().push(now_us);
        }
        self.admitted_us.extend(token.map(|token| (token, now_us)));
    }
}

fn interval_and_burst(bucket: usize) -> (u64, u64) {
    let (count, period_ms) = RATES[bucket];
    ((1_000 * period_ms).div_ceil(count), count)
}

fn bucket(bucket: &usize) -> Bucket {
    let (count, period_ms) = RATES[*bucket];
    let rate = Rate::per(count, Duration::from_millis(period_ms)).unwrap();
    Bucket { key: Key::of("model", &[&bucket.to_string()]), rate }
}

async fn run(ops: &[Op], limiter: &dyn Limiter) -> Result<(), TestCaseError> {
    let (mut model, mut now_us) = (Model::default(), 0);
    for op in ops {
        match op {
            Op::Wait { us } => {
                advance(Duration::from_micros(*us)).await;
                now_us += us;
            }
            Op::Ask { buckets, token } => {
                let (own, shared) = buckets.split_at(buckets.partition_point(|n| *n < OWN));
                let ask = Ask {
                    author: "u1".parse().unwrap(),
                    token: token.map(|token| {
                        let key = Key::of("token", &[&token.to_string()]);
                        Token { key, request: key }
                    }),
                    own: own.iter().map(bucket).collect(),
                    shared: shared.iter().map(bucket).collect(),
                };
                let verdict = limiter.admit(&ask).await.unwrap();
                prop_assert_eq!(verdict, model.verdict(buckets, *token, now_us), "{:?}", op);
                if verdict == Verdict::Admitted {
                    model.admitted(buckets, *token, now_us);
                }
            }
        }
    }
    Ok(())
}

fn paused(check: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(check)
}

proptest! {
    #[test]
    fn every_verdict_is_what_the_rates_promise(ops in prop::collection::vec(op(), 1..200)) {
        paused(async { run(&ops, &MemoryLimiter::new()).await })?;
    }
}

/// One that is wrong in some way.
struct Mutant<W>(MemoryLimiter, W);

#[async_trait]
impl<W: Fn(&mut Ask) + Send + Sync + 'static> Limiter for Mutant<W> {
    async fn admit(&self, ask: &Ask) -> Result<Verdict, LimiterError> {
        let mut ask = ask.clone();
        (self.1)(&mut ask);
        self.0.admit(&ask).await
    }
}

/// Negative control: the check sees a burst too large and one too small, a token that isn't known, and
/// a bucket that isn't asked.
#[test]
fn limiters_that_are_wrong_are_noticed() {
    let asks = |buckets: &[usize], token| vec![Op::Ask { buckets: buckets.to_vec(), token }; 12];
    let noticed = |ops: Vec<Op>, wrong: fn(&mut Ask)| {
        let right = paused(async { run(&ops, &MemoryLimiter::new()).await });
        assert!(right.is_ok(), "{right:?}");
        let mutant = async { run(&ops, &Mutant(MemoryLimiter::new(), wrong)).await };
        assert!(paused(mutant).is_err(), "{ops:?}");
    };
    noticed(asks(&[1], None), |ask| ask.own[0].rate = Rate::per(4, 4 * SECOND).unwrap());
    noticed(asks(&[1], None), |ask| ask.own[0].rate = Rate::per(2, 2 * SECOND).unwrap());
    noticed(asks(&[1], Some(1)), |ask| ask.token = None);
    let both = [asks(&[0, 1], None), asks(&[1], None)].concat();
    noticed(both, |ask| ask.own.retain(|bucket| bucket.rate.slack_us() > 0));
}
