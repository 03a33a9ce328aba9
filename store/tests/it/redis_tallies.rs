//! What only numbers on Redis do: keys that expire, fills that grow old, servers that are away.

use std::sync::Arc;

use common::{
    live_log::bucket_of,
    tallies::{FILL_AGE_MAX, Tallies},
    totals::Source,
};
use store::redis::RedisStore;

use crate::{
    live::{AMPLE, redis_at, video},
    redis_cluster::Servers,
    redis_server::{RedisServer, eventually},
    tallies::row,
};

async fn server() -> (RedisServer, Arc<RedisStore>) {
    let server = RedisServer::start(&[]).await;
    let store = redis_at(&server.url(), AMPLE).await;
    (server, store)
}

/// Anybody may ask for the numbers of any video.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn what_has_no_numbers_is_soon_forgotten() {
    let (server, store) = server().await;
    let (asked, counted) = (video(), video());
    let ttl_s = async |video| {
        let key = format!("{{ch:{}}}:tally:{video}", bucket_of(video));
        server.run::<i64>(&["TTL", &key]).await
    };
    for _ in 0..2 {
        store.fill(&asked, &[]).await.unwrap();
        assert!((1..=900).contains(&ttl_s(&asked).await));
    }
    let told = [row(&counted, &Source::fresh(), "r/like 1")];
    for _ in 0..2 {
        store.report(&told).await.unwrap();
        assert!(ttl_s(&counted).await > 80_000);
        store.fill(&counted, &[]).await.unwrap();
    }
    store.report(&[row(&asked, &Source::fresh(), "r/like 1")]).await.unwrap();
    assert!(ttl_s(&asked).await > 80_000, "it has some by now");
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn an_old_fill_is_answered_and_wanted_again() {
    let (server, store) = server().await;
    let (video, source) = (video(), Source::fresh());
    store.fill(&video, &[row(&video, &source, "r/like 1")]).await.unwrap();
    let asked = [video.clone()];
    let likes = async || {
        let tallies = store.tallies(&asked).await.unwrap();
        tallies[0].totals.as_ref().map(ToString::to_string)
    };
    assert_eq!(likes().await.as_deref(), Some("r/like 1"));
    assert_eq!(store.wanted(1_000).await.unwrap(), []);
    let key = format!("{{ch:{}}}:tally:{video}", bucket_of(&video));
    let filled_ms: u64 = server.run(&["HGET", &key, "filled"]).await;
    let old_ms = filled_ms - u64::try_from(FILL_AGE_MAX.as_millis()).unwrap();
    server.run::<i64>(&["HSET", &key, "filled", &old_ms.to_string()]).await;
    eventually("it is wanted again", async || {
        assert_eq!(likes().await.as_deref(), Some("r/like 1"));
        store.wanted(1_000).await.unwrap() == asked
    })
    .await;
    // Which changes nothing unless something was missing.
    let buckets = [bucket_of(&video)];
    let since_ms = store.changed(&[], 0).await.unwrap().now_ms + 1;
    store.fill(&video, &[row(&video, &source, "r/like 1")]).await.unwrap();
    assert_eq!(likes().await.as_deref(), Some("r/like 1"));
    assert_eq!(store.wanted(1_000).await.unwrap(), []);
    assert_eq!(store.changed(&buckets, since_ms).await.unwrap().tallies, []);
    store.fill(&video, &[row(&video, &source, "r/like 2")]).await.unwrap();
    assert_eq!(store.changed(&buckets, since_ms).await.unwrap().tallies.len(), 1);
}

/// What the others have given out is theirs no longer.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn one_server_that_is_away_takes_nothing_from_what_others_give() {
    let servers = Servers::start(0).await;
    let store = redis_at(&servers.url(), AMPLE).await;
    let videos: Vec<_> = (0..60).map(|_| video()).collect();
    let rows: Vec<_> = videos.iter().map(|video| row(video, &Source::fresh(), "views 1")).collect();
    store.hand_over(&rows).await.unwrap();
    store.tallies(&videos).await.unwrap();
    servers.signal(0, "-STOP");
    let (wanted, unkept) =
        (store.wanted(10_000).await.unwrap(), store.unkept(10_000).await.unwrap());
    assert_eq!(wanted.len(), unkept.len());
    assert!((1..videos.len()).contains(&wanted.len()), "{} of {}", wanted.len(), videos.len());
}
