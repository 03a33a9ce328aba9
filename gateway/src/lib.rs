//! gateway: viewers' streams.
//!
//! In reading order: [`video`] is one video's actor, [`video::order`] its decisions, [`byte_log`]
//! what they produce, [`frame`] the bytes; [`registry`] holds the actors; [`stream`] is the viewers'
//! side, [`entrance`] who is let in, [`viewer`] one of them, [`crowd`] all of a video's, [`reading`] what they read next, [`tier`]
//! what a sampled stream shows, [`pages`] what is older than the byte log; [`house`] counts and ends
//! them, [`ending`] for good, [`events`] says what a stream has; [`lease`] keeps the gateway known, [`changes`] heals what no push told of,
//! [`rooms`] asks for what is not known of a video's room, [`gone`] remembers what was taken away,
//! [`counting`] tells and asks how many watch and react ([`last_look`] is what both looks remember);
//! [`deliver`] is the dispatchers' side, [`page`] the web page. [`inbox`] and [`timer`] are why idle tasks are small. The
//! feature `micro` adds a module of that name, by which benchmarks time the hot path.
//!
//! Invariants: no queue, buffer, timer or task of ours per viewer (a viewer is a place in the byte
//! log); nothing with a later position goes out while a hole is open; no I/O in `order`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use common::{
    auth::Authenticator,
    client_address::TrustedProxies,
    config::{Config, SlowViewer},
    endpoint_store::EndpointStore,
    ids::VideoId,
    limiter::Limiter,
    live_log::LiveLog,
    live_rooms::LiveRooms,
    outage::Outage,
    pass::Passes,
    tallies::Tallies,
    tally_book::TallyBook,
    task,
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use changes::Watcher;
use counting::{Counting, VIEWED_MAX};
pub use deliver::OwnFirst;
pub use ending::REASON as END_REASON;
use entrance::Entrance;
use frame::Encoder;
use gone::Gone;
use house::{House, Rules};
use lease::Lease;
use pages::Pages;
use registry::Registry;
use video::{Message, Surroundings, order::Spares};

mod byte_log;
mod changes;
mod chunked;
mod counting;
mod crowd;
mod deliver;
mod ending;
mod entrance;
mod events;
mod frame;
mod gone;
mod house;
mod inbox;
mod last_look;
mod lease;
#[cfg(feature = "micro")]
pub mod micro;
mod page;
mod pages;
mod reading;
mod registry;
mod rooms;
mod stream;
#[cfg(test)]
mod test_support;
mod tier;
mod timer;
mod video;
mod viewer;

/// Seconds between a viewer's heartbeats.
const HEARTBEAT_S: u64 = 15;
/// Events that all videos may know to have been shown without a position: what 1,000 comments per
/// second bring in eight minutes, in 40 MB. More are not shown before they have one.
const PLACELESS_MAX: usize = 524_288;

/// What a gateway works with.
pub struct Deps {
    /// Who knows viewers.
    pub authenticator: Arc<Authenticator>,
    /// And the tickets that they were given.
    pub passes: Arc<Passes>,
    /// Who remembers which were used.
    pub limiter: Arc<dyn Limiter>,
    /// The data centre's live log.
    pub live_log: Arc<dyn LiveLog>,
    /// What its rooms are like.
    pub rooms: Arc<dyn LiveRooms>,
    /// And its numbers.
    pub tallies: Arc<dyn Tallies>,
    /// Where the gateway makes itself known.
    pub endpoints: Arc<dyn EndpointStore>,
}

/// A running gateway. Its tasks end with the token it was started with.
pub struct Gateway {
    registry: Arc<Registry>,
    /// Streams opened, by video.
    views: Arc<TallyBook>,
    pages: Pages,
    encoder: Encoder,
    lease: Arc<Lease>,
    entrance: Entrance,
    is_tls: bool,
    slow_viewer: SlowViewer,
    proxies: TrustedProxies,
    house: Arc<House>,
    page: page::Page,
}

/// A gateway's background tasks, to be waited for after the token is cancelled.
pub struct Tasks {
    own: Vec<JoinHandle<()>>,
    registry: Arc<Registry>,
}

impl Tasks {
    /// Waits until all have ended.
    pub async fn ended(self) {
        for task in self.own {
            // A task that panicked has ended as well.
            let _ = task.await;
        }
        self.registry.ended().await;
    }
}

