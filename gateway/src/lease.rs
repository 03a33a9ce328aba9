//! This gateway's place in the endpoint store: one incarnation, kept alive by a heartbeat, and a
//! new one whenever it is not certain that the old one still counts.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    link::{Endpoint, Incarnation},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a lease runs without a heartbeat.
const TTL: Duration = Duration::from_secs(3);
/// Time between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Who this gateway is at present.
pub(crate) struct Lease {
    address: String,
    incarnation: RwLock<Incarnation>,
}

impl Lease {
    /// Not registered yet.
    pub(crate) fn new(address: String) -> Self {
        Self { address, incarnation: RwLock::new(fresh()) }
    }

    /// The incarnation in force.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renew_identity(&self) {
        *self.incarnation.write().unwrap_or_else(PoisonError::into_inner) = fresh();
    }

    async fn register(&self, store: &dyn EndpointStore) -> Result<(), EndpointStoreError> {
        let endpoint = Endpoint { incarnation: self.incarnation(), address: self.address.clone() };
        store.register(&endpoint, TTL).await
    }

    /// Registers, then renews until `stop`; then takes itself out. `changed` is called after each
    /// new incarnation, when subscriptions must be made again.
    pub(crate) async fn keep(
        self: Arc<Self>,
        store: Arc<dyn EndpointStore>,
        stop: CancellationToken,
        changed: impl Fn(),
    ) {
        let mut registered = false;
        let mut renewed_at = Instant::now();
        loop {
            let began = Instant::now();
            match self.beat(&*store, registered, renewed_at).await {
                Ok(Beat::Renewed) => renewed_at = began,
                Ok(Beat::Registered { again }) => {
                    (registered, renewed_at) = (true, began);
                    if again {
                        changed();
                    }
                }
                Err(error) => tracing::warn!(%error, "no heartbeat"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
        }
        if let Err(error) = store.remove(&self.incarnation()).await {
            tracing::info!(%error, "can't leave the endpoint store; the lease will run out");
        }
    }

    /// One heartbeat. After a pause longer than the lease others may have removed us: asking would
    /// race with them, a new incarnation can't.
    async fn beat(
        &self,
        store: &dyn EndpointStore,
        registered: bool,
        renewed_at: Instant,
    ) -> Result<Beat, EndpointStoreError> {
        let certain = registered && renewed_at.elapsed() < TTL;
        if certain && store.renew(&self.incarnation(), TTL).await? {
            return Ok(Beat::Renewed);
        }
        if registered {
            tracing::warn!("the lease was lost: new incarnation");
            metrics::counter!("chorus_gateway_leases_lost_total").increment(1);
            self.renew_identity();
        }
        self.register(store).await?;
        Ok(Beat::Registered { again: registered })
    }
}

enum Beat {
    Renewed,
    Registered { again: bool },
}

fn fresh() -> Incarnation {
    Incarnation(Uuid::now_v7().to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incarnations_differ() {
        let lease = Lease::new("http://127.0.0.1:9082".into());
        let first = lease.incarnation();
        lease.renew_identity();
        assert_ne!(lease.incarnation(), first);
    }
}
