//! [`EndpointStore`]: leases on the store's own clock, subscriptions in the slots.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    ids::VideoId,
    link::{Endpoint, Incarnation},
};

use super::{MemoryStore, lock};

pub(super) struct Gateway {
    address: String,
    lease_ends_ms: u64,
    videos: HashSet<VideoId>,
}

#[async_trait]
impl EndpointStore for MemoryStore {
    async fn register(&self, endpoint: &Endpoint, ttl: Duration) -> Result<(), EndpointStoreError> {
        let lease_ends_ms = self.ends_ms(ttl);
        let mut gateways = lock(&self.gateways);
        let gateway = gateways.entry(endpoint.incarnation.clone()).or_insert_with(|| Gateway {
            address: String::new(),
            lease_ends_ms,
            videos: HashSet::new(),
        });
        gateway.address.clone_from(&endpoint.address);
        gateway.lease_ends_ms = lease_ends_ms;
        Ok(())
    }

    async fn renew(
        &self,
        incarnation: &Incarnation,
        ttl: Duration,
    ) -> Result<bool, EndpointStoreError> {
        let (now_ms, ends_ms) = (self.clock.now_ms(), self.ends_ms(ttl));
        let mut gateways = lock(&self.gateways);
        let live = gateways.get_mut(incarnation).filter(|gateway| gateway.lease_ends_ms > now_ms);
        Ok(live.map(|gateway| gateway.lease_ends_ms = ends_ms).is_some())
    }

    async fn subscribe(
        &self,
        incarnation: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let now_ms = self.clock.now_ms();
        let mut gateways = lock(&self.gateways);
        let live = gateways.get_mut(incarnation).filter(|gateway| gateway.lease_ends_ms > now_ms);
        let gateway = live.ok_or_else(|| crate::lease_gone(incarnation))?;
        gateway.videos.insert(video.clone());
        self.change(video, |subscribers| subscribers.insert(incarnation.clone()));
        Ok(())
    }

    async fn unsubscribe(
        &self,
        incarnation: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let mut gateways = lock(&self.gateways);
        if let Some(gateway) = gateways.get_mut(incarnation) {
            gateway.videos.remove(video);
        }
        self.change(video, |subscribers| subscribers.remove(incarnation));
        Ok(())
    }

    async fn subscribers(&self, video: &VideoId) -> Result<Vec<Incarnation>, EndpointStoreError> {
        Ok(lock(&self.slot(video).video).subscribers.iter().cloned().collect())
    }

    async fn live(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        let now_ms = self.clock.now_ms();
        let gateways = lock(&self.gateways);
        let live = gateways.iter().filter(|(_, gateway)| gateway.lease_ends_ms > now_ms);
        let endpoint = |(incarnation, gateway): (&Incarnation, &Gateway)| Endpoint {
            incarnation: incarnation.clone(),
            address: gateway.address.clone(),
        };
        Ok(live.map(endpoint).collect())
    }

    async fn dead(&self) -> Result<Vec<Incarnation>, EndpointStoreError> {
        let now_ms = self.clock.now_ms();
        let gateways = lock(&self.gateways);
        let dead = gateways.iter().filter(|(_, gateway)| gateway.lease_ends_ms <= now_ms);
        Ok(dead.map(|(incarnation, _)| incarnation.clone()).collect())
    }

    async fn remove(&self, incarnation: &Incarnation) -> Result<(), EndpointStoreError> {
        let mut gateways = lock(&self.gateways);
        if let Some(gateway) = gateways.remove(incarnation) {
            for video in &gateway.videos {
                self.change(video, |subscribers| subscribers.remove(incarnation));
            }
            let (now_ms, mut numbers) = (self.clock.now_ms(), lock(&self.numbers));
            numbers.values_mut().for_each(|numbers| numbers.leave(incarnation, now_ms));
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), EndpointStoreError> {
        Ok(())
    }
}

impl MemoryStore {
    /// Those whose leases run.
    pub(super) fn live_incarnations(&self) -> HashSet<Incarnation> {
        let now_ms = self.clock.now_ms();
        let gateways = lock(&self.gateways);
        let live = gateways.iter().filter(|(_, gateway)| gateway.lease_ends_ms > now_ms);
        live.map(|(incarnation, _)| incarnation.clone()).collect()
    }

    fn ends_ms(&self, ttl: Duration) -> u64 {
        self.clock.now_ms().saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
    }

    fn change(
        &self,
        video: &VideoId,
        change: impl FnOnce(&mut std::collections::BTreeSet<Incarnation>) -> bool,
    ) {
        let slot = self.slot(video);
        let mut video = lock(&slot.video);
        change(&mut video.subscribers);
        // Its viewers may come back within the replay window.
        video.touched_ms = self.clock.now_ms();
    }
}
