//! What the suites of the live log and the endpoint store share: opening stores, making events.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    event::{Event, EventId, Kind, VideoEvents},
    ids::VideoId,
    link::Incarnation,
    live_log::{Appended, LiveLog, Retention},
    position::{Origin, Seq},
};
use futures_util::{StreamExt, future::LocalBoxFuture};
use store::{memory::MemoryStore, redis::RedisStore};
use tokio::time::sleep;
use uuid::Uuid;

/// Retention that no test runs into by accident.
pub(crate) const AMPLE: Retention =
    Retention { replay_max: 20_000, replay_ttl_s: 600, dedup_s: 120 };

pub(crate) fn origin() -> Arc<Origin> {
    Arc::new("dc1".parse().unwrap())
}

pub(crate) fn memory(retention: Retention) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(origin(), retention))
}

/// Of the server that `CHORUS_TEST_REDIS` names; what tests write there has random names.
pub(crate) fn redis_url() -> String {
    std::env::var("CHORUS_TEST_REDIS")
        .expect("set CHORUS_TEST_REDIS, e.g. to what `deploy/dev/redis start` prints")
}

pub(crate) async fn redis_at(url: &str, retention: Retention) -> Arc<RedisStore> {
    Arc::new(RedisStore::connect(url, origin(), retention).await.unwrap())
}

/// What a start at `url`, where nobody answers, says afterwards when asked. It must hide passwords.
pub(crate) async fn why_away(store: &RedisStore) -> String {
    let why = LiveLog::ping(store).await.unwrap_err().to_string();
    assert!(!why.contains("hush") && !why.contains('\n'), "{why}");
    why
}

pub(crate) fn video() -> VideoId {
    format!("test-{}", Uuid::now_v7()).parse().unwrap()
}

pub(crate) fn incarnation() -> Incarnation {
    Incarnation(format!("test-{}", Uuid::now_v7()).into())
}

pub(crate) fn event() -> Event {
    event_with(br#"{"text":"hi"}"#.to_vec())
}

pub(crate) fn event_with(data: Vec<u8>) -> Event {
    let id = EventId::from_bytes(*Uuid::now_v7().as_bytes());
    Event { id, kind: Kind::COMMENT, data: data.into() }
}

pub(crate) fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| event()).collect()
}

/// One video's append, repeated until it succeeds: what becomes of one that fails is not known, so
/// this is what a dispatcher does.
pub(crate) async fn append_until_done(
    log: &dyn LiveLog,
    video: &VideoId,
    events: &[Event],
) -> Appended {
    let began = Instant::now();
    loop {
        let batch = VideoEvents {
            video: video.clone(),
            events: events.to_vec(),
            until_ms: None,
            show_anyway: false,
        };
        match log.append(vec![batch]).await.remove(0) {
            Ok(appended) => return appended,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(100), "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// A suite's cases on servers that all of them share, a few at a time.
pub(crate) async fn run_all(cases: Vec<LocalBoxFuture<'_, ()>>) {
    futures_util::stream::iter(cases).buffer_unordered(4).collect::<()>().await;
}

/// One video's append, which must succeed.
pub(crate) async fn append(log: &dyn LiveLog, video: &VideoId, events: &[Event]) -> Appended {
    let batch = VideoEvents {
        video: video.clone(),
        events: events.to_vec(),
        until_ms: None,
        show_anyway: false,
    };
    let mut answers = log.append(vec![batch]).await;
    assert_eq!(answers.len(), 1);
    let appended = answers.remove(0).unwrap();
    let given: Vec<_> = appended.entries.iter().map(|entry| &entry.event).collect();
    assert_eq!(given, events.iter().collect::<Vec<_>>(), "answers stand in the order given");
    appended
}

pub(crate) fn seqs(appended: &Appended) -> Vec<Seq> {
    appended.entries.iter().map(|entry| entry.position.seq).collect()
}

/// A contract's cases, each a function of this module's: in memory, on a Redis of one server, behind
/// sentinels and on a cluster. They take what opens a `$contract`, which is `$memory` in memory, and
/// `$redis` at an address.
macro_rules! suite {
    ($contract:ty, $memory:path, $redis:path; $($case:ident,)*) => {
        mod memory {
            $(#[tokio::test(start_paused = true)]
            async fn $case() {
                super::$case(async |retention| $memory(retention) as _).await;
            })*
        }
        mod redis {
            $(#[tokio::test]
            #[ignore = "needs Redis: run deploy/dev/test"]
            async fn $case() {
                let url = crate::live::redis_url();
                super::$case(async |retention| $redis(&url, retention).await as _).await;
            })*
        }
        mod sentinel {
            #[tokio::test]
            #[ignore = "needs Redis: run deploy/dev/test"]
            async fn all_of_it() {
                let servers = crate::sentinels::Watched::start().await;
                super::all_of_it_at(&servers.url()).await;
            }
        }
        mod cluster {
            #[tokio::test]
            #[ignore = "needs Redis: run deploy/dev/test"]
            async fn all_of_it() {
                let servers = crate::redis_cluster::Servers::start(0).await;
                super::all_of_it_at(&servers.url()).await;
            }
        }
        async fn all_of_it_at(url: &str) {
            let open = async |retention| $redis(url, retention).await as $contract;
            $crate::live::run_all(vec![$(Box::pin($case(&open))),*]).await;
        }
    };
}
pub(crate) use suite;
