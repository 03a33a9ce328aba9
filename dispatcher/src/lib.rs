//! dispatcher: gives comments their place and passes them to the gateways that have viewers.
//!
//! [`Dispatcher`] takes a batch, has the live log append it (which also tells who is subscribed)
//! and queues the entries for those gateways; [`forward`] holds one queue per gateway, [`gateways`]
//! knows which of them live.
//!
//! Invariant: it holds nothing that is needed. Kill it at any instant: what it had not forwarded is
//! in the live log, where gateways find it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{Router, body::Body, extract::State, routing::post};
use bytes::Bytes;
use common::{
    endpoint_store::EndpointStore,
    event::{VideoEntries, VideoEvents},
    link::{Accepted, Deliver, Dispatch, LinkError},
    live_log::{Appended, LiveLog, LiveLogError},
    peer::{self, DISPATCH_PATH},
    task,
    wire::{self, DispatchRequest, DispatchResponse},
};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use forward::Forward;
use gateways::Gateways;

mod forward;
mod gateways;

/// Calls under way at once; one more is answered with "overloaded", and ingest goes elsewhere.
const CALLS_MAX: usize = 256;

/// What a dispatcher works with.
pub struct Deps {
    /// The data centre's live log.
    pub live_log: Arc<dyn LiveLog>,
    /// Which gateways live.
    pub endpoints: Arc<dyn EndpointStore>,
    /// The way to them.
    pub deliver: Arc<dyn Deliver>,
}

/// A running dispatcher. Its tasks end with the token it was started with.
pub struct Dispatcher {
    live_log: Arc<dyn LiveLog>,
    gateways: Gateways,
    forward: Forward,
    calls: Semaphore,
}

impl Dispatcher {
    /// Starts the look at living gateways; it serves as soon as its router is.
    pub fn start(deps: Deps, stop: CancellationToken) -> (Arc<Self>, JoinHandle<()>) {
        let dispatcher = Arc::new(Self {
            live_log: deps.live_log,
            gateways: Gateways::new(deps.endpoints),
            forward: Forward::new(deps.deliver),
            calls: Semaphore::new(CALLS_MAX),
        });
        let refresh = task::spawn("dispatcher.gateways", refresh(dispatcher.clone(), stop));
        (dispatcher, refresh)
    }

    /// What ingest calls; to be put behind [`common::peer::guard`].
    pub fn internal(self: &Arc<Self>) -> Router {
        Router::new().route(DISPATCH_PATH, post(dispatch)).with_state(self.clone())
    }

    async fn forward(&self, appended: &Appended, video: &common::ids::VideoId) {
        for incarnation in &appended.subscribers {
            let Some(endpoint) = self.gateways.find(incarnation).await else {
                metrics::counter!("chorus_dispatcher_dead_subscribers_total").increment(1);
                continue;
            };
            let entries = appended.entries.clone();
            self.forward.queue(&endpoint, VideoEntries { video: video.clone(), entries });
        }
    }
}

#[async_trait]
impl Dispatch for Dispatcher {
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError> {
        let _call = self.calls.try_acquire().map_err(|_| LinkError::Overloaded)?;
        let asked: Vec<_> =
            batches.iter().map(|batch| (batch.video.clone(), batch.events.len())).collect();
        let events: usize = asked.iter().map(|(_, len)| len).sum();
        metrics::counter!("chorus_dispatcher_events_total").increment(events as u64);
        let answers = self.live_log.append(batches).await;
        let mut accepted = Vec::with_capacity(events);
        for ((video, len), answer) in asked.iter().zip(answers) {
            match answer {
                Ok(appended) => {
                    self.forward(&appended, video).await;
                    accepted.extend(appended.entries.iter().map(|entry| Ok(entry.position)));
                }
                Err(LiveLogError(why)) => {
                    tracing::warn!(%video, why, "can't append");
                    let unavailable = || Err(LinkError::Unavailable(why.clone()));
                    accepted.extend(std::iter::repeat_with(unavailable).take(*len));
                }
            }
        }
        Ok(accepted)
    }
}

async fn dispatch(
    State(dispatcher): State<Arc<Dispatcher>>,
    body: Body,
) -> Result<Bytes, LinkError> {
    let batches = peer::receive::<DispatchRequest>(body).await?.try_into()?;
    let accepted = dispatcher.dispatch(batches).await?;
    Ok(wire::encode(&DispatchResponse::from(&accepted[..])))
}

async fn refresh(dispatcher: Arc<Dispatcher>, stop: CancellationToken) {
    loop {
        match dispatcher.gateways.refresh().await {
            Ok(live) => dispatcher.forward.keep(&live),
            Err(error) => tracing::warn!(%error, "can't look at gateways"),
        }
        if tokio::time::timeout(gateways::PERIOD, stop.cancelled()).await.is_ok() {
            break;
        }
    }
}