impl Gateway {
    /// Starts the gateway's tasks; it serves as soon as its routers are.
    ///
    /// # Errors
    /// When `dc.name` is no origin's name.
    pub fn start(
        config: &Config,
        deps: Deps,
        stop: CancellationToken,
    ) -> Result<(Arc<Self>, Tasks), common::position::InvalidPosition> {
        let encoder = Encoder::new(Arc::new(config.dc.name.parse()?));
        let lease = Arc::new(Lease::new(config.gateway.advertise.clone()));
        let house = House::new(Rules::from(&config.gateway));
        let around = Arc::new(Surroundings {
            encoder: encoder.clone(),
            live_log: deps.live_log.clone(),
            rooms: deps.rooms.clone(),
            tallies: deps.tallies.clone(),
            unknown: Mutex::default(),
            gone: Gone::default(),
            endpoints: deps.endpoints.clone(),
            lease: lease.clone(),
            started: Instant::now(),
            pause_max: Duration::from_millis(config.gateway.flush_interval_ms_max),
            slow_viewer: config.gateway.slow_viewer,
            house: house.clone(),
            create: config.videos.create,
            placeless: Spares::new(PLACELESS_MAX),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        });
        let registry = Registry::new(around);
        let views = Arc::new(TallyBook::of_told(VIEWED_MAX));
        let gateway = Arc::new(Self {
            registry: registry.clone(),
            views: views.clone(),
            pages: Pages::new(deps.live_log.clone(), encoder.clone()),
            encoder,
            lease: lease.clone(),
            entrance: Entrance {
                authenticator: deps.authenticator,
                passes: deps.passes,
                limiter: deps.limiter,
                viewers: config.auth.viewers,
            },
            is_tls: !config.tls.cert.as_os_str().is_empty(),
            slow_viewer: config.gateway.slow_viewer,
            proxies: TrustedProxies::new(&config.trusted_proxies),
            house,
            page: page::Page::new(config),
        });
        let reborn = {
            let registry = registry.clone();
            move || registry.tell_all(|_| true, || Message::Reborn)
        };
        let watcher = Watcher::new(deps.live_log, registry.clone());
        let counting = Counting::new(deps.tallies, registry.clone(), lease.clone(), views);
        let ask = ask_for_rooms(deps.rooms, registry.clone(), stop.clone());
        let own = vec![
            task::spawn("gateway.rooms", ask),
            task::spawn("gateway.lease", lease.keep(deps.endpoints, stop.clone(), reborn)),
            task::spawn("gateway.changes", watch(watcher, stop.clone())),
            task::spawn("gateway.counting", count(counting, stop.clone())),
            task::spawn("gateway.ticks", tick(gateway.clone(), stop)),
        ];
        Ok((gateway, Tasks { own, registry }))
    }

    /// Ends all streams, spread over `window`, while the gateway still gets what is new; returns
    /// once they have ended. Who comes meanwhile is told to come back.
    pub async fn drain(&self, window: Duration) {
        self.house.close(window).await;
    }

    /// What viewers' browsers ask for: streams and the page.
    pub fn public(self: &Arc<Self>) -> Router {
        Router::from(router().with_state(self.clone())).merge(self.page.router())
    }

    /// What dispatchers call; to be put behind [`common::peer::guard`].
    pub fn internal(self: &Arc<Self>) -> Router {
        deliver::router(self.clone())
    }
}

/// What [`Gateway::public`] serves besides the page, as it describes itself.
#[must_use]
pub fn openapi() -> OpenApi {
    router().into_openapi()
}

fn router() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::with_openapi(events::openapi()).routes(routes!(stream::stream))
}

async fn watch(mut watcher: Watcher, stop: CancellationToken) {
    let outage = Outage::new("look for changes in the live log");
    while !stopped_after(&stop, changes::PERIOD).await {
        outage.note(&watcher.run_once().await);
    }
}

async fn count(mut counting: Counting, stop: CancellationToken) {
    let outage = Outage::new("count viewers and reactions together with others");
    while !stopped_after(&stop, counting::PERIOD).await {
        outage.note(&counting.run_once().await);
    }
}

async fn ask_for_rooms(
    rooms: Arc<dyn LiveRooms>,
    registry: Arc<Registry>,
    stop: CancellationToken,
) {
    let outage = Outage::new("ask what rooms are like");
    while !stopped_after(&stop, rooms::PERIOD).await {
        outage.note(&rooms::ask(&*rooms, &registry).await);
    }
}

/// One timer for all videos: each has its heartbeat in its own second of [`HEARTBEAT_S`].
async fn tick(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut second = 0;
    while !stopped_after(&stop, Duration::from_secs(1)).await {
        second = (second + 1) % HEARTBEAT_S;
        let due =
            |video: &VideoId| u64::from(common::live_log::bucket_of(video)) % HEARTBEAT_S == second;
        gateway.registry.tell_all(due, || Message::Tick);
        gateway.pages.sweep();
    }
}

async fn stopped_after(stop: &CancellationToken, period: Duration) -> bool {
    tokio::time::timeout(period, stop.cancelled()).await.is_ok()
}
