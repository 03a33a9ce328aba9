//! dispatcher: gives comments their place and passes them to the gateways that have viewers.
//!
//! [`Dispatcher`] takes a batch, has the live log append it (which also tells who is subscribed)
//! and queues the entries for those gateways; [`forward`] holds one queue per gateway, [`gateways`]
//! knows which of them live, [`mod@erase`] waits for all of them. While the live log is away, what may
//! be shown all the same goes without a place to every gateway that lived when last heard of: nobody
//! knows who is subscribed, and who has no viewers of the video ignores it. One that was started
//! meanwhile has heard of none, and leaves it to others.
//!
//! Invariant: it holds nothing that is needed. Kill it at any instant: what it had not forwarded is
//! in the live log, where gateways find it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{Router, body::Body, extract::State, routing::post};
use bytes::Bytes;
use common::{
    ambient,
    endpoint_store::EndpointStore,
    event::{Entry, Event, EventId, VideoEntries, VideoEvents},
    ids::VideoId,
    link::{Accepted, Deliver, Dispatch, LinkError, NotAppended},
    live_log::{Appended, LiveLog, LiveLogError},
    outage::Outage,
    peer::{self, DISPATCH_PATH, ERASE_EVERYWHERE_PATH},
    position::Origin,
    task,
    wire::{self, DispatchRequest, DispatchResponse, EraseRequest, EraseResponse},
};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use forward::Forward;
use gateways::Gateways;

mod erase;
mod forward;
mod gateways;

/// Calls under way at once; one more is answered with "overloaded", and ingest goes elsewhere.
const CALLS_MAX: usize = 256;
/// Events being taken away at once, each of which may wait for seconds; one more is refused as well.
const ERASURES_MAX: usize = 256;

/// What a dispatcher works with.
pub struct Deps {
    /// The data centre's live log.
    pub live_log: Arc<dyn LiveLog>,
    /// Which gateways live.
    pub endpoints: Arc<dyn EndpointStore>,
    /// The way to them.
    pub deliver: Arc<dyn Deliver>,
    /// The data centre.
    pub origin: Arc<Origin>,
}

/// A running dispatcher. Its tasks end with the token it was started with.
pub struct Dispatcher {
    live_log: Arc<dyn LiveLog>,
    gateways: Gateways,
    deliver: Arc<dyn Deliver>,
    forward: Forward,
    calls: Semaphore,
    erasures: Semaphore,
    origin: Arc<Origin>,
    appends: Outage,
    looks: Outage,
}

/// What was asked for one video, as far as it is needed once the live log has answered.
struct Asked {
    video: VideoId,
    len: usize,
    /// To be shown if the live log is away.
    shown_anyway: Vec<Event>,
}

impl Asked {
    fn of(batch: &VideoEvents) -> Self {
        let shown_anyway = if batch.show_anyway { batch.events.clone() } else { Vec::new() };
        Self { video: batch.video.clone(), len: batch.events.len(), shown_anyway }
    }
}

impl Dispatcher {
    /// Starts the look at living gateways; it serves as soon as its router is.
    pub fn start(deps: Deps, stop: CancellationToken) -> (Arc<Self>, JoinHandle<()>) {
        let dispatcher = Arc::new(Self {
            live_log: deps.live_log,
            gateways: Gateways::new(deps.endpoints),
            forward: Forward::new(deps.deliver.clone()),
            deliver: deps.deliver,
            calls: Semaphore::new(CALLS_MAX),
            erasures: Semaphore::new(ERASURES_MAX),
            origin: deps.origin,
            appends: Outage::new("append to the live log"),
            looks: Outage::new("look at gateways"),
        });
        let refresh = task::spawn("dispatcher.gateways", refresh(dispatcher.clone(), stop));
        (dispatcher, refresh)
    }

    /// What ingest calls; to be put behind [`common::peer::guard`].
    pub fn internal(self: &Arc<Self>) -> Router {
        Router::new()
            .route(DISPATCH_PATH, post(dispatch))
            .route(ERASE_EVERYWHERE_PATH, post(erase))
            .with_state(self.clone())
    }

