//! Calls between roles over the simulated network, with the time-out that the real client has.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    event::{EventId, VideoEntries, VideoEvents},
    ids::VideoId,
    link::{Accepted, Deliver, Dispatch, Endpoint, LinkError},
};
use tokio::time::timeout;

use crate::{
    cluster::Cluster,
    mutant::Mutant,
    network::{Broken, Node, Service},
};

const TIMEOUT: Duration = Duration::from_secs(2);

/// An ingest's way to one dispatcher.
pub(crate) struct ToDispatcher {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) from: Node,
    pub(crate) to: Node,
}

#[async_trait]
impl Dispatch for ToDispatcher {
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError> {
        let Self { cluster, from, to } = self;
        let ids: Vec<_> = batches.iter().flat_map(|b| b.events.iter().map(|e| e.id)).collect();
        let (there, to) = (cluster.clone(), *to);
        let serve = move || -> Service<_> {
            let (process, dispatcher) = there.dispatcher(to)?;
            let batches = batches.clone();
            Some((process, Box::pin(async move { dispatcher.dispatch(batches).await })))
        };
        call(cluster, (*from, to), &format!("dispatch {ids:?}"), serve).await
    }

    async fn erase(&self, video: &VideoId, event: EventId) -> Result<bool, LinkError> {
        let Self { cluster, from, to } = self;
        let (there, to, video) = (cluster.clone(), *to, video.clone());
        let serve = move || -> Service<_> {
            let (process, dispatcher) = there.dispatcher(to)?;
            let video = video.clone();
            Some((process, Box::pin(async move { dispatcher.erase(&video, event).await })))
        };
        call(cluster, (*from, to), &format!("erase {event} everywhere"), serve).await
    }
}

/// A dispatcher's way to all gateways.
pub(crate) struct ToGateways {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) from: Node,
}

#[async_trait]
impl Deliver for ToGateways {
    async fn deliver(&self, to: &Endpoint, batches: Arc<[VideoEntries]>) -> Result<(), LinkError> {
        let Self { cluster, from } = self;
        let entries = batches.iter().flat_map(|batch| &batch.entries);
        let ids: Vec<_> = entries.map(|entry| entry.event.id).collect();
        let (there, node) = (cluster.clone(), Cluster::gateway_at(&to.address));
        let incarnation = to.incarnation.clone();
        let serve = move || -> Service<_> {
            let (process, gateway) = there.gateway(node)?;
            let (incarnation, batches) =
                (incarnation.clone(), there.mutant.delivered(batches.to_vec()));
            Some((process, Box::pin(async move { gateway.take(&incarnation, batches) })))
        };
        call(cluster, (*from, node), &format!("deliver {ids:?}"), serve).await
    }

    async fn erase(&self, at: &Endpoint, video: &VideoId, event: EventId) -> Result<(), LinkError> {
        let Self { cluster, from } = self;
        let (there, node) = (cluster.clone(), Cluster::gateway_at(&at.address));
        let video = video.clone();
        let serve = move || -> Service<_> {
            let (process, gateway) = there.gateway(node)?;
            let video = video.clone();
            let keeps = there.mutant == Mutant::KeepsDeleted;
            Some((
                process,
                Box::pin(
                    async move { if keeps { Ok(()) } else { gateway.erase(&video, event).await } },
                ),
            ))
        };
        call(cluster, (*from, node), &format!("erase {event}"), serve).await
    }
}

async fn call<T: Send + 'static>(
    cluster: &Cluster,
    way: (Node, Node),
    label: &str,
    serve: impl Fn() -> Service<Result<T, LinkError>> + Send + Sync + 'static,
) -> Result<T, LinkError> {
    match timeout(TIMEOUT, cluster.network.call(way, label, serve)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Broken)) => Err(LinkError::Unavailable("broken".into())),
        Err(_) => Err(LinkError::Unavailable("no answer in time".into())),
    }
}
