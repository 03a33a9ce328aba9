//! What every [`Limiter`] does, in memory and on Redis alike.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant as WallInstant},
};

use common::{
    ids::UserId,
    limiter::{Ask, Bucket, Key, Limiter, LimiterError, Rate, Token, Verdict},
    live_log::Retention,
    task,
};
use futures_util::future::join_all;
use store::memory::MemoryLimiter;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::live::{AMPLE, redis_at, suite};

suite! {
    Connections, crate::limiter::in_memory, crate::limiter::at;
    a_burst_and_then_one_per_interval,
    waits_are_exact,
    the_longest_wait_is_told,
    who_may_not_for_one_reason_is_charged_for_none,
    a_token_is_charged_once,
    another_request_under_a_tokens_key_is_told,
    a_refused_token_leaves_no_trace,
    a_token_admits_whatever_the_buckets_are,
    one_token_fifty_times_at_once,
    who_takes_several_at_once_waits_for_all_of_them,
    no_more_than_the_burst_at_once,
    refusals_at_once_give_everything_back,
    no_stretch_of_time_has_more_than_the_rate,
    authors_are_independent,
    a_shared_bucket_is_everybodys,
    names_that_try_to_collide,
    nobody_waits_longer_than_the_new_interval,
    nothing_to_ask_is_admitted,
}

/// One limiter, asked over several connections.
pub(crate) type Connections = Vec<Arc<dyn Limiter>>;

const CONNECTIONS: usize = 4;
/// Too long for anything to come back during a test.
const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn in_memory(_: Retention) -> Connections {
    let limiter: Arc<dyn Limiter> = Arc::new(MemoryLimiter::new());
    vec![limiter; CONNECTIONS]
}

pub(crate) async fn at(url: &str, retention: Retention) -> Connections {
    let mut connections = Connections::new();
    for _ in 0..CONNECTIONS {
        connections.push(redis_at(url, retention).await);
    }
    connections
}

pub(crate) fn author() -> UserId {
    format!("test-{}", Uuid::now_v7()).parse().unwrap()
}

pub(crate) fn bucket(count: u64, period: Duration) -> Bucket {
    named(&[&Uuid::now_v7().to_string()], count, period)
}

fn named(parts: &[&str], count: u64, period: Duration) -> Bucket {
    Bucket { key: Key::of("test", parts), rate: Rate::per(count, period).unwrap() }
}

fn token() -> Option<Token> {
    let [key, request] = [(); 2].map(|()| Key::of("token", &[&Uuid::now_v7().to_string()]));
    Some(Token { key, request })
}

/// Of a new author.
pub(crate) fn ask(own: &[Bucket], shared: &[Bucket]) -> Ask {
    Ask { author: author(), token: None, own: own.to_vec(), shared: shared.to_vec() }
}

/// Of its author for these as well.
fn also(ask: &Ask, own: &[Bucket], shared: &[Bucket]) -> Ask {
    Ask { own: own.to_vec(), shared: shared.to_vec(), ..ask.clone() }
}

