//! A Redis Cluster of a test's own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use common::{
    endpoint_store::EndpointStore,
    event::{EventId, VideoEvents},
    ids::VideoId,
    link::Endpoint,
    live_log::{Appended, From, LiveLog, LiveLogError, bucket_of},
    position::Position,
    task,
};
use redis::FromRedisValue;
use store::redis::{ConnectError, RedisStore};
use tokio_util::sync::CancellationToken;

use crate::{
    live::{
        AMPLE, append, append_until_done, events, incarnation, origin, redis_at, seqs, video,
        why_away,
    },
    redis_server::{RedisServer, eventually, free_port},
};

/// Three primaries with a third of the slots each, then other servers.
pub(crate) struct Servers(Vec<RedisServer>);

impl Servers {
    /// With so many `more`, that hold nothing yet.
    pub(crate) async fn start(more: usize) -> Self {
        let mut servers = Vec::new();
        for at in 0..3 + more {
            servers.push(in_cluster(at).await);
        }
        for (primary, slots) in
            servers.iter().zip([["0", "5460"], ["5461", "10921"], ["10922", "16383"]])
        {
            primary.run::<()>(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]).await;
        }
        for other in &servers[1..] {
            let (port, bus) = (other.port().to_string(), cluster_port(other).await);
            servers[0].run::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
        }
        for server in &servers {
            // (Its state is ok before it has heard of any slots but its own.)
            let known = format!("cluster_known_nodes:{}\r\n", servers.len());
            let signs = ["cluster_state:ok", "cluster_slots_ok:16384", &known];
            eventually("a cluster", async || {
                let info: String = server.run(&["CLUSTER", "INFO"]).await;
                signs.iter().all(|sign| info.contains(sign))
            })
            .await;
        }
        Self(servers)
    }

    pub(crate) fn url(&self) -> String {
        // The last two: whoever is asked knows the others.
        let hosts: Vec<_> =
            self.0[1..3].iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    async fn store(&self) -> Arc<RedisStore> {
        redis_at(&self.url(), AMPLE).await
    }

    /// The slot of a key, and which server's it is.
    pub(crate) async fn place_of(&self, key: &str) -> (String, usize) {
        let slot: u16 = self.0[0].run(&["CLUSTER", "KEYSLOT", key]).await;
        (slot.to_string(), usize::from(slot / 5_461).min(2))
    }

    /// Those of a video's keys.
    async fn place(&self, video: &VideoId) -> (String, usize) {
        self.place_of(&format!("{{ch:{}}}", bucket_of(video))).await
    }

    pub(crate) fn signal(&self, server: usize, signal: &str) {
        self.0[server].signal(signal);
    }

    /// A video that this primary holds.
    async fn video_at(&self, primary: usize) -> VideoId {
        loop {
            let video = video();
            if self.place(&video).await.1 == primary {
                return video;
            }
        }
    }

    async fn id(&self, server: usize) -> String {
        self.0[server].run(&["CLUSTER", "MYID"]).await
    }

    async fn run<T: FromRedisValue>(&self, server: usize, command: &[&str]) -> T {
        self.0[server].run(command).await
    }
}

async fn in_cluster(at: usize) -> RedisServer {
    let options = [
        ["--cluster-enabled", "yes"],
        ["--cluster-port", &free_port().to_string()],
        ["--cluster-node-timeout", "1000"],
        // Those that are there serve what they hold.
        ["--cluster-require-full-coverage", "no"],
    ];
    let server = RedisServer::start(options.as_flattened()).await;
    server.run::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]).await;
    server
}

async fn cluster_port(server: &RedisServer) -> String {
    server.run::<Vec<String>>(&["CONFIG", "GET", "cluster-port"]).await.remove(1)
}

fn last(appended: &Appended) -> Position {
    appended.entries.last().unwrap().position
}

fn batch(video: &VideoId) -> VideoEvents {
    VideoEvents { video: video.clone(), events: events(1), until_ms: None, show_anyway: false }
}

