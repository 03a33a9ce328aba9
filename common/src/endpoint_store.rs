//! Which gateways live, and which videos each has viewers of: contract [`EndpointStore`].

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ids::VideoId,
    link::{Endpoint, Incarnation},
};

/// The endpoint store can't be reached, timed out or refused. Every call is safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint store is unavailable: {0}")]
pub struct EndpointStoreError(pub String);

/// Subscriptions (written only when a gateway's first viewer of a video comes or its last goes)
/// and liveness (one lease per gateway incarnation) apart: a renewal costs the same whatever the
/// number of videos.
#[async_trait]
pub trait EndpointStore: Send + Sync + 'static {
    /// Takes a new incarnation in, with a lease of `ttl`.
    async fn register(&self, endpoint: &Endpoint, ttl: Duration) -> Result<(), EndpointStoreError>;

    /// Prolongs the lease by `ttl` from now. `false` when there is none any more: the incarnation
    /// is lost for good, and its subscriptions may be gone.
    async fn renew(
        &self,
        incarnation: &Incarnation,
        ttl: Duration,
    ) -> Result<bool, EndpointStoreError>;

    /// The gateway has viewers of the video from now on.
    async fn subscribe(
        &self,
        incarnation: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError>;

    /// The gateway has no more viewers of the video.
    async fn unsubscribe(
        &self,
        incarnation: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError>;

    /// Gateways with viewers of the video, dead ones included until they are removed.
    async fn subscribers(&self, video: &VideoId) -> Result<Vec<Incarnation>, EndpointStoreError>;

    /// Every gateway whose lease runs.
    async fn live(&self) -> Result<Vec<Endpoint>, EndpointStoreError>;

    /// Incarnations that are registered but whose lease ran out.
    async fn dead(&self) -> Result<Vec<Incarnation>, EndpointStoreError>;

    /// Removes an incarnation and all its subscriptions. Done by itself on leaving, and by whoever
    /// finds it dead.
    async fn remove(&self, incarnation: &Incarnation) -> Result<(), EndpointStoreError>;

    /// Whether the store answers at all, for `/readyz`'s body.
    async fn ping(&self) -> Result<(), EndpointStoreError>;
}
