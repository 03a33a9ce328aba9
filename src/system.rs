//! Starts a role, or all of them in one process, and ends it.

use std::{
    future::{pending, ready},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Router, middleware};
use common::{
    auth::Authenticator,
    config::{Config, Role},
    health::{self, Health, Probe},
    link::{Deliver, Dispatch},
    pass::Passes,
    peer::{self, HttpDeliver, InternalGuard, PeerClient},
    serve::{self, Audience},
    task,
    tls::{self, TlsAcceptor},
};
use dispatcher::Dispatcher;
use futures_util::future::BoxFuture;
use gateway::{Gateway, OwnFirst};
use ingest::{Dispatchers, Ingest};
use store::memory::MemoryLimiter;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    backends::{self, Comments, Live},
    demo::{Caller, Demo},
    openapi, public,
};

/// Where a gateway by itself is reached unless it says otherwise.
const GATEWAY_DEFAULT: &str = "http://127.0.0.1:9082";

/// A started role.
pub struct System {
    /// Where the public socket listens, if the role has one.
    pub public: Option<SocketAddr>,
    /// Where the internal socket listens.
    pub internal: SocketAddr,
    /// Ends with the reason when the process can do nothing useful any more.
    pub failed: BoxFuture<'static, String>,
    /// What is to be done before the stop, so that nobody misses anything.
    drained: BoxFuture<'static, ()>,
    /// What is to be done when nothing more is served.
    kept: BoxFuture<'static, ()>,
    /// The public routes with all that is around them.
    routes: Option<Router>,
    health: Arc<Health>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// The role's sockets, bound before anything else is opened: a port in use is the commonest
/// mistake, and it must not cost a store's recovery.
struct Sockets {
    public: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    internal: TcpListener,
}

/// What a role is made of, before it is served.
struct Parts {
    public: Router,
    internal: Router,
    probes: Vec<(&'static str, Probe)>,
    failed: BoxFuture<'static, String>,
    /// Ends the streams of a gateway, over a while.
    drained: BoxFuture<'static, ()>,
    /// Keeps what an ingest has counted.
    kept: BoxFuture<'static, ()>,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts what `config.role` says. `metrics` gives the text for `/metrics`.
///
/// # Errors
/// When a socket, a store or the keys of tokens are not to be had, or Redis refuses; the message
/// says what to do.
pub async fn start(
    config: &Config,
    metrics: impl Fn() -> String + Send + Sync + 'static,
) -> Result<System> {
    let stop = CancellationToken::new();
    let sockets = bind(config, &stop)?;
    let config = &advertised(config, &sockets)?;
    let parts = match config.role {
        Role::All => all(config, &stop).await?,
        Role::Ingest => ingest(config, &stop).await?,
        Role::Dispatcher => dispatcher(config, &stop).await?,
        Role::Gateway => gateway(config, &stop).await?,
        Role::Tool => anyhow::bail!("a tool has nothing to serve"),
    };
    serve_parts(config, sockets, parts, Box::new(metrics), stop)
}

impl System {
    /// Not ready; a gateway's streams end over `gateway.drain_window_s`. Then [`stop`](Self::stop).
    pub async fn drain(&mut self) {
        self.health.set_ready(false);
        std::mem::replace(&mut self.drained, Box::pin(ready(()))).await;
    }

    /// Has the room of the demo live until the stop.
    ///
    /// # Errors
    /// When its people could not show who they are.
    pub fn start_demo(&mut self, config: &Config) -> Result<()> {
        let routes = self.routes.clone().context("a role without a public socket has no demo")?;
        let demo = Demo::new(Caller::new(routes), config)?;
        let stop = self.stop.clone();
        self.tasks.push(task::spawn("demo", async move {
            stop.run_until_cancelled(demo.run()).await;
        }));
        Ok(())
    }

    /// Not ready, streams told to come back at once, requests under way ended, the endpoint store
    /// left.
    pub async fn stop(self) {
        self.health.set_ready(false);
        self.stop.cancel();
        for task in self.tasks {
            let _ = task.await; // one that panicked has ended as well
        }
        self.kept.await;
    }
}

fn bind(config: &Config, stop: &CancellationToken) -> Result<Sockets> {
    let public = config
        .listen
        .map(|address| serve::bind(address, "listen", Audience::Public))
        .transpose()?;
    let internal = serve::bind(config.internal_listen, "internal_listen", Audience::Internal)?;
    let tls = public.is_some().then(|| tls::acceptor(&config.tls, stop)).transpose()?.flatten();
    Ok(Sockets { public, tls, internal })
}

/// Port 0 in `gateway.advertise` stands for the port that the internal socket got; and `all` is
/// reached where it listens, not where a gateway by itself would.
fn advertised(config: &Config, sockets: &Sockets) -> Result<Config> {
    let mut config = config.clone();
    let internal = sockets.internal.local_addr().context("internal socket")?;
    if let Some(host) = config.gateway.advertise.strip_suffix(":0") {
        config.gateway.advertise = format!("{host}:{}", internal.port());
    } else if config.role == Role::All && config.gateway.advertise == GATEWAY_DEFAULT {
        config.gateway.advertise = format!("http://{internal}");
    }
    Ok(config)
}

fn serve_parts(
    config: &Config,
    sockets: Sockets,
    parts: Parts,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
    stop: CancellationToken,
) -> Result<System> {
    let Parts { public: mut routes, internal, probes, failed, drained, kept, mut tasks } = parts;
    let health = Health::new(probes, metrics);
    let guard = middleware::from_fn_with_state(InternalGuard::new(&config.internal), peer::guard);
    // Behind the guard: only what roles call of each other. Health is for load balancers.
    let internal = if internal.has_routes() { internal.route_layer(guard) } else { internal };
    let internal = internal.merge(health::router(health.clone()));
    let internal_address = sockets.internal.local_addr().context("internal socket")?;
    tasks.push(task::spawn(
        "internal",
        serve::serve(sockets.internal, internal, Audience::Internal, None, stop.clone()),
    ));
    let (mut public_address, mut public_routes) = (None, None);
    if let Some(listener) = sockets.public {
        let address = listener.local_addr().context("public socket")?;
        if config.role == Role::All && address.ip().is_loopback() {
            routes = routes.merge(health::router(health.clone()));
        }
        let routes = public::layered(routes, config);
        public_routes = Some(routes.clone());
        tasks.push(task::spawn(
            "public",
            serve::serve(listener, routes, Audience::Public, sockets.tls, stop.clone()),
        ));
        public_address = Some(address);
    }
    health.set_ready(true);
    let (public, internal, routes) = (public_address, internal_address, public_routes);
    Ok(System { public, internal, failed, drained, kept, routes, health, stop, tasks })
}

/// Who is known, and the passes that they get: in `all` one key signs and checks those.
type Entrance = (Arc<Authenticator>, Arc<Passes>);

async fn all(config: &Config, stop: &CancellationToken) -> Result<Parts> {
    let authenticator = Authenticator::start(config, stop).await?;
    let passes = Arc::new(Passes::new(config));
    let kept = backends::comments(config).await?;
    let live = backends::live(config, Some(kept.store.clone()), stop).await?;
    let entrance = (authenticator, passes);
    let (gateway, gateway_tasks) = start_gateway(config, entrance.clone(), &live, stop)?;
    let others = HttpDeliver::new(peer_client(config)?);
    let deliver = Arc::new(OwnFirst { own: gateway.clone(), others });
    let (dispatcher, dispatcher_task) = start_dispatcher(config, &live, deliver, stop)?;
    let local: Arc<dyn Dispatch> = dispatcher.clone();
    let dispatchers = Dispatchers::fixed([("local".to_owned(), local)]);
    let (ingest, ingest_task) = start_ingest(config, entrance, &kept, &live, dispatchers, stop)?;
    let gateway_task = task::spawn("gateway", gateway_tasks.ended());
    Ok(Parts {
        public: ingest.public().merge(gateway.public()).merge(openapi::router()),
        internal: gateway.internal().merge(dispatcher.internal()),
        probes: vec![backends::comments_probe(kept.store), backends::live_probe(live.log)],
        failed: kept.failed,
        drained: drained(gateway, config),
        kept: kept_counted(ingest),
        tasks: vec![gateway_task, dispatcher_task, ingest_task],
    })
}

async fn ingest(config: &Config, stop: &CancellationToken) -> Result<Parts> {
    let authenticator = Authenticator::start(config, stop).await?;
    let passes = Arc::new(Passes::new(config));
    let kept = backends::comments(config).await?;
    let live = backends::live(config, None, stop).await?;
    let urls = config.ingest.dispatchers.clone();
    let dispatchers = Dispatchers::resolve(urls, peer_client(config)?, stop.clone()).await;
    let entrance = (authenticator, passes);
    let (ingest, task) = start_ingest(config, entrance, &kept, &live, dispatchers, stop)?;
    Ok(Parts {
        public: ingest.public().merge(openapi::router()),
        internal: Router::new(),
        probes: vec![backends::comments_probe(kept.store), backends::live_probe(live.log)],
        failed: kept.failed,
        drained: Box::pin(ready(())),
        kept: kept_counted(ingest),
        tasks: vec![task],
    })
}

async fn dispatcher(config: &Config, stop: &CancellationToken) -> Result<Parts> {
    let live = backends::live(config, None, stop).await?;
    let deliver = Arc::new(HttpDeliver::new(peer_client(config)?));
    let (dispatcher, task) = start_dispatcher(config, &live, deliver, stop)?;
    Ok(Parts {
        public: Router::new(),
        internal: dispatcher.internal(),
        probes: vec![backends::live_probe(live.log)],
        failed: Box::pin(pending()),
        drained: Box::pin(ready(())),
        kept: Box::pin(ready(())),
        tasks: vec![task],
    })
}

async fn gateway(config: &Config, stop: &CancellationToken) -> Result<Parts> {
    let authenticator = Authenticator::start(config, stop).await?;
    let live = backends::live(config, None, stop).await?;
    let entrance = (authenticator, Arc::new(Passes::new(config)));
    let (gateway, tasks) = start_gateway(config, entrance, &live, stop)?;
    Ok(Parts {
        public: gateway.public(),
        internal: gateway.internal(),
        probes: vec![backends::live_probe(live.log)],
        failed: Box::pin(pending()),
        drained: drained(gateway, config),
        kept: Box::pin(ready(())),
        tasks: vec![task::spawn("gateway", tasks.ended())],
    })
}

fn start_gateway(
    config: &Config,
    (authenticator, passes): Entrance,
    live: &Live,
    stop: &CancellationToken,
) -> Result<(Arc<Gateway>, gateway::Tasks)> {
    let Live { log: live_log, rooms, tallies, limiter, endpoints } = live.clone();
    let deps =
        gateway::Deps { authenticator, passes, limiter, live_log, rooms, tallies, endpoints };
    Ok(Gateway::start(config, deps, stop.clone())?)
}

fn drained(gateway: Arc<Gateway>, config: &Config) -> BoxFuture<'static, ()> {
    let window = Duration::from_secs(config.gateway.drain_window_s);
    Box::pin(async move { gateway.drain(window).await })
}

fn kept_counted(ingest: Arc<Ingest>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        if let Err(error) = ingest.keep_counted().await {
            tracing::warn!(%error, "what was counted last is lost");
        }
    })
}

