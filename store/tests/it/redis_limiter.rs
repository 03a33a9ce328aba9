//! What only the limiter on Redis does: keys that expire, round trips, asks whose process died, and
//! servers of a cluster that are away.

use std::{sync::Arc, time::Duration};

use common::{
    ids::UserId,
    limiter::{Ask, Bucket, Key, Limiter, LimiterError, TOKEN_KEPT, Token, Verdict},
};
use futures_util::future::join_all;
use store::redis::RedisStore;
use tokio::time::{Instant, sleep};

use crate::{
    limiter::{ask, author, bucket, check_rate, verdict},
    live::{AMPLE, redis_at},
    redis_cluster::Servers,
    redis_server::{RedisServer, eventually},
};

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

async fn server() -> (RedisServer, Arc<RedisStore>) {
    let server = RedisServer::start(&[]).await;
    let store = redis_at(&server.url(), AMPLE).await;
    (server, store)
}

fn token(name: &str) -> Option<Token> {
    Some(Token { key: Key::of("token", &[name]), request: Key::of("request", &[name]) })
}

fn author_tag(author: &UserId) -> String {
    format!("{{ch:u:{}}}", Key::of("author", &[author.as_str()]))
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn everything_it_writes_expires() {
    let (server, store) = server().await;
    for nth in 0..20 {
        let own = [bucket(30, 60 * SECOND), bucket(1, SECOND)];
        let shared = [bucket(5, SECOND), bucket(100, 60 * SECOND)];
        let shared = if nth % 2 == 0 { &shared[..] } else { &[] };
        let asked = Ask { token: token(&nth.to_string()), ..ask(&own, shared) };
        assert_eq!(store.admit(&asked).await, Ok(Verdict::Admitted));
        let again = Ask { token: token("again"), ..asked };
        assert!(matches!(store.admit(&again).await, Ok(Verdict::Refused { nth: 1, .. })));
    }
    let keys: Vec<String> = server.run(&["KEYS", "*"]).await;
    assert_eq!(keys.len(), 20 * 3 + 10 * 2);
    for key in keys {
        let ttl_ms: i64 = server.run(&["PTTL", &key]).await;
        let most = if key.contains(":token:") { TOKEN_KEPT } else { 2 * SECOND };
        // -2: it has expired meanwhile; -1 would be for ever.
        let in_time = (1..=i64::try_from(most.as_millis()).unwrap()).contains(&ttl_ms);
        assert!(in_time || ttl_ms == -2, "{key}: {ttl_ms} ms");
    }
    eventually("only tokens are left", async || {
        let keys: Vec<String> = server.run(&["KEYS", "*"]).await;
        keys.iter().all(|key| key.contains(":token:"))
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn without_shared_buckets_it_is_one_round_trip() {
    let (server, store) = server().await;
    server.run::<()>(&["CONFIG", "RESETSTAT"]).await;
    for nth in 0..10 {
        let own = [bucket(1, HOUR), bucket(1, HOUR), bucket(1, HOUR)];
        let asked = Ask { token: token(&nth.to_string()), ..ask(&own, &[]) };
        assert_eq!(store.admit(&asked).await, Ok(Verdict::Admitted));
    }
    let stats: String = server.run(&["INFO", "commandstats"]).await;
    assert!(stats.contains("cmdstat_evalsha:calls=10,"), "{stats}");
}

/// Whoever asks for a token whose process died finds it free again after two seconds, and until then
/// is told that nothing is decided.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn an_ask_whose_process_died_holds_its_token_for_two_seconds() {
    let (server, store) = server().await;
    let asked = Ask { token: token("t"), ..ask(&[bucket(5, HOUR)], &[bucket(5, HOUR)]) };
    let mark = format!("{}:token:{}", author_tag(&asked.author), token("t").unwrap().key);
    server.run::<()>(&["SET", &mark, "1789000000000000", "PX", "2000"]).await;
    let began = Instant::now();
    assert_eq!(store.admit(&asked).await, Err(LimiterError::Undecided));
    assert!(began.elapsed() < SECOND, "it does not wait for long");
    assert_eq!(verdict(&*store, &asked).await, Verdict::Admitted);
    let held: String = server.run(&["GET", &mark]).await;
    assert!(held.starts_with("admitted "), "{held}");
}

/// A server that takes over with its clock behind: nobody waits for longer than a rate lets them.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn times_of_a_clock_that_was_ahead_are_not_waited_for() {
    let (server, store) = server().await;
    let slow = bucket(2, 2 * SECOND / 5);
    let asked = ask(&[slow], &[]);
    let key = format!("{}:bucket:{}", author_tag(&asked.author), slow.key);
    server.run::<()>(&["SET", &key, "9000000000000000"]).await;
    let Ok(Verdict::Refused { retry_after, .. }) = store.admit(&asked).await else {
        panic!("it was emptied")
    };
    assert_eq!(retry_after, SECOND / 5);
    sleep(retry_after).await;
    assert_eq!(store.admit(&asked).await, Ok(Verdict::Admitted));
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_full_server_charges_nothing() {
    let (server, store) = server().await;
    let asked = Ask { token: token("t"), ..ask(&[bucket(1, HOUR), bucket(1, HOUR)], &[]) };
    server.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = store.admit(&asked).await.unwrap_err();
    assert!(matches!(&error, LimiterError::Unavailable(why) if why.contains("OOM")), "{error}");
    server.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let fresh = Ask { token: None, ..asked };
    assert_eq!(store.admit(&fresh).await, Ok(Verdict::Admitted));
}

/// A shared bucket on this server.
async fn bucket_at(servers: &Servers, server: usize, count: u64) -> Bucket {
    loop {
        let bucket = bucket(count, HOUR);
        if servers.place_of(&format!("{{ch:b:{}}}", bucket.key)).await.1 == server {
            return bucket;
        }
    }
}

async fn author_at(servers: &Servers, server: usize) -> UserId {
    loop {
        let author = author();
        if servers.place_of(&author_tag(&author)).await.1 == server {
            return author;
        }
    }
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn what_one_server_was_charged_is_given_back_when_another_is_away() {
    let servers = Servers::start(0).await;
    let store = redis_at(&servers.url(), AMPLE).await;
    let other = redis_at(&servers.url(), AMPLE).await;
    let (there, gone) = (bucket_at(&servers, 1, 1).await, bucket_at(&servers, 0, 5).await);
    let author = author_at(&servers, 2).await;
    let own = bucket(1, HOUR);
    let asked = Ask { author, token: token("t"), ..ask(&[own], &[there, gone]) };
    // Both know the cluster, and are connected to all of it.
    for store in [&store, &other] {
        let warm = join_all((0..3).map(async |at| bucket_at(&servers, at, 1).await)).await;
        assert_eq!(store.admit(&ask(&[], &warm)).await, Ok(Verdict::Admitted));
    }

    servers.signal(0, "-STOP");
    let (first, second) = tokio::join!(store.admit(&asked), async {
        sleep(Duration::from_millis(50)).await;
        other.admit(&asked).await
    });
    assert!(matches!(first, Err(LimiterError::Unavailable(_))), "{first:?}");
    assert_eq!(second, Err(LimiterError::Undecided), "while the first one waits");
    let without = Ask { token: None, shared: vec![there], ..asked.clone() };
    assert_eq!(store.admit(&without).await, Ok(Verdict::Admitted), "both were given back");
    servers.signal(0, "-CONT");
}

/// A bucket fills while it is charged for an ask that is then refused: that much is not given back
/// once more.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn what_came_back_by_itself_is_not_given_back_again() {
    let servers = Servers::start(0).await;
    let store = redis_at(&servers.url(), AMPLE).await;
    let (gone, author) = (bucket_at(&servers, 0, 5).await, author_at(&servers, 1).await);
    let own = bucket(2, 2 * SECOND);
    let refused = Ask { author, ..ask(&[own], &[gone]) };
    let alone = Ask { shared: Vec::new(), ..refused.clone() };

    servers.signal(0, "-STOP");
    let (held, admitted) = tokio::join!(store.admit(&refused), async {
        sleep(Duration::from_millis(400)).await;
        let (began, mut admitted) = (Instant::now(), Vec::new());
        while began.elapsed() < 3 * SECOND / 2 {
            let sent = Instant::now();
            if store.admit(&alone).await == Ok(Verdict::Admitted) {
                admitted.push((sent, Instant::now()));
            }
            sleep(Duration::from_millis(20)).await;
        }
        admitted
    });
    servers.signal(0, "-CONT");
    assert!(matches!(held, Err(LimiterError::Unavailable(_))), "{held:?}");
    check_rate(&admitted, 2, SECOND);
}
