//! The simulated machines: which processes run, and how to reach them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
    middleware,
};
use common::{
    auth::Authenticator,
    config::{self, Config, Role, Sources},
    link::Dispatch,
    live_log::Retention,
    pass::Passes,
    problem,
};
use dispatcher::Dispatcher;
use gateway::Gateway;
use ingest::{Dispatchers, Ingest};
use serde_json::Value;
use store::memory::{MemoryLimiter, MemoryStore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    comments::Comments,
    counters::Counters,
    dice::Dice,
    faults::FOLLOWED_MS,
    mutant::Mutant,
    network::{Network, Node, Service, Weather},
    process::Process,
    redis::Redis,
    to_peers::{ToDispatcher, ToGateways},
    to_redis::ToRedis,
    to_store::ToStore,
};

/// Bytes of an answer that are read.
const ANSWER_LEN_MAX: usize = 1024 * 1024;
/// Of each role.
pub(crate) const PROCESSES: u8 = 2;

/// What runs in a process.
#[derive(Clone)]
enum Running {
    Ingest(Router),
    Dispatcher(Arc<Dispatcher>),
    Gateway(Arc<Gateway>),
}

struct Instance {
    process: Arc<Process>,
    running: Running,
    stop: CancellationToken,
    /// Which start of any process this was.
    generation: u64,
}

/// A time in which a life of a gateway could not hear what was taken away, milliseconds since the
/// simulation began: it was stopped, or had not begun yet and then followed a master that had been
/// replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deaf {
    pub(crate) gateway: u64,
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
}

pub(crate) struct Cluster {
    seed: u64,
    pub(crate) began: Instant,
    pub(crate) network: Arc<Network>,
    pub(crate) redis: Arc<Redis>,
    pub(crate) comments: Arc<Comments>,
    counters: Arc<Counters>,
    /// What is counted live. It is never lost: what becomes of that is tried elsewhere.
    numbers: Arc<MemoryStore>,
    pub(crate) mutant: Mutant,
    /// Where Redis and the store run; it stays up.
    backend: Arc<Process>,
    passes: Arc<Passes>,
    limiter: Arc<MemoryLimiter>,
    config: Config,
    instances: Mutex<BTreeMap<Node, Instance>>,
    deaf: Mutex<Vec<Deaf>>,
    starts: Mutex<u64>,
}

impl Cluster {
    pub(crate) fn new(
        seed: u64,
        weather: Weather,
        retention: Retention,
        mutant: Mutant,
    ) -> Arc<Self> {
        let began = Instant::now();
        let loaded = config::load(Role::All, Sources::default());
        let backend = Process::new(began, Dice::new(seed, "backend"));
        let redis = backend.within(|| Redis::new(retention, mutant));
        let mut config = loaded.config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        config.live.dedup_s = retention.dedup_s;
        config.limits.comments_per_user_per_minute = 0;
        let passes = Arc::new(Passes::new(&config));
        let origin = Arc::new(config.dc.name.parse().unwrap());
        let numbers = backend.within(|| MemoryStore::new(origin, retention));
        Arc::new(Self {
            seed,
            began,
            network: Network::new(seed, began, weather),
            redis: Arc::new(redis),
            comments: Arc::new(Comments::new(mutant)),
            counters: Arc::default(),
            numbers: Arc::new(numbers),
            mutant,
            backend,
            passes,
            limiter: Arc::new(MemoryLimiter::new()),
            config,
            instances: Mutex::default(),
            deaf: Mutex::default(),
            starts: Mutex::default(),
        })
    }

    /// A gateway is stopped from now on.
    pub(crate) fn freezes(&self, node: Node, until_ms: u64) {
        let (gateway, from_ms) = (self.generation(node), self.now_ms());
        self.deaf.lock().unwrap().push(Deaf { gateway, from_ms, until_ms });
    }

    pub(crate) fn deaf(&self) -> Vec<Deaf> {
        self.deaf.lock().unwrap().clone()
    }

    /// Since the simulation began.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// Every process of a role, in an order that never changes.
    pub(crate) fn nodes() -> Vec<Node> {
        (0..PROCESSES)
            .flat_map(|n| [Node::Ingest(n), Node::Dispatcher(n), Node::Gateway(n)])
            .collect()
    }

    /// Starts the process of that name, unless it runs.
    pub(crate) fn start(self: &Arc<Self>, node: Node) {
        if self.instance(node).is_some() {
            return;
        }
        let generation = {
            let mut starts = self.starts.lock().unwrap();
            *starts += 1;
            *starts
        };
        if matches!(node, Node::Gateway(_)) && self.redis.is_left_behind(node) {
            let (from_ms, until_ms) = (0, self.now_ms() + FOLLOWED_MS);
            self.deaf.lock().unwrap().push(Deaf { gateway: generation, from_ms, until_ms });
        }
        let process = Process::new(self.began, Dice::new(self.seed, (node, generation)));
        let stop = CancellationToken::new();
        let running = process.within(|| self.run(node, stop.clone()));
        self.instances
            .lock()
            .unwrap()
            .insert(node, Instance { process, running, stop, generation });
    }