fn start_dispatcher(
    config: &Config,
    live: &Live,
    deliver: Arc<dyn Deliver>,
    stop: &CancellationToken,
) -> Result<(Arc<Dispatcher>, JoinHandle<()>)> {
    let Live { log: live_log, endpoints, .. } = live.clone();
    let origin = Arc::new(config.dc.name.parse()?);
    let deps = dispatcher::Deps { live_log, endpoints, deliver, origin };
    Ok(Dispatcher::start(deps, stop.clone()))
}

fn start_ingest(
    config: &Config,
    (authenticator, passes): Entrance,
    kept: &Comments,
    live: &Live,
    dispatchers: Dispatchers,
    stop: &CancellationToken,
) -> Result<(Arc<Ingest>, JoinHandle<()>)> {
    let Live { log: live_log, rooms: live_rooms, tallies, limiter, .. } = live.clone();
    let deps = ingest::Deps {
        authenticator,
        passes,
        comments: kept.store.clone(),
        rooms: kept.rooms.clone(),
        counters: kept.counters.clone(),
        live_log,
        live_rooms,
        tallies,
        limiter,
        local_limiter: Arc::new(MemoryLimiter::new()),
        dispatchers,
    };
    Ok(Ingest::start(config, deps, stop.clone())?)
}

fn peer_client(config: &Config) -> Result<PeerClient> {
    PeerClient::new(&config.internal.secret).context("`internal.secret` can't stand in a header")
}
