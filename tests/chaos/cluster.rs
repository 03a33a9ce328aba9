//! Two of each role as processes, with a proxy in every link between them and around them.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::join_all;

use crate::{
    front::Front,
    proxy::{calls::CallProxy, tcp::TcpProxy},
    roles::{self, needed},
};
use node::Node;

mod node;

/// Of each role.
pub(crate) const COUNT: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ingest,
    Dispatcher,
    Gateway,
}

/// One of the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who(pub(crate) Role, pub(crate) usize);

impl Who {
    /// All of them.
    pub(crate) const ALL: [Self; 3 * COUNT] = [
        Self(Role::Ingest, 0),
        Self(Role::Ingest, 1),
        Self(Role::Dispatcher, 0),
        Self(Role::Dispatcher, 1),
        Self(Role::Gateway, 0),
        Self(Role::Gateway, 1),
    ];

    /// The gateway whose viewers lose their streams with it.
    pub(crate) fn gateway(self) -> Option<usize> {
        (self.0 == Role::Gateway).then_some(self.1)
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Dispatcher => "dispatcher",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

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

pub(crate) struct Cluster {
    nodes: Vec<Node>,
    /// Where the gateways' public sockets are.
    gateways: [Option<SocketAddr>; COUNT],
    /// Commenters' ways to the ingest nodes.
    doors: Vec<TcpProxy>,
    /// Viewers' ways to the gateways.
    pub(crate) fronts: Vec<Arc<Front>>,
    pub(crate) to_dispatchers: Vec<Link>,
    pub(crate) to_gateways: Vec<Link>,
}

impl Cluster {
    /// Starts all of it on a keyspace called `name`; `seed` is for the call proxies' chance.
    pub(crate) async fn start(name: &str, seed: u64) -> Self {
        let folder = logs(name);
        let redis = needed("CHORUS_TEST_REDIS");
        roles::migrate(&folder, &roles::flags(name, &redis)).await;
        let link = |n: usize| Link::start(seed.wrapping_add(n as u64));
        let mut cluster = Self {
            nodes: Vec::new(),
            gateways: [None; COUNT],
            doors: (0..COUNT).map(|_| TcpProxy::start(vec![None])).collect(),
            fronts: (0..COUNT).map(|n| Arc::new(Front::start(n, COUNT))).collect(),
            to_dispatchers: (0..COUNT).map(link).collect(),
            to_gateways: (COUNT..2 * COUNT).map(link).collect(),
        };
        cluster.nodes = Who::ALL.map(|who| cluster.node(who, name, &folder)).into();
        join_all(cluster.nodes.iter_mut().map(Node::start)).await;
        Who::ALL.into_iter().for_each(|who| cluster.lead(who));
        cluster
    }

    fn node(&self, who: Who, name: &str, folder: &Path) -> Node {
        let (redis, url) = proxied_redis();
        let mut args = vec![who.0.name().to_owned()];
        args.extend(roles::flags(name, &url));
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
            }
        }
        Node::new(who, args, folder, redis)
    }

    /// Has the proxies lead to where a process is now, if it is up.
    fn lead(&mut self, who: Who) {
        let Node { process, .. } = &self.nodes[place(who)];
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
        self.nodes[place(who)].kill().await;
        self.lead(who);
    }

    /// SIGTERM; waits for the end.
    pub(crate) async fn terminate(&mut self, who: Who) {
        self.nodes[place(who)].terminate().await;
        self.lead(who);
    }

    /// SIGSTOP.
    pub(crate) async fn pause(&self, who: Who) {
        self.nodes[place(who)].signal("STOP").await;
    }

    /// SIGCONT.
    pub(crate) async fn go_on(&self, who: Who) {
        self.nodes[place(who)].signal("CONT").await;
    }

    /// Starts what was killed or terminated, with the same configuration.
    pub(crate) async fn start_again(&mut self, who: Who) {
        self.nodes[place(who)].start().await;
        self.lead(who);
    }

    /// A process's way to Redis.
    pub(crate) fn redis_of(&self, who: Who) -> &TcpProxy {
        &self.nodes[place(who)].redis
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
    pub(crate) fn doors(&self) -> Vec<SocketAddr> {
        self.doors.iter().map(TcpProxy::address).collect()
    }
}

/// Among [`Who::ALL`].
fn place(who: Who) -> usize {
    Who::ALL.iter().position(|other| *other == who).unwrap()
}

/// A folder for the processes' logs, which stays when a test fails.
fn logs(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A way to Redis of one process's own, and its URL.
fn proxied_redis() -> (TcpProxy, String) {
    let url = needed("CHORUS_TEST_REDIS");
    let (scheme, rest) = url.split_once("://").unwrap_or(("redis", &url));
    let (login, rest) = rest.rsplit_once('@').map_or(("", rest), |(login, rest)| (login, rest));
    let (address, database) = rest.split_once('/').unwrap_or((rest, ""));
    let at = if login.is_empty() { "" } else { "@" };
    let address = address.replace("localhost", "127.0.0.1").parse().unwrap();
    let proxy = TcpProxy::start(vec![Some(address)]);
    let url = format!("{scheme}://{login}{at}{}/{database}", proxy.address());
    (proxy, url)
}
