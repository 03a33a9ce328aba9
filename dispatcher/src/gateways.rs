//! Which gateways live, and where: a list looked up once a second, not once a comment.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    link::{Endpoint, Incarnation},
};
use tokio::{sync::Mutex, time::Instant};

/// Between looks.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// A subscriber that isn't in the list is looked for at once, but not more often than this.
const EARLY_LOOK_PERIOD: Duration = Duration::from_millis(50);

/// The living gateways as of the last look.
pub(crate) struct Gateways {
    store: Arc<dyn EndpointStore>,
    live: RwLock<HashMap<Incarnation, Endpoint>>,
    last_look: Mutex<Option<Instant>>,
}

impl Gateways {
    pub(crate) fn new(store: Arc<dyn EndpointStore>) -> Self {
        Self { store, live: RwLock::default(), last_look: Mutex::new(None) }
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
                tracing::warn!(%error, "can't look for a gateway");
            }
        }
        drop(last_look);
        self.listed(incarnation)
    }

    fn listed(&self, incarnation: &Incarnation) -> Option<Endpoint> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).get(incarnation).cloned()
    }

    async fn look(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        let live = self.store.live().await?;
        let by_incarnation =
            live.iter().map(|endpoint| (endpoint.incarnation.clone(), endpoint.clone())).collect();
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = by_incarnation;
        Ok(live)
    }
}
