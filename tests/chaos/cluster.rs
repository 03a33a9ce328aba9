//! Two of each role as processes, with a proxy in every link between them and around them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::join_all;

use crate::{
    front::Front,
    proxy::{
        calls::CallProxy,
        tcp::{Faults, TcpProxy},
    },
    redis_server::RedisServer,
    roles,
    sentinels::Watched,
};
use node::Node;
pub(crate) use who::{COUNT, Role, Who};

mod node;
mod who;

/// The link to one process's internal socket: a proxy of bytes, then one of calls.
pub(crate) struct Link {
    pub(crate) tcp: TcpProxy,
    pub(crate) calls: CallProxy,
}

impl Link {
    fn start(seed: u64) -> Self {
        let calls = CallProxy::start(None, seed);
        Self { tcp: TcpProxy::start(vec![Some(calls.address())]), calls }
    }

    fn url(&self) -> String {
        format!("http://{}", self.tcp.address())
    }
}

/// Where comments are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// In Cassandra, by both ingest nodes.
    Cql,
    /// On the disk, by the first ingest alone.
    Embedded,
}

impl Store {
    fn serves(self, who: Who) -> bool {
        self == Self::Cql || who != Who(Role::Ingest, 1)
    }
}

/// Enough for an outage at a high rate.
const REPLAY_MAX: &str = "40000";
/// Short, for scenarios that last some seconds.
const DRAIN_WINDOW_S: &str = "2";

pub(crate) struct Cluster {
    /// Where the processes write their logs.
    pub(crate) folder: PathBuf,
    /// The live log's server, or the first that sentinels named.
    pub(crate) redis: RedisServer,
    /// Its replica, if there are sentinels.
    pub(crate) replica: Option<RedisServer>,
    _sentinels: Vec<RedisServer>,
    /// Where the live log is, by whatever way there is without proxies.
    pub(crate) live_url: String,
    nodes: Vec<Node>,
    /// Where the gateways' public sockets are.
    gateways: [Option<SocketAddr>; COUNT],
    /// Commenters' ways to the ingest nodes.
    pub(crate) doors: Vec<TcpProxy>,
    /// Viewers' ways to the gateways.
    pub(crate) fronts: Vec<Arc<Front>>,
    pub(crate) to_dispatchers: Vec<Link>,
    pub(crate) to_gateways: Vec<Link>,
}

impl Cluster {
    /// Starts all of it, with a keyspace called `name` if the store is that; `seed` is for the call
    /// proxies' chance.
    pub(crate) async fn start(name: &str, store: Store, live: Option<Watched>, seed: u64) -> Self {
        let folder = logs(name);
        let sentinels_url = live.as_ref().map(Watched::url);
        let (redis, replica, sentinels) = match live {
            Some(Watched { master, other, sentinels }) => (master, Some(other), sentinels),
            None => (RedisServer::start(&[]).await, None, Vec::new()),
        };
        let live_url = sentinels_url.unwrap_or_else(|| redis.url());
        if store == Store::Cql {
            roles::migrate(&folder, &roles::flags(name, &live_url)).await;
        }
        let link = |n: usize| Link::start(seed.wrapping_add(n as u64));
        let mut cluster = Self {
            folder,
            redis,
            replica,
            _sentinels: sentinels,
            live_url,
            nodes: Vec::new(),
            gateways: [None; COUNT],
            doors: (0..COUNT).map(|_| TcpProxy::start(vec![None])).collect(),
            fronts: (0..COUNT).map(|n| Arc::new(Front::start(n, COUNT))).collect(),
            to_dispatchers: (0..COUNT).map(link).collect(),
            to_gateways: (COUNT..2 * COUNT).map(link).collect(),
        };
        cluster.nodes = Who::ALL.map(|who| cluster.node(who, name, store)).into();
        let started =
            Who::ALL.iter().zip(&mut cluster.nodes).filter(|(who, _)| store.serves(**who));
        join_all(started.map(|(_, node)| node.start())).await;
        Who::ALL.into_iter().for_each(|who| cluster.lead(who));
        if store == Store::Embedded {
            let only = cluster.nodes[0].process.as_ref().and_then(|process| process.public);
            cluster.doors.iter().for_each(|door| door.lead_to(vec![only]));
        }
        cluster
    }

