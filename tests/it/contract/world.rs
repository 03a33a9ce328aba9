//! What the tables are run against: `chorus all`, or the roles apart with two of each.

use std::net::SocketAddr;

use tempfile::{TempDir, tempdir};

use super::{
    issuer::KeyFile,
    parts::{Losable, Part, Taking},
    street::{DeadEnd, Street, flag},
    table::In,
};
use crate::{
    client::Client,
    process::Process,
    roles::{self, SECRET, needed, refs},
    server::Server,
    small_disk,
};

/// A page of this origin may read answers.
pub(crate) const ORIGIN: &str = "https://ok.example";
/// Comments that one author may post in a minute.
pub(crate) const PER_MINUTE: u32 = 30;
/// Comments that a video takes in a second.
pub(crate) const PER_SECOND: u32 = 10;
/// Comments from one address in a minute, where that is limited.
pub(crate) const PER_ADDRESS: u32 = 12;
/// Whom tokens of the strict house must be for, and from.
pub(crate) const AUDIENCE: &str = "ours";
pub(crate) const ISSUER: &str = "us";
/// Metrics of what a node decided by itself.
const ALONE: [&str; 2] =
    ["chorus_ingest_limited_locally_total", "chorus_gateway_tickets_unchecked_total"];

/// Nodes of one configuration: the first ones are spoken to in HTTP/1.1, the second in HTTP/2.
pub(crate) struct House {
    which: In,
    pub(crate) ingests: Vec<Client>,
    pub(crate) gateways: Vec<Client>,
    pub(crate) audience: Option<&'static str>,
    pub(crate) issuer: Option<&'static str>,
    pub(super) losable: Option<Losable>,
}

impl House {
    /// Without any node yet.
    pub(super) fn new(which: In) -> Self {
        let if_strict = |value| (which == In::Strict).then_some(value);
        let (audience, issuer) = (if_strict(AUDIENCE), if_strict(ISSUER));
        let (ingests, gateways) = (Vec::new(), Vec::new());
        Self { which, ingests, gateways, audience, issuer, losable: None }
    }

    /// One process that is all nodes.
    fn of_one(which: In, public: SocketAddr) -> Self {
        let both = || vec![Client::new(public), Client::http2(public)];
        Self { ingests: both(), gateways: both(), ..Self::new(which) }
    }
}

/// All houses, and what they run on.
pub(crate) struct World {
    houses: Vec<House>,
    /// Makes videos of this run others than those of earlier ones.
    pub(crate) name: String,
    /// What servers read of the issuer's.
    keys: KeyFile,
    /// Internal sockets of those that never have to decide by themselves.
    nodes: Vec<Client>,
    backend: Backend,
}

enum Backend {
    All { servers: Vec<Server>, _folders: Vec<TempDir> },
    SmallDisk { server: Process, _folder: TempDir },
    Apart(Street, DeadEnd),
}

impl World {
    pub(crate) fn house(&self, which: In) -> &House {
        let found = self.houses.iter().find(|house| house.which == which);
        found.expect("this world has no such house")
    }

    /// The one that can lose something.
    pub(crate) fn losable(&self) -> &Losable {
        self.house(In::Losing).losable.as_ref().expect("it can")
    }

    /// From now on the issuer has these keys alone.
    pub(crate) fn give_keys_of(&self, names: &[&str]) {
        self.keys.give_away(names);
    }

    /// `chorus all` of each house, in this process, on the embedded store.
    pub(crate) async fn all() -> Self {
        let (mut servers, mut folders, keys) = (Vec::new(), Vec::new(), KeyFile::new());
        let mut houses = Vec::new();
        for which in [In::Open, In::Addressed, In::Strict, In::Development] {
            let folder = tempdir().unwrap();
            let server = Server::all_by(folder.path(), &keys_of_all(which, &keys)).await;
            houses.push(House::of_one(which, server.public()));
            servers.push(server);
            folders.push(folder);
        }
        let nodes = servers.iter().map(Server::internal).collect();
        let backend = Backend::All { servers, _folders: folders };
        Self { houses, name: roles::unique_name(), keys, nodes, backend }
    }

