//! Stores and logs, as the configuration names them.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use common::{
    comment_store::CommentStore,
    config::{Config, LiveKind, StoreKind},
    counter_store::CounterStore,
    endpoint_store::EndpointStore,
    health::Probe,
    limiter::Limiter,
    live_log::{LiveLog, Retention},
    live_rooms::LiveRooms,
    room_store::RoomStore,
    tallies::Tallies,
    task,
};
use futures_util::future::BoxFuture;
use store::{
    cql::{CqlStore, Migrated},
    embedded::EmbeddedStore,
    memory::{MemoryLimiter, MemoryStore},
    redis::RedisStore,
};
use tokio_util::sync::CancellationToken;

/// Between sweeps of the in-process live log.
const SWEEP_PERIOD: Duration = Duration::from_secs(10);

/// The comment store in use.
pub struct Comments {
    /// The store.
    pub store: Arc<dyn CommentStore>,
    /// Its other side: what is known of videos' rooms.
    pub rooms: Arc<dyn RoomStore>,
    /// And what was counted of them.
    pub counters: Arc<dyn CounterStore>,
    /// Ends with the reason when the store can never acknowledge anything again, and the process
    /// should go.
    pub failed: BoxFuture<'static, String>,
}

/// The live log, its rooms, numbers and the endpoint store in use, sides of one thing; and who counts
/// for all processes.
#[derive(Clone)]
pub struct Live {
    /// The live log.
    pub log: Arc<dyn LiveLog>,
    /// What its rooms are like.
    pub rooms: Arc<dyn LiveRooms>,
    /// And what is counted of them.
    pub tallies: Arc<dyn Tallies>,
    /// How often something may be done.
    pub limiter: Arc<dyn Limiter>,
    /// The endpoint store.
    pub endpoints: Arc<dyn EndpointStore>,
}

/// Opens the comment store.
///
/// # Errors
/// When it can't be opened or reached; the message says what to do.
pub async fn comments(config: &Config) -> Result<Comments> {
    match config.store.kind {
        StoreKind::Embedded => {
            let path = config.store.path.clone();
            let opened = tokio::task::spawn_blocking(move || EmbeddedStore::open(&path)).await?;
            let store = opened?;
            let failed = Box::pin(store.failed());
            let store = Arc::new(store);
            let (rooms, counters) = (store.clone(), store.clone());
            Ok(Comments { store, rooms, counters, failed })
        }
        StoreKind::Scylla => {
            let store = Arc::new(CqlStore::connect(&config.store).await?);
            let failed = Box::pin(std::future::pending());
            let (rooms, counters) = (store.clone(), store.clone());
            Ok(Comments { store, rooms, counters, failed })
        }
    }
}

/// Opens the live log and the endpoint store. The in-process ones begin with what `history` has.
///
/// # Errors
/// When there can be no Redis at `live.url`, or it refuses; the message says what to do.
pub async fn live(
    config: &Config,
    history: Option<Arc<dyn CommentStore>>,
    stop: &CancellationToken,
) -> Result<Live> {
    let origin = Arc::new(config.dc.name.parse()?);
    let retention = Retention {
        replay_max: usize::try_from(config.live.replay_max).unwrap_or(usize::MAX),
        replay_ttl_s: config.live.replay_ttl_s,
        dedup_s: config.live.dedup_s,
    };
    match config.live.kind {
        LiveKind::Memory => {
            let memory = MemoryStore::new(origin, retention);
            let memory = Arc::new(match history {
                Some(history) => memory.with_history(history),
                None => memory,
            });
            let (swept, stop) = (memory.clone(), stop.clone());
            task::spawn("live.sweep", async move {
                stop.run_until_cancelled(swept.keep_swept(SWEEP_PERIOD)).await;
            });
            let limiter = Arc::new(MemoryLimiter::new());
            let (rooms, tallies) = (memory.clone(), memory.clone());
            Ok(Live { log: memory.clone(), rooms, tallies, limiter, endpoints: memory })
        }
        LiveKind::Redis => {
            let redis = RedisStore::connect(config.live.url.expose(), origin, retention).await?;
            let redis = Arc::new(redis);
            let (rooms, tallies, limiter) = (redis.clone(), redis.clone(), redis.clone());
            Ok(Live { log: redis.clone(), rooms, tallies, limiter, endpoints: redis })
        }
    }
}

/// Creates or upgrades the CQL keyspace and tables; tells from and to which version.
///
/// # Errors
/// When the nodes can't be reached or refuse, or the store is not CQL.
pub async fn migrate(config: &Config) -> Result<Migrated> {
    anyhow::ensure!(
        config.store.kind == StoreKind::Scylla,
        "nothing to migrate: `store.kind` is \"embedded\"; set it to \"scylla\" for CQL"
    );
    Ok(store::cql::migrate(&config.store).await?)
}

/// How `/readyz` asks the comment store.
pub fn comments_probe(store: Arc<dyn CommentStore>) -> (&'static str, Probe) {
    let probe: Probe = Arc::new(move || {
        let store = store.clone();
        Box::pin(async move { store.ping().await.map_err(|error| error.to_string()) })
    });
    ("store", probe)
}

/// How `/readyz` asks the live log.
pub fn live_probe(log: Arc<dyn LiveLog>) -> (&'static str, Probe) {
    let probe: Probe = Arc::new(move || {
        let log = log.clone();
        Box::pin(async move { log.ping().await.map_err(|error| error.to_string()) })
    });
    ("live", probe)
}
