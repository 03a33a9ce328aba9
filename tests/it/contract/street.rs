//! The roles apart: processes that are one system, on Redis and Cassandra.

use std::process::Stdio;

use tempfile::{TempDir, tempdir};

use super::{
    issuer::KeyFile,
    parts::{Losable, Part, Taking},
    table::In,
    world::{House, keys_of},
};
use crate::{
    client::Client,
    process::{self, Process},
    proxy::tcp::TcpProxy,
    redis_server::RedisServer,
    roles::{self, needed, refs},
};

/// Processes that are one system.
pub(super) struct Street {
    folder: TempDir,
    /// Flags of all.
    common: Vec<String>,
    /// An outage is told by every process, and was expected.
    is_quiet: bool,
    pub(super) processes: Vec<Process>,
}

impl Street {
    /// On a keyspace of that name.
    pub(super) async fn new(name: &str, redis: &str) -> Self {
        let (folder, common) = (tempdir().unwrap(), roles::flags(name, redis));
        roles::migrate(folder.path(), &common).await;
        Self { folder, common, is_quiet: false, processes: Vec::new() }
    }

    async fn start(&mut self, role: &str, more: &[String]) -> &Process {
        let args = [&[role][..], &refs(&self.common), &refs(more)].concat();
        let mut command = process::command(self.folder.path(), &args);
        if self.is_quiet {
            command.stderr(Stdio::null());
        }
        self.processes.push(Process::start_command(command).await);
        self.processes.last().expect("it was pushed")
    }

    /// Internal sockets.
    pub(super) fn internals(&self) -> Vec<Client> {
        self.processes.iter().map(|process| Client::new(process.internal)).collect()
    }

    /// Two dispatchers: where they are, for ingest.
    pub(super) async fn dispatchers(&mut self) -> String {
        let mut dispatchers = Vec::new();
        for _ in 0..2 {
            let dispatcher = self.start("dispatcher", &[]).await;
            dispatchers.push(format!("http://{}", dispatcher.internal));
        }
        dispatchers.join(",")
    }

    /// Two ingests and two gateways.
    pub(super) async fn house(&mut self, which: In, dispatchers: &str, keys: &KeyFile) -> House {
        let mut keys = keys_of(which, keys);
        keys.push(("listen", "127.0.0.1:0".into()));
        keys.push(("ingest.dispatchers", dispatchers.into()));
        keys.push(("gateway.advertise", "http://127.0.0.1:0".into()));
        let flags: Vec<_> = keys.into_iter().flat_map(flag).collect();
        let mut house = House::new(which);
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

/// As an argument each.
pub(super) fn flag((key, value): (&str, String)) -> [String; 2] {
    [format!("--{key}"), value]
}

/// A street of its own, for one house: its ways to Redis and to the store can be cut.
pub(super) struct DeadEnd {
    pub(super) street: Street,
    _redis: RedisServer,
}

impl DeadEnd {
    pub(super) async fn new(name: &str, keys: &KeyFile) -> (Self, House) {
        let redis = RedisServer::start(&[]).await;
        let port = redis.port();
        let to_redis = TcpProxy::start(vec![Some(([127, 0, 0, 1], port).into())]);
        let cql = needed("CHORUS_TEST_CQL").replace("localhost", "127.0.0.1");
        let to_store = TcpProxy::start(vec![Some(cql.parse().unwrap())]);
        let url = format!("redis://{}", to_redis.address());
        let mut street = Street::new(name, &url).await;
        street.is_quiet = true;
        street.common.extend(flag(("store.nodes", to_store.address().to_string())));
        let dispatchers = street.dispatchers().await;
        let mut house = street.house(In::Losing, &dispatchers, keys).await;
        let parts =
            [(Part::Redis, Taking::Cutting(to_redis)), (Part::Store, Taking::Cutting(to_store))];
        house.losable = Some(Losable::of(parts.into(), street.internals()));
        (Self { street, _redis: redis }, house)
    }
}
