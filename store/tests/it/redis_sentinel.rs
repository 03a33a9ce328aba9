//! A live log behind sentinels: failovers, and starts that can't succeed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use common::{
    event::EventId,
    ids::VideoId,
    live_log::{Appended, From, LiveLog},
    position::Position,
};
use store::redis::{ConnectError, RedisStore};
use tokio::time::sleep;

use crate::{
    live::{AMPLE, append, append_until_done, events, origin, redis_at, seqs, video, why_away},
    redis_server::{RedisServer, eventually},
    sentinels::{Watched, info, sentinel},
};

async fn store_of(watched: &Watched) -> Arc<RedisStore> {
    redis_at(&watched.url(), AMPLE).await
}

async fn keys(server: &RedisServer, video: &VideoId) -> usize {
    server.run::<Vec<String>>(&["KEYS", &format!("*{video}*")]).await.len()
}

fn last(appended: &Appended) -> Position {
    appended.entries.last().unwrap().position
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn appends_go_on_when_the_master_is_killed_and_a_sentinel_dead() {
    let mut watched = Watched::start().await;
    watched.sentinels[0].kill();
    let (store, video) = (store_of(&watched).await, video());
    let mut places = BTreeMap::<Position, EventId>::new();
    let mut note = |appended: &Appended| {
        for entry in &appended.entries {
            let known = places.insert(entry.position, entry.event.id);
            assert!(known.is_none_or(|id| id == entry.event.id), "{:?} twice", entry.position);
        }
        last(appended)
    };
    let mut before = note(&append(&*store, &video, &events(3)).await);
    for _ in 0..19 {
        before = note(&append(&*store, &video, &events(3)).await);
    }
    watched.master.kill();
    let mut after = before;
    for _ in 0..20 {
        after = note(&append_until_done(&*store, &video, &events(3)).await);
    }
    assert!(after.epoch > before.epoch && after.seq == 60, "{before:?} {after:?}");
    assert!(info(&watched.other).await.contains("role:master"));
    let page = store.read(&video, From::After(before), 9).await.unwrap();
    assert!(!page.covers(before), "viewers are told");
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn nobody_stays_with_a_master_that_was_frozen() {
    let watched = Watched::start().await;
    let (store, video) = (store_of(&watched).await, video());
    let before = last(&append(&*store, &video, &events(2)).await);
    watched.master.signal("-STOP");
    let promoted = append_until_done(&*store, &video, &events(1)).await;
    watched.master.signal("-CONT");
    let late = store_of(&watched).await;
    let more = append_until_done(&*late, &video, &events(1)).await;
    let again = append_until_done(&*store, &video, &events(1)).await;
    assert!(last(&promoted).epoch > before.epoch);
    for (appended, seq) in [(promoted.clone(), 1), (more, 2), (again, 3)] {
        assert_eq!(last(&appended), Position { seq, ..last(&promoted) });
    }
}

/// The old master answers all the while. (Nobody promoted the other one: sentinels are told of it
/// one by one, as they would hear of a failover.)
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_master_is_left_when_most_sentinels_name_another_and_not_before() {
    let (old, new) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let mut watched = Watched::by_sentinels(old, new).await;
    let (store, video) = (store_of(&watched).await, video());
    append(&*store, &video, &events(1)).await;

    let port = watched.other.port().to_string();
    let tell = async |sentinel: &RedisServer| {
        sentinel.run::<()>(&["SENTINEL", "REMOVE", "live"]).await;
        sentinel.run::<()>(&["SENTINEL", "MONITOR", "live", "127.0.0.1", &port, "2"]).await;
    };
    tell(&watched.sentinels[0]).await;
    watched.sentinels[1].signal("-STOP");
    watched.sentinels[2].signal("-STOP");
    sleep(Duration::from_millis(2_500)).await;
    let appended = append(&*store, &video, &events(1)).await;
    assert_eq!(seqs(&appended), [2], "all that answer say so: one of three");
    assert_eq!(keys(&watched.other, &video).await, 0);

    watched.sentinels[1].signal("-CONT");
    tell(&watched.sentinels[1]).await;
    eventually("the new master is used", async || {
        append_until_done(&*store, &video, &events(1)).await;
        keys(&watched.other, &video).await > 0
    })
    .await;
    let stayed = keys(&watched.master, &video).await;
    watched.master.run::<()>(&["FLUSHALL"]).await;
    append_until_done(&*store, &video, &events(1)).await;
    assert_eq!((stayed > 0, keys(&watched.master, &video).await), (true, 0));
    watched.sentinels[2].kill();
    append(&*store, &video, &events(1)).await;
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_start_without_sentinels_says_what_to_do() {
    let error = async |url: &str| {
        let error = RedisStore::connect(url, origin(), AMPLE).await.err().unwrap();
        let line = error.to_string();
        assert!(!line.contains("hush") && !line.contains('\n'), "{line}");
        (error, line)
    };
    let nobody = "redis+sentinel://u:hush@127.0.0.1:1,127.0.0.1:2/live?sentinel_password=hush";
    let shown = "redis+sentinel://u:****@127.0.0.1:1,127.0.0.1:2/live?sentinel_password=****";
    let why = why_away(&*redis_at(nobody, AMPLE).await).await;
    assert!(why.contains(shown), "{why}");

    let server = RedisServer::start(&["--requirepass", "hush"]).await;
    let sentinel = sentinel(&server, "requirepass secret\nsentinel auth-pass live hush").await;
    let at = format!("127.0.0.1:{}", sentinel.port());
    let no_sentinel = RedisServer::start(&[]).await;
    let plain = no_sentinel.url().replace("://", "+sentinel://") + "/live";
    for (url, expected) in [
        (format!("redis+sentinel://:hush@{at}/live"), "want ?sentinel_password="),
        (format!("redis+sentinel://{at}/live?sentinel_password=secret"), "NOAUTH"),
    ] {
        let (kind, line) = error(&url).await;
        assert!(matches!(kind, ConnectError::Refused { .. }), "{line}");
        assert!(line.contains(expected), "{line}");
    }
    for (url, expected) in [
        (format!("redis+sentinel://:hush@{at}/other?sentinel_password=secret"), "No such"),
        (plain, "no sentinel names the master"),
    ] {
        let why = why_away(&*redis_at(&url, AMPLE).await).await;
        assert!(why.contains(expected), "{why}");
    }
    let url = format!("redis+sentinel://:hush@{at}/live?sentinel_password=secret");
    append(&*redis_at(&url, AMPLE).await, &video(), &events(1)).await;
}