/// The verdict, once there is one: where much is under way, an ask may have to wait for one with
/// the same token.
pub(crate) async fn verdict(limiter: &dyn Limiter, ask: &Ask) -> Verdict {
    let began = WallInstant::now();
    loop {
        match limiter.admit(ask).await {
            Ok(verdict) => return verdict,
            Err(error) => assert_eq!(error, LimiterError::Undecided),
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never decided");
    }
}

async fn admits(connections: &Connections, ask: &Ask) -> bool {
    !matches!(connections[0].admit(ask).await.unwrap(), Verdict::Refused { .. })
}

async fn refused(connections: &Connections, ask: &Ask) -> (usize, Duration) {
    match connections[0].admit(ask).await.unwrap() {
        Verdict::Refused { nth, retry_after } => (nth, retry_after),
        admitted => panic!("{admitted:?}: {ask:?}"),
    }
}

/// How often it is admitted before it is refused.
async fn admitted(connections: &Connections, ask: &Ask) -> usize {
    let mut count = 0;
    while admits(connections, ask).await {
        count += 1;
        assert!(count < 10_000, "no end");
    }
    count
}

/// Asks so often at once, over all connections and on all threads; the verdicts.
async fn at_once(connections: &Connections, ask: &Ask, times: usize) -> Vec<Verdict> {
    let asked = (0..times).map(|nth| {
        let (limiter, ask) = (Arc::clone(&connections[nth % connections.len()]), ask.clone());
        task::spawn("test.asker", async move { verdict(&*limiter, &ask).await })
    });
    join_all(asked).await.into_iter().map(Result::unwrap).collect()
}

fn count_admitted(verdicts: &[Verdict]) -> usize {
    verdicts.iter().filter(|verdict| **verdict == Verdict::Admitted).count()
}

async fn a_burst_and_then_one_per_interval(open: impl AsyncFn(Retention) -> Connections) {
    const INTERVAL: Duration = Duration::from_millis(200);
    let connections = open(AMPLE).await;
    let ask = ask(&[bucket(5, 5 * INTERVAL)], &[]);
    let began = Instant::now();
    let (mut count, mut waits) = (0, 0);
    while waits < 5 {
        if let Verdict::Refused { retry_after, .. } = connections[0].admit(&ask).await.unwrap() {
            assert!(count >= 5 && !retry_after.is_zero() && retry_after <= INTERVAL);
            sleep(retry_after).await;
            assert!(admits(&connections, &ask).await, "after the wait that it told");
            waits += 1;
        }
        count += 1;
        let intervals = began.elapsed().as_millis() / INTERVAL.as_millis();
        assert!(count <= 5 + intervals, "{count} in {intervals} intervals");
    }
}

/// Between what passed at least and at most since it was charged.
async fn waits_are_exact(open: impl AsyncFn(Retention) -> Connections) {
    const INTERVAL: Duration = Duration::from_secs(20);
    // Clocks of two processes are slewed apart.
    const SLEW: Duration = Duration::from_millis(1);
    let connections = open(AMPLE).await;
    let ask = ask(&[bucket(3, 3 * INTERVAL)], &[]);
    let first_sent = Instant::now();
    assert!(admits(&connections, &ask).await);
    let first_told = Instant::now();
    assert_eq!(admitted(&connections, &ask).await, 2);
    for _ in 0..5 {
        let asked = Instant::now();
        let (_, wait) = refused(&connections, &ask).await;
        let (most, least) = (INTERVAL - (asked - first_told), INTERVAL - first_sent.elapsed());
        assert!((least - SLEW..=most + SLEW).contains(&wait), "{least:?} {wait:?} {most:?}");
        sleep(Duration::from_millis(37)).await;
    }
}

async fn the_longest_wait_is_told(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    let (short, long, longest) = (bucket(1, HOUR), bucket(1, 3 * HOUR), bucket(1, 5 * HOUR));
    let wide = bucket(9, HOUR);
    let (own, shared) = ([wide, short, long], [bucket(9, HOUR), longest]);
    let both = ask(&own, &shared);
    assert!(admits(&connections, &both).await);
    let told = async |ask: &Ask| {
        let (nth, wait) = refused(&connections, ask).await;
        (nth, (wait.as_secs_f64() / 3_600.0).round())
    };
    assert_eq!(told(&both).await, (2, 3.0), "own ones come first");
    assert_eq!(told(&also(&both, &[long, short], &[])).await, (0, 3.0));
    assert_eq!(told(&also(&both, &own[..1], &shared)).await, (2, 5.0), "after one own");
    let others = bucket(1, HOUR);
    assert!(admits(&connections, &also(&both, &[], &[others])).await);
    assert_eq!(told(&also(&both, &[], &[others, longest])).await, (1, 5.0));
}

async fn who_may_not_for_one_reason_is_charged_for_none(
    open: impl AsyncFn(Retention) -> Connections,
) {
    let connections = open(AMPLE).await;
    let (own, shared) = (bucket(3, HOUR), bucket(3, HOUR));
    let (own_spent, shared_spent) = (bucket(1, HOUR), bucket(1, HOUR));
    let first = ask(&[own_spent], &[shared_spent]);
    assert!(admits(&connections, &first).await);
    for _ in 0..5 {
        refused(&connections, &also(&first, &[own, own_spent], &[shared])).await;
        refused(&connections, &also(&first, &[own], &[shared, shared_spent])).await;
        refused(&connections, &also(&first, &[own], &[shared_spent, shared])).await;
    }
    assert_eq!(admitted(&connections, &also(&first, &[own], &[shared])).await, 3);
}

async fn a_token_is_charged_once(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    for shared in [vec![], vec![bucket(9, HOUR), bucket(9, HOUR)]] {
        let first = Ask { token: token(), ..ask(&[bucket(3, HOUR)], &shared) };
        assert_eq!(connections[1].admit(&first).await, Ok(Verdict::Admitted));
        for connection in connections.iter().chain(&connections) {
            assert_eq!(connection.admit(&first).await, Ok(Verdict::Known), "which is told");
        }
        let second = Ask { token: token(), ..first.clone() };
        assert!(admits(&connections, &second).await, "another token is another request");
        let without = Ask { token: None, ..first.clone() };
        assert_eq!(admitted(&connections, &without).await, 1);
        assert!(admits(&connections, &first).await && admits(&connections, &second).await);
        assert_eq!(refused(&connections, &Ask { token: token(), ..first }).await.0, 0);
    }
}

async fn another_request_under_a_tokens_key_is_told(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    for shared in [vec![], vec![bucket(9, HOUR)]] {
        let first = Ask { token: token(), ..ask(&[bucket(2, HOUR)], &shared) };
        assert_eq!(connections[0].admit(&first).await, Ok(Verdict::Admitted));
        let request = Key::of("request", &["another"]);
        let token = first.token.map(|token| Token { request, ..token });
        let other = Ask { token, ..first.clone() };
        for connection in &connections {
            assert_eq!(connection.admit(&other).await, Ok(Verdict::Reused));
            assert_eq!(connection.admit(&first).await, Ok(Verdict::Known));
        }
        let without = Ask { token: None, ..first };
        assert_eq!(admitted(&connections, &without).await, 1, "nothing was charged");
    }
}

async fn a_refused_token_leaves_no_trace(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    let (own, own_spent, shared_spent) = (bucket(1, HOUR), bucket(1, HOUR), bucket(1, HOUR));
    let spend = ask(&[own_spent], &[shared_spent]);
    assert!(admits(&connections, &spend).await);
    for (refusing, shared) in [([own_spent], vec![]), ([own], vec![shared_spent])] {
        let asked = Ask { token: token(), ..also(&spend, &refusing, &shared) };
        for _ in 0..3 {
            refused(&connections, &asked).await;
        }
    }
    let asked = Ask { token: token(), ..also(&spend, &[own], &[]) };
    refused(&connections, &also(&asked, &[own], &[shared_spent])).await;
    assert!(admits(&connections, &asked).await, "it is asked anew");
    refused(&connections, &also(&spend, &[own], &[])).await;
}

async fn a_token_admits_whatever_the_buckets_are(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    for shared in [vec![], vec![bucket(1, HOUR)]] {
        let first = Ask { token: token(), ..ask(&[bucket(1, HOUR)], &shared) };
        assert!(admits(&connections, &first).await);
        let (own, others) = (bucket(1, HOUR), bucket(1, HOUR));
        let again = also(&first, &[own], &[others]);
        assert!(admits(&connections, &again).await && admits(&connections, &again).await);
        let charged = Ask { token: None, ..again };
        assert!(admits(&connections, &charged).await, "those had not been charged");
        let bare = Ask { token: token(), ..ask(&[], &[]) };
        assert!(admits(&connections, &bare).await);
        assert!(admits(&connections, &also(&bare, &[own], &[others])).await);
    }
}

async fn one_token_fifty_times_at_once(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    for shared in [vec![], vec![bucket(2, HOUR)]] {
        let once = Ask { token: token(), ..ask(&[bucket(2, HOUR)], &shared) };
        let verdicts = at_once(&connections, &once, 50).await;
        assert_eq!(count_admitted(&verdicts), 1, "{verdicts:?}");
        let known = verdicts.iter().filter(|verdict| **verdict == Verdict::Known);
        assert_eq!(known.count(), 49, "{verdicts:?}");
        let without = Ask { token: None, ..once };
        assert_eq!(admitted(&connections, &without).await, 1, "of two, one was charged");
    }
}

async fn who_takes_several_at_once_waits_for_all_of_them(
    open: impl AsyncFn(Retention) -> Connections,
) {
    let connections = open(AMPLE).await;
    let one = bucket(10, HOUR);
    let first = ask(&[one], &[]);
    let of = |count| also(&first, &[Bucket { rate: one.rate.times(count), ..one }], &[]);
    assert!(admits(&connections, &of(4)).await && admits(&connections, &of(4)).await);
    let (_, retry_after) = refused(&connections, &of(4)).await;
    let most = 2 * HOUR / 10;
    assert!(retry_after <= most && most - retry_after < Duration::from_secs(60), "{retry_after:?}");
    assert!(admits(&connections, &of(2)).await, "those are left");
    assert_eq!(admitted(&connections, &of(1)).await, 0);
}

async fn no_more_than_the_burst_at_once(open: impl AsyncFn(Retention) -> Connections) {
    no_more_than_the_burst(open(AMPLE).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_get_no_more_than_the_burst_in_memory() {
    no_more_than_the_burst(in_memory(AMPLE)).await;
}

async fn no_more_than_the_burst(connections: Connections) {
    let (own, shared) = (bucket(30, HOUR), bucket(20, HOUR));
    let own_alone = ask(&[own], &[]);
    assert_eq!(count_admitted(&at_once(&connections, &own_alone, 200).await), 30);
    let both = ask(&[bucket(30, HOUR)], &[shared, bucket(30, HOUR)]);
    let verdicts = at_once(&connections, &both, 200).await;
    // Own buckets that are charged for what shared ones refuse may refuse some more.
    assert!((10..=20).contains(&count_admitted(&verdicts)), "{verdicts:?}");
}

/// What is charged while it is asked elsewhere comes back all but the time that this took.
async fn refusals_at_once_give_everything_back(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    let (own, other, spent) = (bucket(5, HOUR), bucket(5, HOUR), bucket(1, HOUR));
    assert!(admits(&connections, &ask(&[], &[spent])).await);
    let hopeless = ask(&[own], &[other, spent]);
    let began = WallInstant::now();
    assert_eq!(count_admitted(&at_once(&connections, &hopeless, 50).await), 0);
    sleep(5 * began.elapsed()).await;
    assert_eq!(admitted(&connections, &also(&hopeless, &[own], &[other])).await, 5);
}

/// Also where much of what own buckets are charged is given back: two authors, who may post more than
/// what they post to takes.
async fn no_stretch_of_time_has_more_than_the_rate(open: impl AsyncFn(Retention) -> Connections) {
    const OWN: Duration = Duration::from_millis(40);
    const SHARED: Duration = Duration::from_millis(30);
    let connections = open(AMPLE).await;
    let shared = bucket(2, 2 * SHARED);
    let asks = [(); 2].map(|()| ask(&[bucket(3, 3 * OWN)], &[shared]));
    let asked = (0..12).map(|nth| {
        let (limiter, ask) = (Arc::clone(&connections[nth % CONNECTIONS]), asks[nth % 2].clone());
        task::spawn("test.asker", async move {
            let mut admitted = Vec::new();
            for _ in 0..60 {
                let sent = Instant::now();
                if verdict(&*limiter, &ask).await == Verdict::Admitted {
                    admitted.push((sent, Instant::now()));
                }
                sleep(Duration::from_millis(5)).await;
            }
            admitted
        })
    });
    let admitted: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    for author in 0..2 {
        let own: Vec<_> = admitted.iter().skip(author).step_by(2).flatten().copied().collect();
        check_rate(&own, 3, OWN);
    }
    assert!(admitted.concat().len() > 5, "too few to tell anything");
    check_rate(&admitted.concat(), 2, SHARED);
}

/// Between any two instants, those that were sent after the one and answered before the other are
/// no more than the burst and one per interval.
pub(crate) fn check_rate(admitted: &[(Instant, Instant)], burst: u128, interval: Duration) {
    for (from, _) in admitted {
        for (_, to) in admitted.iter().filter(|(_, to)| to > from) {
            let within = admitted.iter().filter(|(sent, told)| sent >= from && told <= to).count();
            let most = burst + (*to - *from).as_micros() / interval.as_micros();
            assert!(within as u128 <= most, "{within} of {most} in {:?}", *to - *from);
        }
    }
}

async fn authors_are_independent(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    let asks: Vec<Ask> = (0..20).map(|_| ask(&[bucket(2, HOUR)], &[])).collect();
    for ask in &asks {
        assert_eq!(admitted(&connections, ask).await, 2);
    }
}

async fn a_shared_bucket_is_everybodys(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    let (video, address) = (bucket(3, HOUR), bucket(9, HOUR));
    let mut admitted = Vec::new();
    for _ in 0..5 {
        admitted.push(admits(&connections, &ask(&[bucket(9, HOUR)], &[video, address])).await);
    }
    assert_eq!(admitted, [true, true, true, false, false]);
}

/// Each name is a bucket of its own, also where one author's name looks like part of another's.
async fn names_that_try_to_collide(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    let unique = Uuid::now_v7().to_string();
    let mut names = BTreeMap::new();
    for author in ["a", "a b", "a:b", "a}:bucket:", "{a}", "a{b}", "ä\u{1f600}", "A"] {
        for video in ["v", "b:v", "bucket", "-"] {
            names.insert((author, video), named(&[&unique, author, video], 1, HOUR));
        }
    }
    for ((author, _), bucket) in &names {
        let author: UserId = format!("{author}{unique}").parse().unwrap();
        assert!(admits(&connections, &Ask { author, ..ask(&[*bucket], &[]) }).await);
    }
    for ((author, _), bucket) in &names {
        let author: UserId = format!("{author}{unique}").parse().unwrap();
        refused(&connections, &Ask { author, ..ask(&[*bucket], &[]) }).await;
    }
}

/// Slow mode that is turned down holds nobody to what it was.
async fn nobody_waits_longer_than_the_new_interval(open: impl AsyncFn(Retention) -> Connections) {
    const SHORT: Duration = Duration::from_millis(300);
    let connections = open(AMPLE).await;
    let slow = bucket(1, HOUR);
    let first = ask(&[slow], &[]);
    assert!(admits(&connections, &first).await);
    let faster = Bucket { rate: Rate::once_in(SHORT).unwrap(), ..slow };
    let asked = also(&first, &[faster], &[]);
    let (_, wait) = refused(&connections, &asked).await;
    assert!(wait <= SHORT, "{wait:?}");
    sleep(SHORT).await;
    assert!(admits(&connections, &asked).await);
    refused(&connections, &asked).await;
}

async fn nothing_to_ask_is_admitted(open: impl AsyncFn(Retention) -> Connections) {
    let connections = open(AMPLE).await;
    assert!(admits(&connections, &ask(&[], &[])).await);
    assert!(admits(&connections, &Ask { token: token(), ..ask(&[], &[]) }).await);
}