    /// `chorus all` as a process, on a disk that can be full.
    pub(crate) async fn on_a_small_disk() -> Self {
        let (folder, keys) = (tempdir().unwrap(), KeyFile::new());
        let any = ["listen", "internal_listen"].map(|key| (key, "127.0.0.1:0".to_owned()));
        let flags = any.into_iter().chain(keys_of_all(In::Losing, &keys)).flat_map(flag);
        let args = [vec!["all".to_owned()], flags.collect()].concat();
        let (server, ballast) = small_disk::start(folder.path(), &refs(&args)).await;
        let mut house = House::of_one(In::Losing, server.public.expect("no public socket"));
        house.losable = Some(Losable::of(vec![(Part::Store, Taking::Filling(ballast))], vec![]));
        let backend = Backend::SmallDisk { server, _folder: folder };
        let (houses, nodes) = (vec![house], Vec::new());
        Self { houses, name: roles::unique_name(), keys, nodes, backend }
    }

    /// Two dispatchers, and two ingests and gateways of each house, on Redis and Cassandra.
    pub(crate) async fn apart() -> Self {
        let (name, keys) = (roles::unique_name(), KeyFile::new());
        let (dead_end, losing) = DeadEnd::new(&format!("{name}_losing"), &keys).await;
        let mut street = Street::new(&name, &needed("CHORUS_TEST_REDIS")).await;
        let dispatchers = street.dispatchers().await;
        let open = street.house(In::Open, &dispatchers, &keys).await;
        let addressed = street.house(In::Addressed, &dispatchers, &keys).await;
        let strict = street.house(In::Strict, &dispatchers, &keys).await;
        let houses = vec![losing, open, addressed, strict];
        let nodes = street.internals();
        let backend = Backend::Apart(street, dead_end);
        Self { houses, name, keys, nodes, backend }
    }

    /// How often a node had no answer in time from the limiter that all share and decided by itself,
    /// as is right, but not what the tables are about. On a busy machine it happens.
    pub(crate) async fn decided_alone(&self) -> u64 {
        let mut times = 0;
        for node in &self.nodes {
            let metrics = node.get("/metrics").await.body;
            let lines = str::from_utf8(&metrics).unwrap().lines();
            let counts = lines.filter_map(|line| line.split_once(' '));
            let alone = counts.filter(|(name, _)| ALONE.contains(name));
            times += alone.map(|(_, count)| count.parse::<u64>().unwrap()).sum::<u64>();
        }
        times
    }

    pub(crate) async fn stop(self) {
        match self.backend {
            Backend::All { servers, .. } => {
                for server in servers {
                    server.stop().await;
                }
            }
            Backend::SmallDisk { server, .. } => server.kill().await,
            Backend::Apart(street, dead_end) => {
                for process in street.processes.into_iter().chain(dead_end.street.processes) {
                    process.kill().await;
                }
            }
        }
    }
}

/// What a house's configuration has, beside what all share.
pub(super) fn keys_of(which: In, keys: &KeyFile) -> Vec<(&'static str, String)> {
    let limits = [
        ("cors.allowed_origins", ORIGIN.to_owned()),
        ("limits.comments_per_user_per_minute", PER_MINUTE.to_string()),
        ("limits.comments_per_video_per_second", PER_SECOND.to_string()),
    ];
    let per_address = PER_ADDRESS.to_string();
    let own: &[_] = match which {
        In::Strict => &[
            ("auth.viewers", "required"),
            ("auth.audience", AUDIENCE),
            ("auth.issuer", ISSUER),
            ("videos.create", "registered"),
        ],
        In::Addressed => &[
            ("limits.comments_per_address_per_minute", &*per_address),
            ("trusted_proxies", "127.0.0.0/8"),
        ],
        _ => &[],
    };
    let own = own.iter().map(|(key, value)| (*key, (*value).to_owned()));
    // Those that ask for it believe the same.
    let at_an_address = which == In::Strict;
    let jwks = if at_an_address { keys.url.clone() } else { keys.path().display().to_string() };
    let jwks = (which != In::Development).then_some(("auth.jwks", jwks));
    limits.into_iter().chain(own).chain(jwks).collect()
}

/// The same of `chorus all`, which shares nothing.
fn keys_of_all(which: In, keys: &KeyFile) -> Vec<(&'static str, String)> {
    let mut keys = keys_of(which, keys);
    if which != In::Development {
        keys.push(("auth.hs256_secret", SECRET.into()));
        keys.push(("internal.secret", "inner".into()));
    }
    keys
}
