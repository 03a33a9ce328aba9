//! Redis killed, emptied, stopped, full, demoted: on a server of the test's own.

use std::{
    slice::from_ref,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    endpoint_store::EndpointStore,
    event::VideoEvents,
    ids::VideoId,
    link::Endpoint,
    live_log::{From, LiveLog, Retention, bucket_of},
    position::Position,
};
use store::redis::{ConnectError, RedisStore};
use tokio::time::sleep;

use crate::{
    live::{AMPLE, append, events, incarnation, origin, redis_at, seqs, video, why_away},
    redis_server::RedisServer,
};

async fn server() -> (RedisServer, Arc<RedisStore>) {
    let server = RedisServer::start(&[]).await;
    let store = redis_at(&server.url(), AMPLE).await;
    (server, store)
}

fn endpoint() -> Endpoint {
    Endpoint { incarnation: incarnation(), address: "http://10.0.0.7:9082".to_owned() }
}

async fn head(store: &RedisStore, video: &VideoId) -> Position {
    store.read(video, From::Newest, 0).await.unwrap().head
}

/// Waits until the store answers again by itself.
async fn await_up(store: &RedisStore) {
    let began = Instant::now();
    while let Err(error) = LiveLog::ping(store).await {
        assert!(began.elapsed() < Duration::from_secs(5), "still away: {error}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_restart_from_an_older_snapshot_gives_no_seq_twice() {
    let (mut server, store) = server().await;
    let (video, quiet) = (video(), video());
    append(&*store, &video, &events(90)).await;
    let quiet_head = append(&*store, &quiet, &events(1)).await.entries[0].position;
    server.run::<()>(&["SAVE"]).await;
    let lost = append(&*store, &video, &events(12)).await;
    let told = lost.entries[11].position;
    let buckets = [bucket_of(&video), bucket_of(&quiet)];
    let before = store.changed(&buckets, 0).await.unwrap();

    server.kill_and_restart().await;
    await_up(&store).await;
    let after = store.changed(&buckets, 0).await.unwrap();
    assert_ne!(after.run, before.run);
    assert_eq!(after.heads, [], "heads of the old run are not told");
    let page = store.read(&video, From::After(told), 10).await.unwrap();
    assert!(page.head.epoch > told.epoch && page.head.seq == 0, "{page:?}");
    assert!(!page.covers(told) && page.entries.is_empty());
    let repeated = append(&*store, &video, &[lost.entries[0].event.clone()]).await;
    assert_eq!(repeated.entries[0].position, Position { seq: 1, ..page.head });
    let heads = store.heads(&[quiet.clone(), video.clone()]).await.unwrap();
    assert!(heads[0].epoch > quiet_head.epoch && heads[0].seq == 0);
    assert_eq!(heads[1], repeated.entries[0].position);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_lease_ends_with_the_run_that_gave_it() {
    let (mut server, store) = server().await;
    let (endpoint, ttl) = (endpoint(), Duration::from_secs(60));
    store.register(&endpoint, ttl).await.unwrap();
    assert!(store.renew(&endpoint.incarnation, ttl).await.unwrap());
    server.run::<()>(&["SAVE"]).await;
    let subscribed_later = video();
    store.subscribe(&endpoint.incarnation, &subscribed_later).await.unwrap();

    server.kill_and_restart().await;
    await_up(&store).await;
    assert_eq!(store.subscribers(&subscribed_later).await.unwrap(), [], "lost unnoticed");
    assert!(!store.renew(&endpoint.incarnation, ttl).await.unwrap());
    assert_eq!(store.dead().await.unwrap(), from_ref(&endpoint.incarnation));
    store.remove(&endpoint.incarnation).await.unwrap();
    server.run::<()>(&["FLUSHALL"]).await;
    assert!(!store.renew(&endpoint.incarnation, ttl).await.unwrap());
}

/// Its process is the same, but others may have handed out places meanwhile, of which it knows nothing
/// if it has not copied them.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_master_that_was_demoted_in_between_begins_new_epochs() {
    let (server, store) = server().await;
    let (video, endpoint) = (video(), endpoint());
    store.register(&endpoint, Duration::from_secs(60)).await.unwrap();
    let told = append(&*store, &video, &events(9)).await.entries[8].position;
    let before = store.changed(&[bucket_of(&video)], 0).await.unwrap();
    assert_eq!(before.heads, [(video.clone(), told)]);

    server.run::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    server.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    await_up(&store).await;
    let after = store.changed(&[bucket_of(&video)], 0).await.unwrap();
    assert_ne!(after.run, before.run);
    assert_eq!(after.heads, []);
    assert!(!store.renew(&endpoint.incarnation, Duration::from_secs(60)).await.unwrap());
    let appended = append(&*store, &video, &events(1)).await.entries[0].position;
    assert!(appended.epoch > told.epoch && appended.seq == 1);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn an_emptied_server_begins_new_epochs() {
    let (server, store) = server().await;
    let video = video();
    let told = append(&*store, &video, &events(9)).await.entries[8].position;
    server.run::<()>(&["FLUSHALL"]).await;
    let appended = append(&*store, &video, &events(1)).await.entries[0].position;
    assert!(appended.epoch > told.epoch && appended.seq == 1);
    server.run::<()>(&["FLUSHALL"]).await;
    let heads = store.heads(from_ref(&video)).await.unwrap();
    assert!(heads[0].epoch > appended.epoch && heads[0].seq == 0);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_log_that_expired_keeps_its_head() {
    let (server, store) = server().await;
    let video = video();
    let told = append(&*store, &video, &events(5)).await.entries[4].position;
    let log: Vec<String> = server.run(&["KEYS", "*:log:*"]).await;
    server.run::<()>(&["DEL", &log[0]]).await;
    let page = store.read(&video, From::After(told), 10).await.unwrap();
    assert_eq!((page.head, page.first, page.entries.len()), (told, 6, 0));
    assert_eq!(seqs(&append(&*store, &video, &events(1)).await), [6]);
    assert_eq!(store.read(&video, From::After(told), 10).await.unwrap().entries.len(), 1);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn whatever_a_video_leaves_expires() {
    let server = RedisServer::start(&[]).await;
    let retention = Retention { replay_ttl_s: 1, dedup_s: 1, ..AMPLE };
    let store = redis_at(&server.url(), retention).await;
    let (said, asked_for) = (video(), video());
    store.heads(from_ref(&asked_for)).await.unwrap();
    // The third append finds the log emptied by age, the ids of the first one turned.
    for _ in 0..3 {
        append(&*store, &said, &events(2)).await;
        sleep(Duration::from_millis(700)).await;
        let keys: Vec<String> = server.run(&["KEYS", "*"]).await;
        for key in keys.iter().filter(|key| !key.ends_with(":changed")) {
            let ttl_ms: i64 = server.run(&["PTTL", key]).await;
            let longest_s = match key.split(':').nth(2).unwrap() {
                "meta" if key.contains(said.as_str()) => 86_400,
                "meta" => 900,
                _ => 2,
            };
            assert!((1..=1_000 * longest_s).contains(&ttl_ms), "{key} {ttl_ms}");
        }
    }
    sleep(Duration::from_millis(2_100)).await;
    let mut left: Vec<String> = server.run(&["KEYS", "*"]).await;
    left.retain(|key| !key.contains(":meta:"));
    assert_eq!(left.len(), 1, "the index: {left:?}");
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_log_emptied_by_age_expires_again() {
    let server = RedisServer::start(&[]).await;
    let store = redis_at(&server.url(), Retention { replay_ttl_s: 1, ..AMPLE }).await;
    let video = video();
    append(&*store, &video, &events(1)).await;
    sleep(Duration::from_millis(1_100)).await;
    assert_eq!(store.read(&video, From::Newest, 9).await.unwrap().first, 2);
    append(&*store, &video, &events(1)).await;
    let log: Vec<String> = server.run(&["KEYS", "*:log:*"]).await;
    assert!(server.run::<i64>(&["PTTL", &log[0]]).await > 0);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_stopped_server_fails_calls_in_time_and_comes_back() {
    let (server, store) = server().await;
    let video = video();
    append(&*store, &video, &events(1)).await;
    server.signal("-STOP");
    let said = events(2);
    let batch = || {
        vec![VideoEvents {
            video: video.clone(),
            events: said.clone(),
            until_ms: None,
            show_anyway: false,
        }]
    };
    for _ in 0..20 {
        let began = Instant::now();
        let answers = store.append(batch()).await;
        let waited = began.elapsed();
        assert!(answers[0].is_err() && waited < Duration::from_millis(900), "{waited:?}");
    }
    let began = Instant::now();
    for _ in 0..100 {
        store.read(&video, From::Newest, 1).await.unwrap_err();
    }
    let waited = began.elapsed();
    assert!(waited < Duration::from_millis(900), "100 calls to a server known to be away");
    server.signal("-CONT");
    await_up(&store).await;
    assert_eq!(seqs(&append(&*store, &video, &said).await), [2, 3], "once, whatever arrived late");
    assert_eq!(head(&store, &video).await.seq, 3);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn forgotten_scripts_and_cut_connections_heal() {
    let (server, store) = server().await;
    let video = video();
    append(&*store, &video, &events(1)).await;
    server.run::<()>(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(seqs(&append(&*store, &video, &events(1)).await), [2]);
    server.run::<()>(&["SCRIPT", "FLUSH"]).await;
    let batch = || VideoEvents {
        video: crate::live::video(),
        events: events(3),
        until_ms: None,
        show_anyway: false,
    };
    let answers = store.append((0..40).map(|_| batch()).collect()).await;
    assert!(answers.iter().all(|answer| seqs(answer.as_ref().unwrap()) == [1, 2, 3]));
    server.run::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    await_up(&store).await;
    assert_eq!(seqs(&append(&*store, &video, &events(1)).await), [3]);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_full_server_refuses_appends_as_a_whole_and_still_reads() {
    let server = RedisServer::start(&[]).await;
    let retention = Retention { dedup_s: 1, ..AMPLE };
    let store = redis_at(&server.url(), retention).await;
    let video = video();
    append(&*store, &video, &events(3)).await;
    let before = store.read(&video, From::Newest, 9).await.unwrap();
    server.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    // Ids are due to rotate, which must not come before the refusal.
    sleep(Duration::from_millis(1_100)).await;
    let batch =
        VideoEvents { video: video.clone(), events: events(2), until_ms: None, show_anyway: false };
    let error = store.append(vec![batch]).await.remove(0).unwrap_err().to_string();
    assert!(error.contains("maxmemory"), "{error}");
    assert_eq!(store.read(&video, From::Newest, 9).await.unwrap(), before);
    server.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(seqs(&append(&*store, &video, &events(1)).await), [4]);
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_demoted_server_is_left_until_it_is_master_again() {
    let (server, store) = server().await;
    let video = video();
    server.run::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let batch = || {
        vec![VideoEvents {
            video: video.clone(),
            events: events(1),
            until_ms: None,
            show_anyway: false,
        }]
    };
    assert!(store.append(batch()).await[0].is_err());
    sleep(Duration::from_millis(300)).await;
    let error = store.append(batch()).await.remove(0).unwrap_err().to_string();
    assert!(error.contains("replica"), "{error}");
    server.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    await_up(&store).await;
    append(&*store, &video, &events(1)).await;
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_start_that_can_not_succeed_says_what_to_do() {
    let error = async |url: &str| {
        let error = RedisStore::connect(url, origin(), AMPLE).await.err().unwrap();
        let line = error.to_string();
        assert!(!line.contains("hush") && !line.contains('\n'), "{line}");
        (error, line)
    };
    for url in
        ["http://u:hush@h", "redis://h:x", "rediss://u:hush@h#insecure", "redis+sentinel://h", ""]
    {
        let (kind, line) = error(url).await;
        assert!(matches!(kind, ConnectError::Address { .. }), "{line}");
    }

    let server = RedisServer::start(&["--requirepass", "other"]).await;
    let with_password = server.url().replace("redis://", "redis://:hush@");
    for url in [server.url(), with_password] {
        let (kind, line) = error(&url).await;
        assert!(matches!(kind, ConnectError::Refused { .. }), "{line}");
    }
}

/// Who restarts while Redis is away starts, and has it when it is back.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_start_waits_for_a_server_behind_the_scenes() {
    let mut server = RedisServer::start(&[]).await;
    let stopped = RedisServer::start(&[]).await;
    server.kill();
    stopped.signal("-STOP");
    for url in [server.url(), stopped.url()] {
        let store = redis_at(&url, AMPLE).await;
        let why = why_away(&store).await;
        assert!(why.contains(&format!("Redis at {url}: not connected, ")), "{why}");
        if url == server.url() {
            server.start_again().await;
        } else {
            stopped.signal("-CONT");
        }
        await_up(&store).await;
        append(&*store, &video(), &events(1)).await;
    }
    let why = why_away(&*redis_at("redis://u:hush@127.0.0.1:1/0", AMPLE).await).await;
    assert!(why.contains("redis://u:****@127.0.0.1:1/0"), "{why}");
}
