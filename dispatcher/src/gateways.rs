//! Which gateways live, and where: a list looked up once a second, not once a comment.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    ids::VideoId,
    link::{Endpoint, Incarnation},
};
use tokio::{sync::Mutex, time::Instant};

/// Between looks.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// A subscriber that isn't in the list is looked for at once, but not more often than this.
const EARLY_LOOK_PERIOD: Duration = Duration::from_millis(50);
/// How long a gateway that is not listed any more is remembered: a store that comes back empty lists
/// nobody for a second or two, and may be away again by then.
const MEMORY: Duration = Duration::from_secs(10);

/// The living gateways as of the last look.
pub(crate) struct Gateways {
    store: Arc<dyn EndpointStore>,
    live: RwLock<HashMap<Incarnation, Endpoint>>,
    /// By address: who lives or lived a while ago, and when that was last seen.
    lately: RwLock<BTreeMap<String, (Endpoint, Instant)>>,
    last_look: Mutex<Option<Instant>>,
}

impl Gateways {
    pub(crate) fn new(store: Arc<dyn EndpointStore>) -> Self {
        let (live, lately) = (RwLock::default(), RwLock::default());
        Self { store, live, lately, last_look: Mutex::new(None) }
    }

    /// Looks who lives, and removes who has died without leaving.
    pub(crate) async fn refresh(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        let live = {
            // One look at a time: an older answer must not replace a newer one.
            let mut last_look = self.last_look.lock().await;
            *last_look = Some(Instant::now());
            self.look().await?
        };
        for incarnation in self.store.dead().await? {
            tracing::info!(incarnation = %incarnation.0, "removing a dead gateway");
            self.store.remove(&incarnation).await?;
        }
        Ok(live)
    }

    /// All that lived when the store last said so, or shortly before.
    pub(crate) fn lately_alive(&self) -> Vec<Endpoint> {
        let lately = self.lately.read().unwrap_or_else(PoisonError::into_inner);
        lately.values().map(|(endpoint, _)| endpoint.clone()).collect()
    }

    /// Where the incarnation is reached; `None` when it is dead.
    pub(crate) async fn find(&self, incarnation: &Incarnation) -> Option<Endpoint> {
        if let Some(endpoint) = self.listed(incarnation) {
            return Some(endpoint);
        }
        // It may have been born since the last look. One look serves all who wait for it.
        let mut last_look = self.last_look.lock().await;
        if last_look.is_none_or(|at| at.elapsed() >= EARLY_LOOK_PERIOD) {
            *last_look = Some(Instant::now());
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "can't look for a gateway");
            }
        }
        drop(last_look);
        self.listed(incarnation)
    }

    /// Gateways with viewers of the video, as the store says at this moment.
    pub(crate) async fn subscribed(
        &self,
        video: &VideoId,
    ) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.store.subscribers(video).await
    }

    /// Whether the store says at this moment that the incarnation is dead.
    pub(crate) async fn is_dead(
        &self,
        incarnation: &Incarnation,
    ) -> Result<bool, EndpointStoreError> {
        let live = self.store.live().await?;
        Ok(live.iter().all(|endpoint| endpoint.incarnation != *incarnation))
    }

    fn listed(&self, incarnation: &Incarnation) -> Option<Endpoint> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).get(incarnation).cloned()
    }

    async fn look(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        let live = self.store.live().await?;
        let by_incarnation =
            live.iter().map(|endpoint| (endpoint.incarnation.clone(), endpoint.clone())).collect();
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = by_incarnation;
        self.remember(&live);
        Ok(live)
    }

    fn remember(&self, live: &[Endpoint]) {
        let now = Instant::now();
        let mut lately = self.lately.write().unwrap_or_else(PoisonError::into_inner);
        lately.retain(|_, (_, seen)| now - *seen < MEMORY);
        let seen = |endpoint: &Endpoint| (endpoint.address.clone(), (endpoint.clone(), now));
        lately.extend(live.iter().map(seen));
    }
}