    fn node(&self, who: Who, name: &str, store: Store) -> Node {
        let target = SocketAddr::from(([127, 0, 0, 1], self.redis.port()));
        let redis = TcpProxy::start(vec![Some(target)]);
        // Sentinels name the servers themselves: there is no proxy to be led through.
        let url = match self.replica {
            Some(_) => self.live_url.clone(),
            None => format!("redis://{}", redis.address()),
        };
        let mut args = vec![who.0.name().to_owned()];
        args.extend(match store {
            Store::Cql => roles::flags(name, &url),
            Store::Embedded => roles::flags_embedded(&url),
        });
        args.extend(["--live.replay_max", REPLAY_MAX].map(str::to_owned));
        let public = ["--listen".to_owned(), "127.0.0.1:0".to_owned()];
        match who.0 {
            Role::Ingest => {
                let dispatchers: Vec<_> = self.to_dispatchers.iter().map(Link::url).collect();
                args.extend(public);
                args.extend(["--ingest.dispatchers".to_owned(), dispatchers.join(",")]);
            }
            Role::Dispatcher => {}
            Role::Gateway => {
                let advertise = self.to_gateways[who.1].url();
                args.extend(public);
                args.extend(["--gateway.advertise".to_owned(), advertise]);
                args.extend(["--gateway.drain_window_s", DRAIN_WINDOW_S].map(str::to_owned));
            }
        }
        Node::new(who, args, &self.folder, redis)
    }

    /// Has the proxies lead to where a process is now, if it is up.
    fn lead(&mut self, who: Who) {
        let Node { process, .. } = &self.nodes[who.place()];
        let public = process.as_ref().and_then(|process| process.public);
        let internal = process.as_ref().map(|process| process.internal);
        match who.0 {
            Role::Ingest => self.doors[who.1].lead_to(vec![public]),
            Role::Dispatcher => self.to_dispatchers[who.1].calls.lead_to(internal),
            Role::Gateway => {
                self.to_gateways[who.1].calls.lead_to(internal);
                self.gateways[who.1] = public;
                self.fronts.iter().for_each(|front| front.lead_to(&self.gateways));
            }
        }
    }

    /// kill -9.
    pub(crate) async fn kill(&mut self, who: Who) {
        self.nodes[who.place()].kill().await;
        self.lead(who);
    }

    /// kill -9 of all that run.
    pub(crate) async fn end(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| node.process.is_some()) {
            node.kill().await;
        }
    }

    /// SIGTERM; waits for the end. Whoever comes to a gateway that drains is led elsewhere, as by a
    /// load balancer that sees that it isn't ready.
    pub(crate) async fn terminate(&mut self, who: Who) {
        if let Role::Gateway = who.0 {
            self.gateways[who.1] = None;
            self.fronts.iter().for_each(|front| front.lead_to(&self.gateways));
        }
        self.nodes[who.place()].terminate().await;
        self.lead(who);
    }

    /// SIGSTOP.
    pub(crate) async fn pause(&self, who: Who) {
        self.nodes[who.place()].signal("STOP").await;
    }

    /// SIGCONT.
    pub(crate) async fn go_on(&self, who: Who) {
        self.nodes[who.place()].signal("CONT").await;
    }

    /// Starts what was killed or terminated, with the same configuration.
    pub(crate) async fn start_again(&mut self, who: Who) {
        self.nodes[who.place()].start().await;
        self.lead(who);
    }

    /// A process's way to Redis.
    pub(crate) fn redis_of(&self, who: Who) -> &TcpProxy {
        &self.nodes[who.place()].redis
    }

    /// Bytes of memory that the process that has most of it has to itself.
    pub(crate) fn largest_memory(&self) -> u64 {
        self.nodes.iter().filter_map(Node::memory).max().unwrap_or(0)
    }

    /// Everybody's way to Redis.
    pub(crate) fn set_all_to_redis(&self, faults: Faults) {
        self.nodes.iter().for_each(|node| node.redis.set(faults));
    }

    /// The link to a dispatcher or a gateway.
    pub(crate) fn link_to(&self, who: Who) -> &Link {
        match who.0 {
            Role::Ingest => panic!("nobody calls ingest"),
            Role::Dispatcher => &self.to_dispatchers[who.1],
            Role::Gateway => &self.to_gateways[who.1],
        }
    }

    /// The one of a role that was called most so far: affinity may leave a dispatcher nearly idle.
    pub(crate) fn busiest(&self, role: Role) -> Who {
        let calls = |who: &Who| match role {
            Role::Ingest => 0,
            Role::Dispatcher | Role::Gateway => self.link_to(*who).calls.arrived(),
        };
        (0..COUNT).map(|n| Who(role, n)).max_by_key(calls).unwrap()
    }

    /// Where commenters post.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.iter().map(TcpProxy::address).collect()
    }
}

/// A folder of the test's own.
fn logs(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
