//! An ingest on stand-ins.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, StatusCode, header, request::Builder},
    response::Response,
};
use common::{
    auth::Authenticator,
    config::{Config, Role, Sources, load},
    pass::Passes,
};
use ingest::{Deps, Dispatchers, Ingest};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::stand_ins::{
    Counters, Dispatcher, Live, LiveRoomBook, Log, Mood, Rooms, Store, Unlimited,
};

/// An ingest and what it stands on.
pub(crate) struct Rig {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) store: Arc<Store>,
    pub(crate) live_rooms: Arc<LiveRoomBook>,
    pub(crate) live: Arc<Live>,
    pub(crate) counters: Arc<Counters>,
    /// What all nodes share; there is another of this one's own.
    pub(crate) limiter: Arc<Unlimited>,
    pub(crate) log: Arc<Log>,
    pub(crate) dispatchers: [Arc<Dispatcher>; 2],
    pub(crate) drain: tokio::task::JoinHandle<()>,
    pub(crate) stop: CancellationToken,
}

fn config() -> Config {
    load(Role::All, Sources::default()).config.unwrap()
}

pub(crate) fn rig() -> Rig {
    let (store, log) = (Arc::new(Store::default()), Arc::new(Log::default()));
    let dispatchers = [Arc::new(Dispatcher::default()), Arc::new(Dispatcher::default())];
    let named = ["a", "b"].into_iter().zip(dispatchers.clone());
    let named = named.map(|(name, dispatcher)| (name.to_owned(), dispatcher as _));
    let live_rooms = Arc::new(LiveRoomBook::default());
    let (live, counters) = (Arc::new(Live::default()), Arc::new(Counters::default()));
    let (config, limiter) = (config(), Arc::new(Unlimited::default()));
    let deps = Deps {
        authenticator: Authenticator::development(),
        passes: Arc::new(Passes::new(&config)),
        comments: store.clone(),
        rooms: Arc::new(Rooms::default()),
        counters: counters.clone(),
        tallies: live.clone(),
        live_rooms: live_rooms.clone(),
        limiter: limiter.clone(),
        local_limiter: Arc::new(Unlimited::default()),
        live_log: log.clone(),
        dispatchers: Dispatchers::fixed(named),
    };
    let stop = CancellationToken::new();
    let (ingest, drain) = Ingest::start(&config, deps, stop.clone()).unwrap();
    Rig { ingest, store, live_rooms, live, counters, limiter, log, dispatchers, drain, stop }
}

impl Rig {
    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.ingest.public().oneshot(request).await.unwrap()
    }

    pub(crate) async fn post(&self, text: &str, key: &str) -> (StatusCode, Value) {
        let body = serde_json::json!({ "text": text });
        let request = Request::post("/v1/videos/v/comments").header("idempotency-key", key);
        self.ask(request, body).await
    }

    /// A request of `u`, with a body unless that is null.
    pub(crate) async fn ask(&self, request: Builder, body: Value) -> (StatusCode, Value) {
        let request = request.header("x-chorus-user", "u");
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            let request = request.header(header::CONTENT_TYPE, "application/json");
            request.body(Body::from(body.to_string()))
        };
        let response = self.send(request.unwrap()).await;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Both dispatchers do as they are told.
    pub(crate) fn set(&self, mood: Mood) {
        self.dispatchers.iter().for_each(|dispatcher| dispatcher.set(mood));
    }

    /// How many events both were given, taken or not.
    pub(crate) fn offered(&self) -> usize {
        self.dispatchers.iter().map(|dispatcher| dispatcher.offered()).sum()
    }

    pub(crate) fn announced(&self) -> usize {
        self.dispatchers.iter().map(|dispatcher| dispatcher.taken()).sum()
    }
}