    fn run(self: &Arc<Self>, node: Node, stop: CancellationToken) -> Running {
        let redis = Arc::new(ToRedis { cluster: self.clone(), from: node });
        match node {
            Node::Ingest(_) => {
                let store = Arc::new(ToStore { cluster: self.clone(), from: node });
                let deps = ingest::Deps {
                    authenticator: Authenticator::development(),
                    passes: self.passes.clone(),
                    comments: store.clone(),
                    rooms: store,
                    counters: self.counters.clone(),
                    tallies: self.numbers.clone(),
                    live_rooms: redis.clone(),
                    limiter: self.limiter.clone(),
                    local_limiter: Arc::new(MemoryLimiter::new()),
                    live_log: redis,
                    dispatchers: Dispatchers::fixed((0..PROCESSES).map(|n| self.way(node, n))),
                };
                let routes = Ingest::start(&self.config, deps, stop).unwrap().0.public();
                Running::Ingest(routes.layer(middleware::from_fn(problem::render)))
            }
            Node::Dispatcher(_) => {
                let deliver = Arc::new(ToGateways { cluster: self.clone(), from: node });
                let origin = Arc::new(self.config.dc.name.parse().unwrap());
                let deps =
                    dispatcher::Deps { live_log: redis.clone(), endpoints: redis, deliver, origin };
                Running::Dispatcher(Dispatcher::start(deps, stop).0)
            }
            Node::Gateway(n) => {
                let authenticator = Authenticator::development();
                let (live_log, rooms) = (redis.clone(), redis.clone());
                let (passes, limiter) = (self.passes.clone(), self.limiter.clone());
                let endpoints = redis;
                let tallies = self.numbers.clone();
                let deps = gateway::Deps {
                    authenticator,
                    passes,
                    limiter,
                    live_log,
                    rooms,
                    tallies,
                    endpoints,
                };
                let mut config = self.config.clone();
                config.gateway.advertise = format!("http://gateway:{n}");
                Running::Gateway(Gateway::start(&config, deps, stop).unwrap().0)
            }
            Node::Redis | Node::Store | Node::Commenters | Node::Viewers => {
                panic!("{node:?} is no role")
            }
        }
    }

    fn way(self: &Arc<Self>, from: Node, n: u8) -> (String, Arc<dyn Dispatch>) {
        let to = Node::Dispatcher(n);
        (format!("dispatcher {n}"), Arc::new(ToDispatcher { cluster: self.clone(), from, to }))
    }

    pub(crate) fn gateway_at(address: &str) -> Node {
        Node::Gateway(address.rsplit(':').next().unwrap().parse().unwrap())
    }

    fn instance(&self, node: Node) -> Option<(Arc<Process>, Running)> {
        let instances = self.instances.lock().unwrap();
        instances.get(&node).map(|found| (found.process.clone(), found.running.clone()))
    }

    /// Tells the lives of a process apart.
    pub(crate) fn generation(&self, node: Node) -> u64 {
        self.instances.lock().unwrap().get(&node).map_or(0, |instance| instance.generation)
    }

    pub(crate) fn process(&self, node: Node) -> Option<Arc<Process>> {
        self.instance(node).map(|(process, _)| process)
    }

    pub(crate) fn dispatcher(&self, node: Node) -> Option<(Arc<Process>, Arc<Dispatcher>)> {
        match self.instance(node)? {
            (process, Running::Dispatcher(dispatcher)) => Some((process, dispatcher)),
            _ => None,
        }
    }

    pub(crate) fn gateway(&self, node: Node) -> Option<(Arc<Process>, Arc<Gateway>)> {
        match self.instance(node)? {
            (process, Running::Gateway(gateway)) => Some((process, gateway)),
            _ => None,
        }
    }

    fn ingest(&self, node: Node) -> Option<(Arc<Process>, Router)> {
        match self.instance(node)? {
            (process, Running::Ingest(router)) => Some((process, router)),
            _ => None,
        }
    }

    /// Asks an ingest over HTTP: status and JSON; `None` when it is down or dies meanwhile. Needs a
    /// time-out.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        from: Node,
        to: Node,
        label: &str,
        request: impl Fn() -> Request<Body> + Send + Sync + 'static,
    ) -> Option<(u16, Value)> {
        let there = self.clone();
        let serve = move || -> Service<_> {
            let (process, router) = there.ingest(to)?;
            let request = request();
            Some((process, Box::pin(async move { router.oneshot(request).await.unwrap() })))
        };
        let response = self.network.call((from, to), label, serve).await.ok()?;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), ANSWER_LEN_MAX).await.unwrap();
        let json = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        Some((status, json.unwrap()))
    }

    /// kill -9.
    pub(crate) fn kill(&self, node: Node) {
        if let Some(Instance { process, .. }) = self.instances.lock().unwrap().remove(&node) {
            process.kill();
        }
    }

    /// SIGTERM: told to stop, it ends by itself; nobody reaches it any more.
    pub(crate) fn terminate(&self, node: Node) {
        if let Some(Instance { stop, .. }) = self.instances.lock().unwrap().remove(&node) {
            stop.cancel();
        }
    }

    /// Something that happens to Redis.
    pub(crate) fn to_redis<T>(&self, act: impl FnOnce(&Redis) -> T) -> T {
        self.backend.within(|| act(&self.redis))
    }

    /// Something that Redis or the store does in one step.
    pub(crate) fn at_once<T: Send + 'static>(
        &self,
        work: impl Fn() -> T + Send + Sync + 'static,
    ) -> impl Fn() -> Service<T> + Send + Sync + 'static {
        let backend = self.backend.clone();
        move || Some((backend.clone(), Box::pin(std::future::ready(work()))))
    }
}