async fn append_once(log: &dyn LiveLog, video: &VideoId) -> Result<Appended, LiveLogError> {
    log.append(vec![batch(video)]).await.remove(0)
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_server_that_is_away_fails_the_calls_of_its_videos_alone() {
    let servers = Servers::start(0).await;
    let store = servers.store().await;
    let (gone, there) = (servers.video_at(0).await, servers.video_at(1).await);
    let before = last(&append(&*store, &gone, &events(1)).await);
    append(&*store, &there, &events(1)).await;
    let buckets = [bucket_of(&gone), bucket_of(&there)];
    let whole = store.changed(&buckets, 0).await.unwrap();
    let mut runs: Vec<&str> = whole.run.split(',').collect();
    assert_eq!((runs.len(), whole.heads.len()), (3, 2), "{whole:?}");
    assert!(runs.is_sorted());

    servers.0[0].signal("-STOP");
    // Both begin at once; that of the server that is there has its answer first.
    tokio::select! {
        biased;
        _ = append_once(&*store, &gone) => panic!("it waited"),
        answer = append_once(&*store, &there) => assert_eq!(seqs(&answer.unwrap()), [2]),
    }
    let answers = store.append(vec![batch(&gone), batch(&there), batch(&gone)]).await;
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [false, true, false], "{answers:?}");
    let told = answers[0].as_ref().unwrap_err().to_string();
    assert!(told.contains(&servers.0[0].port().to_string()), "{told}");
    let part = store.changed(&buckets, 0).await.unwrap();
    assert_eq!(part.heads.iter().map(|(video, _)| video).collect::<Vec<_>>(), [&there]);
    assert_ne!(part.run, whole.run);
    assert!(LiveLog::ping(&*store).await.is_err());
    assert!(EndpointStore::ping(&*store).await.is_err());
    store.heads(&[there.clone(), gone.clone()]).await.unwrap_err();
    // A start goes without it too.
    append(&*servers.store().await, &there, &events(1)).await;

    servers.0[0].signal("-CONT");
    let after = last(&append_until_done(&*store, &gone, &events(1)).await);
    assert_eq!(after.epoch, before.epoch, "it is the same run");
    eventually("all are there", async || LiveLog::ping(&*store).await.is_ok()).await;
    let again = store.changed(&buckets, 0).await.unwrap();
    runs.sort_unstable();
    assert_eq!((again.run, again.heads.len()), (runs.join(","), 2));
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_killed_primary_is_followed_by_its_replica() {
    let mut servers = Servers::start(1).await;
    let primary = servers.id(0).await;
    servers.run::<()>(3, &["CLUSTER", "REPLICATE", &primary]).await;
    eventually("the replica follows", async || {
        let info: String = servers.run(3, &["INFO", "replication"]).await;
        info.contains("master_link_status:up")
    })
    .await;
    let store = servers.store().await;
    let (moved, stays) = (servers.video_at(0).await, servers.video_at(1).await);
    let before = last(&append(&*store, &moved, &events(5)).await);
    append(&*store, &stays, &events(1)).await;
    let run = store.changed(&[], 0).await.unwrap().run;

    servers.0[0].kill();
    let mut others = 0;
    let after = loop {
        append(&*store, &stays, &events(1)).await;
        others += 1;
        if let Ok(appended) = append_once(&*store, &moved).await {
            break last(&appended);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(others < 2_000, "nobody follows");
    };
    assert!(others > 1, "the others' calls went on meanwhile");
    assert!(after.epoch > before.epoch && after.seq == 1, "{before:?} {after:?}");
    let page = store.read(&moved, From::After(before), 9).await.unwrap();
    assert!(!page.covers(before), "viewers are told");
    eventually("all of them are other ones", async || {
        LiveLog::ping(&*store).await.is_ok()
            && store
                .changed(&[], 0)
                .await
                .is_ok_and(|changes| changes.run != run && !changes.run.contains('?'))
    })
    .await;
    assert_eq!(seqs(&append(&*store, &moved, &events(1)).await), [2]);
}

/// To a server that held nothing before, and whose scripts nobody had loaded.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_slot_is_moved_while_its_video_is_appended_to() {
    let servers = Servers::start(1).await;
    let (store, video) = (servers.store().await, video());
    let before = last(&append(&*store, &video, &events(1)).await);
    let gateway =
        Endpoint { incarnation: incarnation(), address: "http://10.0.0.7:9082".to_owned() };
    store.register(&gateway, Duration::from_secs(60)).await.unwrap();
    store.subscribe(&gateway.incarnation, &video).await.unwrap();
    let (stop, appender) = appender(&store, &video);
    let idle = servers.store().await;

    let (slot, from) = servers.place(&video).await;
    let (source, target) = (servers.id(from).await, servers.id(3).await);
    servers.run::<()>(3, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source]).await;
    servers.run::<()>(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target]).await;
    let port = servers.0[3].port().to_string();
    let keys = async || {
        servers.run::<Vec<String>>(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await
    };
    eventually("every key is moved", async || {
        for key in keys().await {
            servers.run::<()>(from, &["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).await;
        }
        keys().await.is_empty()
    })
    .await;
    // The slot is still the one's, what was in it the other's (ASK); scripts find neither whole.
    let subscribers = store.subscribers(&video).await.unwrap();
    assert_eq!(subscribers, std::slice::from_ref(&gateway.incarnation));
    assert!(append_once(&*store, &video).await.is_err(), "TRYAGAIN until the call's time is over");
    for server in [3, from, (from + 1) % 3, (from + 2) % 3] {
        servers.run::<()>(server, &["CLUSTER", "SETSLOT", &slot, "NODE", &target]).await;
    }
    let after = last(&append_until_done(&*store, &video, &events(1)).await);
    assert!(after.epoch > before.epoch, "another run: {before:?} {after:?}");
    let redirected = last(&append_once(&*idle, &video).await.unwrap());
    stop.cancel();
    let places = appender.await.unwrap();
    assert!(places.keys().any(|place| place.epoch == before.epoch));
    let last_one = last(&append(&*store, &video, &events(1)).await);
    let mut seqs: Vec<_> = places
        .keys()
        .filter(|place| place.epoch == after.epoch)
        .map(|place| place.seq)
        .chain([after.seq, redirected.seq, last_one.seq])
        .collect();
    seqs.sort_unstable();
    assert_eq!(
        seqs,
        (1..=last_one.seq).collect::<Vec<_>>(),
        "no place is given twice or to nobody"
    );
    eventually("the new one is known", async || {
        store.changed(&[], 0).await.is_ok_and(|changes| changes.run.split(',').count() == 4)
    })
    .await;
}

/// What a gateway is subscribed to stands in a set of its own first and until the end, so that it
/// can be found when the gateway is dead.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_subscription_is_noted_before_it_is_made_and_after_it_ended() {
    let servers = Servers::start(0).await;
    let store = servers.store().await;
    let slot: u16 = servers.run(0, &["CLUSTER", "KEYSLOT", "{ch:gw}"]).await;
    let noting = usize::from(slot / 5_461).min(2);
    let other = (noting + 1) % 3;
    let (left, wanted) = (servers.video_at(other).await, servers.video_at(other).await);
    let incarnation = incarnation();
    let gateway = Endpoint { incarnation, address: "http://10.0.0.7:9082".to_owned() };
    store.register(&gateway, Duration::from_secs(600)).await.unwrap();
    store.subscribe(&gateway.incarnation, &left).await.unwrap();

    servers.0[other].signal("-STOP");
    store.unsubscribe(&gateway.incarnation, &left).await.unwrap_err();
    let own = format!("{{ch:gw}}:videos:{}", gateway.incarnation.0);
    let noted: Vec<String> = servers.run(noting, &["SMEMBERS", &own]).await;
    assert_eq!(noted, [left.as_str()]);
    servers.0[other].signal("-CONT");
    eventually("all are there", async || LiveLog::ping(&*store).await.is_ok()).await;

    servers.0[noting].signal("-STOP");
    store.subscribe(&gateway.incarnation, &wanted).await.unwrap_err();
    assert_eq!(store.subscribers(&wanted).await.unwrap(), []);
    servers.0[noting].signal("-CONT");
}

type Places = BTreeMap<Position, EventId>;

/// Appends one event after the other until it is told to stop; gives back who got which place.
fn appender(
    store: &Arc<RedisStore>,
    video: &VideoId,
) -> (CancellationToken, tokio::task::JoinHandle<Places>) {
    let stop = CancellationToken::new();
    let (store, video, stopped) = (Arc::clone(store), video.clone(), stop.clone());
    let appender = task::spawn("test.appender", async move {
        let mut places = Places::new();
        while !stopped.is_cancelled() {
            let appended = append_until_done(&*store, &video, &events(1)).await;
            let known = places.insert(last(&appended), appended.entries[0].event.id);
            assert_eq!(known, None, "{:?} was given twice", last(&appended));
        }
        places
    });
    (stop, appender)
}

#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_start_without_a_cluster_says_what_to_do() {
    let error = async |url: &str| {
        let error = RedisStore::connect(url, origin(), AMPLE).await.err().unwrap();
        let line = error.to_string();
        assert!(!line.contains("hush") && !line.contains('\n'), "{line}");
        (error, line)
    };
    let plain = RedisServer::start(&[]).await;
    let plain = plain.url().replace("://", "+cluster://");
    for (url, expected) in [
        ("redis+cluster://u:hush@127.0.0.1:1,127.0.0.1:2", "u:****@127.0.0.1:1,127.0.0.1:2"),
        (&plain, "cluster support disabled"),
    ] {
        let why = why_away(&*redis_at(url, AMPLE).await).await;
        assert!(why.contains(expected), "{why}");
    }

    let cluster_port = free_port().to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-port", &cluster_port];
    let locked = RedisServer::start(&[&options[..], &["--requirepass", "other"]].concat()).await;
    for user in ["", ":hush@"] {
        let url = locked.url().replace("://", &format!("+cluster://{user}"));
        let (kind, line) = error(&url).await;
        assert!(matches!(kind, ConnectError::Refused { .. }), "{line}");
    }
}

/// A start waits behind the scenes for a cluster that nobody has formed yet.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_start_waits_for_a_cluster() {
    let cluster_port = free_port().to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-port", &cluster_port];
    let alone = RedisServer::start(&options).await;
    let store = redis_at(&alone.url().replace("://", "+cluster://"), AMPLE).await;
    let why = why_away(&store).await;
    assert!(why.contains("no cluster that holds anything"), "{why}");
    alone.run::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    append_until_done(&*store, &video(), &events(1)).await;
}
