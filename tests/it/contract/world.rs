//! What the tables are run against: `chorus all`, or the roles apart with two of each.

use tempfile::{TempDir, tempdir};

use super::table::In;
use crate::{
    client::Client,
    process::Process,
    roles::{self, SECRET, needed, refs},
    server::Server,
};

/// A page of this origin may read answers.
pub(crate) const ORIGIN: &str = "https://ok.example";
/// Comments that one author may post in a minute.
pub(crate) const PER_MINUTE: u32 = 30;
/// Comments that a video takes in a second.
pub(crate) const PER_SECOND: u32 = 10;
/// Whom tokens of the strict house must be for, and from.
pub(crate) const AUDIENCE: &str = "ours";
pub(crate) const ISSUER: &str = "us";
/// Metrics of what a node decided by itself.
const ALONE: [&str; 2] =
    ["chorus_ingest_limited_locally_total", "chorus_gateway_tickets_unchecked_total"];

/// Nodes of one configuration: the first ones are spoken to in HTTP/1.1, the second in HTTP/2.
#[derive(Default)]
pub(crate) struct House {
    pub(crate) ingests: Vec<Client>,
    pub(crate) gateways: Vec<Client>,
    pub(crate) audience: Option<&'static str>,
    pub(crate) issuer: Option<&'static str>,
}

impl House {
    /// One process that is all nodes.
    fn of(server: &Server) -> Self {
        let both = || vec![server.client(), Client::http2(server.public())];
        Self { ingests: both(), gateways: both(), ..Self::default() }
    }

    fn strict(self) -> Self {
        Self { audience: Some(AUDIENCE), issuer: Some(ISSUER), ..self }
    }
}

/// All houses, and what they run on.
pub(crate) struct World {
    pub(crate) open: House,
    pub(crate) strict: House,
    /// `all` alone has it.
    development: Option<House>,
    /// Makes videos of this run others than those of earlier ones.
    pub(crate) name: String,
    /// Internal sockets.
    nodes: Vec<Client>,
    backend: Backend,
}

enum Backend {
    All { servers: Vec<Server>, _folders: Vec<TempDir> },
    Apart(Street),
}

/// Processes that are one system.
struct Street {
    folder: TempDir,
    /// Flags of all.
    common: Vec<String>,
    processes: Vec<Process>,
}

impl Street {
    async fn start(&mut self, role: &str, more: &[String]) -> &Process {
        let args = [&[role][..], &refs(&self.common), &refs(more)].concat();
        self.processes.push(Process::start(self.folder.path(), &args).await);
        self.processes.last().expect("it was pushed")
    }

    async fn house(&mut self, which: In, dispatchers: &str) -> House {
        let mut keys = keys_of(which);
        keys.push(("listen", "127.0.0.1:0".into()));
        keys.push(("ingest.dispatchers", dispatchers.into()));
        keys.push(("gateway.advertise", "http://127.0.0.1:0".into()));
        let flags = keys.into_iter().flat_map(|(key, value)| [format!("--{key}"), value]);
        let flags: Vec<_> = flags.collect();
        let mut house = House::default();
        for speaks in [Client::new, Client::http2] {
            for (role, clients) in
                [("ingest", &mut house.ingests), ("gateway", &mut house.gateways)]
            {
                let process = self.start(role, &flags).await;
                clients.push(speaks(process.public.expect("no public socket")));
            }
        }
        house
    }
}

impl World {
    pub(crate) fn house(&self, which: In) -> &House {
        match which {
            In::Open => &self.open,
            In::Strict => &self.strict,
            In::Development => self.development.as_ref().expect("only `all` has it"),
        }
    }

    /// `chorus all` of each house, in this process, on the embedded store.
    pub(crate) async fn all() -> Self {
        let (mut servers, mut folders) = (Vec::new(), Vec::new());
        for which in [In::Open, In::Strict, In::Development] {
            let folder = tempdir().unwrap();
            let mut keys = keys_of(which);
            if which != In::Development {
                keys.push(("auth.hs256_secret", SECRET.into()));
                keys.push(("internal.secret", "inner".into()));
            }
            servers.push(Server::all_by(folder.path(), &keys).await);
            folders.push(folder);
        }
        let [open, strict, development] = [0, 1, 2].map(|nth| House::of(&servers[nth]));
        let (strict, development) = (strict.strict(), Some(development));
        let nodes = servers.iter().map(Server::internal).collect();
        let backend = Backend::All { servers, _folders: folders };
        Self { open, strict, development, name: roles::unique_name(), nodes, backend }
    }

    /// Two dispatchers, and two ingests and gateways of each house, on Redis and Cassandra.
    pub(crate) async fn apart() -> Self {
        let (folder, name) = (tempdir().unwrap(), roles::unique_name());
        let common = roles::flags(&name, &needed("CHORUS_TEST_REDIS"));
        roles::migrate(folder.path(), &common).await;
        let mut street = Street { folder, common, processes: Vec::new() };
        let mut dispatchers = Vec::new();
        for _ in 0..2 {
            let dispatcher = street.start("dispatcher", &[]).await;
            dispatchers.push(format!("http://{}", dispatcher.internal));
        }
        let dispatchers = dispatchers.join(",");
        let open = street.house(In::Open, &dispatchers).await;
        let strict = street.house(In::Strict, &dispatchers).await.strict();
        let nodes = street.processes.iter().map(|node| Client::new(node.internal)).collect();
        Self { open, strict, development: None, name, nodes, backend: Backend::Apart(street) }
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
            Backend::Apart(street) => {
                for process in street.processes {
                    process.kill().await;
                }
            }
        }
    }
}

/// What a house's configuration has, beside what all share.
fn keys_of(which: In) -> Vec<(&'static str, String)> {
    let limits = [
        ("cors.allowed_origins", ORIGIN.to_owned()),
        ("limits.comments_per_user_per_minute", PER_MINUTE.to_string()),
        ("limits.comments_per_video_per_second", PER_SECOND.to_string()),
    ];
    let strict = [
        ("auth.viewers", "required"),
        ("auth.audience", AUDIENCE),
        ("auth.issuer", ISSUER),
        ("videos.create", "registered"),
    ];
    let strict = strict.iter().filter(|_| which == In::Strict);
    let strict = strict.map(|(key, value)| (*key, (*value).to_owned()));
    limits.into_iter().chain(strict).collect()
}
