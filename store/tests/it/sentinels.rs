//! A master, its replica, and the sentinels that watch them: of a test's own.

use std::collections::BTreeMap;

use crate::redis_server::{RedisServer, eventually};

/// Two servers and three sentinels.
pub(crate) struct Watched {
    pub(crate) master: RedisServer,
    pub(crate) other: RedisServer,
    pub(crate) sentinels: Vec<RedisServer>,
}

impl Watched {
    /// A master and its replica, known to three sentinels that know each other.
    pub(crate) async fn start() -> Self {
        let master = RedisServer::start(&[]).await;
        let replica_of = format!("127.0.0.1 {}", master.port());
        let other = RedisServer::start(&["--replicaof", &replica_of]).await;
        let watched = Self::by_sentinels(master, other).await;
        eventually("the replica follows", async || {
            info(&watched.other).await.contains("master_link_status:up")
        })
        .await;
        for sentinel in &watched.sentinels {
            eventually("all know each other", async || {
                let details: BTreeMap<String, String> =
                    sentinel.run(&["SENTINEL", "MASTER", "live"]).await;
                details["num-other-sentinels"] == "2" && details["num-slaves"] == "1"
            })
            .await;
        }
        watched
    }

    pub(crate) async fn by_sentinels(master: RedisServer, other: RedisServer) -> Self {
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(sentinel(&master, "").await);
        }
        Self { master, other, sentinels }
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> = self
            .sentinels
            .iter()
            .map(|sentinel| format!("127.0.0.1:{}", sentinel.port()))
            .collect();
        format!("redis+sentinel://{}/live", hosts.join(","))
    }
}

/// One that watches `master` and finds soon what there is to find.
pub(crate) async fn sentinel(master: &RedisServer, more: &str) -> RedisServer {
    let config = format!(
        "sentinel monitor live 127.0.0.1 {} 2\n\
         sentinel down-after-milliseconds live 500\n\
         sentinel failover-timeout live 5000\n{more}\n",
        master.port()
    );
    let sentinel = RedisServer::sentinel(&config).await;
    if more.is_empty() {
        let periods = ["publish-period", "info-period", "ping-period", "ask-period"];
        for period in periods {
            sentinel.run::<()>(&["SENTINEL", "DEBUG", period, "200"]).await;
        }
    }
    sentinel
}

pub(crate) async fn info(server: &RedisServer) -> String {
    server.run(&["INFO", "replication"]).await
}
