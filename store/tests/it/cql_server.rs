//! Keyspaces for tests, on the cluster that `CHORUS_TEST_CQL` names.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use common::config::{Store, StoreKind};
use futures_util::FutureExt;
use scylla::client::{session::Session, session_builder::SessionBuilder};
use store::cql::{self, ConnectError, CqlStore};
use uuid::Uuid;

/// A keyspace of a name nobody else has.
pub(crate) struct Keyspace {
    pub(crate) config: Store,
    pub(crate) session: Session,
}

/// The cluster, and a keyspace that isn't there yet; it is dropped at the end, also of a failure.
pub(crate) async fn with_cluster(test: impl AsyncFnOnce(&Keyspace)) {
    let keyspace = Keyspace::named().await;
    let outcome = AssertUnwindSafe(test(&keyspace)).catch_unwind().await;
    let drop = format!("DROP KEYSPACE IF EXISTS {}", keyspace.config.keyspace);
    keyspace.session.query_unpaged(drop, ()).await.unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// A migrated keyspace; it is dropped at the end, also of a failure.
pub(crate) async fn with_keyspace(test: impl AsyncFnOnce(&Keyspace)) {
    with_cluster(async |keyspace| {
        cql::migrate(&keyspace.config).await.unwrap();
        test(keyspace).await;
    })
    .await;
}

impl Keyspace {
    async fn named() -> Self {
        let node = std::env::var("CHORUS_TEST_CQL")
            .expect("set CHORUS_TEST_CQL, e.g. to what `deploy/dev/cassandra start` prints");
        let session = SessionBuilder::new().known_node(&node).build().await.unwrap();
        let state = session.get_cluster_state();
        let nodes = state.get_nodes_info().iter();
        // A replica in each data centre: as much as a cluster of one node can hold.
        let replication: BTreeMap<_, _> =
            nodes.filter_map(|node| Some((node.datacenter.clone()?, 1))).collect();
        let config = Store {
            kind: StoreKind::Scylla,
            path: "unused".into(),
            nodes: vec![node],
            keyspace: format!("chorus_test_{}", Uuid::new_v4().simple()),
            replication,
            user: String::new(),
            password: "".into(),
            retention_days: 0,
        };
        Self { config, session }
    }

    pub(crate) async fn connect(&self) -> Result<CqlStore, ConnectError> {
        CqlStore::connect(&self.config).await
    }

    /// Says which case begins, for who reads of a failure.
    #[expect(clippy::print_stderr, reason = "a test's only way to say where it is")]
    pub(crate) fn case(&self, name: &str) {
        eprintln!("case {name} in {}", self.config.keyspace);
    }
}