    async fn forward(&self, appended: &Appended, video: &VideoId) {
        for incarnation in &appended.subscribers {
            let Some(endpoint) = self.gateways.find(incarnation).await else {
                metrics::counter!("chorus_dispatcher_dead_subscribers_total").increment(1);
                continue;
            };
            let entries = appended.entries.clone();
            self.forward.queue(&endpoint, VideoEntries { video: video.clone(), entries });
        }
    }

    fn forward_without_place(&self, video: &VideoId, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        metrics::counter!("chorus_dispatcher_placeless_total").increment(events.len() as u64);
        let now_ms = ambient::unix_ms();
        let entry = |event| Entry::without_place(self.origin.clone(), event, now_ms);
        let entries: Vec<_> = events.into_iter().map(entry).collect();
        for endpoint in self.gateways.lately_alive() {
            let entries = entries.clone();
            self.forward.queue(&endpoint, VideoEntries { video: video.clone(), entries });
        }
    }

    /// Whether something should be shown all the same that nobody would see: no gateway is known to a
    /// dispatcher that was started while Redis is away, but perhaps to others.
    fn would_show_nobody(
        &self,
        asked: &[Asked],
        answers: &[Result<Appended, LiveLogError>],
    ) -> bool {
        let is_to_be_shown = |(asked, answer): (&Asked, &Result<_, _>)| {
            !asked.shown_anyway.is_empty() && matches!(answer, Err(LiveLogError::Unavailable(_)))
        };
        asked.iter().zip(answers).any(is_to_be_shown) && self.gateways.lately_alive().is_empty()
    }

    /// One video's answers; what has a place is on its way to the gateways then.
    async fn settle(&self, asked: Asked, answer: Result<Appended, LiveLogError>) -> Vec<Accepted> {
        let Asked { video, len, shown_anyway } = asked;
        let error = match answer {
            Ok(appended) => {
                self.forward(&appended, &video).await;
                return appended.entries.iter().map(|entry| Ok(entry.position)).collect();
            }
            Err(LiveLogError::TooLate) => NotAppended::TooLate,
            Err(LiveLogError::Unavailable(why)) => {
                tracing::debug!(%video, why, "can't append");
                self.forward_without_place(&video, shown_anyway);
                NotAppended::LogAway(why)
            }
        };
        vec![Err(error); len]
    }
}

#[async_trait]
impl Dispatch for Dispatcher {
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError> {
        let _call = self.calls.try_acquire().map_err(|_| LinkError::Overloaded)?;
        let asked: Vec<_> = batches.iter().map(Asked::of).collect();
        let events: usize = asked.iter().map(|asked| asked.len).sum();
        metrics::counter!("chorus_dispatcher_events_total").increment(events as u64);
        let answers = self.live_log.append(batches).await;
        let shows_nobody = self.would_show_nobody(&asked, &answers);
        let mut accepted = Vec::with_capacity(events);
        for (asked, answer) in asked.into_iter().zip(answers) {
            if !matches!(answer, Err(LiveLogError::TooLate)) {
                self.appends.note(&answer);
            }
            accepted.extend(self.settle(asked, answer).await);
        }
        if shows_nobody {
            return Err(LinkError::Unavailable("it knows neither live log nor gateways".into()));
        }
        Ok(accepted)
    }

    async fn erase(&self, video: &VideoId, event: EventId) -> Result<bool, LinkError> {
        let _erasure = self.erasures.try_acquire().map_err(|_| LinkError::Overloaded)?;
        Ok(self.erase_everywhere(video, event).await)
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

async fn erase(State(dispatcher): State<Arc<Dispatcher>>, body: Body) -> Result<Bytes, LinkError> {
    let (video, event) = peer::receive::<EraseRequest>(body).await?.into_parts()?;
    let is_gone = dispatcher.erase(&video, event).await?;
    Ok(wire::encode(&EraseResponse { is_gone }))
}

async fn refresh(dispatcher: Arc<Dispatcher>, stop: CancellationToken) {
    loop {
        let live = dispatcher.gateways.refresh().await;
        dispatcher.looks.note(&live);
        if let Ok(live) = live {
            dispatcher.forward.keep(&live);
        }
        if tokio::time::timeout(gateways::PERIOD, stop.cancelled()).await.is_ok() {
            break;
        }
    }
}

#[cfg(test)]
mod tests;
