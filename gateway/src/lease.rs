//! This gateway's place in the endpoint store: one incarnation, kept alive by a heartbeat, and a
//! new one whenever it is not certain that the old one still counts.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use common::{
    ambient,
    endpoint_store::{EndpointStore, EndpointStoreError},
    link::{Endpoint, Incarnation},
    outage::Outage,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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

    pub(crate) fn become_known_as(&self, incarnation: Incarnation) {
        *self.incarnation.write().unwrap_or_else(PoisonError::into_inner) = incarnation;
    }

    /// Registers, then renews until `stop`; then takes itself out. `changed` is called after each
    /// new incarnation, when subscriptions must be made again.
    pub(crate) async fn keep(
        self: Arc<Self>,
        store: Arc<dyn EndpointStore>,
        stop: CancellationToken,
        changed: impl Fn(),
    ) {
        let outage = Outage::new("renew the lease");
        let mut registered = false;
        let mut renewed_at = Instant::now();
        loop {
            let began = Instant::now();
            let beat = self.beat(&*store, registered, renewed_at).await;
            outage.note(&beat);
            match beat {
                Ok(Beat::Renewed) => renewed_at = began,
                Ok(Beat::Registered { again }) => {
                    (registered, renewed_at) = (true, began);
                    if again {
                        changed();
                    }
                }
                Err(_) => {} // the lease runs out, and a new incarnation follows
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
        // Known to the store before anybody uses it: while the store is away nothing changes.
        let incarnation = if registered { fresh() } else { self.incarnation() };
        let address = self.address.clone();
        let endpoint = Endpoint { incarnation: incarnation.clone(), address };
        store.register(&endpoint, TTL).await?;
        if registered {
            tracing::warn!("the lease was lost: new incarnation");
            metrics::counter!("chorus_gateway_leases_lost_total").increment(1);
            self.become_known_as(incarnation);
        }
        Ok(Beat::Registered { again: registered })
    }
}

enum Beat {
    Renewed,
    Registered { again: bool },
}

fn fresh() -> Incarnation {
    Incarnation(ambient::uuid_v7().to_string().into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::test_support::endpoints::Endpoints;

    struct Rig {
        lease: Arc<Lease>,
        store: Arc<Endpoints>,
        changes: Arc<AtomicUsize>,
        stop: CancellationToken,
    }

    fn rig() -> Rig {
        let lease = Arc::new(Lease::new("http://127.0.0.1:9082".into()));
        let (store, changes) = (Arc::new(Endpoints::default()), Arc::new(AtomicUsize::new(0)));
        let (stop, counted) = (CancellationToken::new(), changes.clone());
        let changed = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        let kept = lease.clone().keep(store.clone(), stop.clone(), changed);
        common::task::spawn("test", kept);
        Rig { lease, store, changes, stop }
    }

    async fn pass(seconds: u64) {
        tokio::time::sleep(Duration::from_millis(seconds * 1000 + 1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_incarnation_as_long_as_it_is_known_and_none_after_the_end() {
        let Rig { lease, store, changes, stop } = rig();
        pass(30).await;
        assert_eq!(store.registered(), [lease.incarnation()]);
        assert_eq!(changes.load(Ordering::SeqCst), 0);
        stop.cancel();
        pass(1).await;
        assert_eq!(store.registered(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_lease_is_a_new_incarnation() {
        let Rig { lease, store, changes, .. } = rig();
        pass(1).await;
        let first = lease.incarnation();
        store.forget();
        pass(2).await;
        assert_ne!(lease.incarnation(), first);
        assert_eq!(store.registered(), [lease.incarnation()]);
        assert_eq!(changes.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_is_away_nothing_changes_and_one_new_incarnation_follows() {
        let Rig { lease, store, changes, .. } = rig();
        pass(1).await;
        let first = lease.incarnation();
        store.go_away(true);
        pass(20).await;
        assert_eq!(lease.incarnation(), first, "nobody is told before it is known");
        store.go_away(false);
        pass(2).await;
        assert_ne!(lease.incarnation(), first, "others may have removed it");
        assert_eq!(changes.load(Ordering::SeqCst), 1);
    }
}
