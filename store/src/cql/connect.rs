//! Reaching the cluster, and saying in one line why that didn't work.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use common::config::Store;
use scylla::{
    client::{PoolSize, session::Session, session_builder::SessionBuilder},
    errors::{
        ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError,
        MetadataError, NewSessionError,
    },
    policies::load_balancing::DefaultPolicy,
};

use super::link;

/// Longest wait for the first node to answer, with its account of the cluster.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for one node.
const NODE_PATIENCE: Duration = Duration::from_secs(2);
/// How often a connection is asked for a sign of life, and how long that may take. Together less
/// than a request's patience: when a node freezes, its requests go to another and still end well.
const KEEPALIVE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(1));

/// Why the cluster, or what chorus keeps there, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// None of the configured nodes answers.
    #[error(
        "no CQL node answers at {nodes} ({why}); start ScyllaDB or Cassandra, or set store.nodes"
    )]
    Unreachable {
        /// The nodes that were asked.
        nodes: String,
        /// What came of it.
        why: String,
    },
    /// User or password are wrong or missing.
    #[error("the CQL node refuses the login ({0}); set store.user and store.password")]
    Login(String),
    /// The name isn't a keyspace's.
    #[error(
        "`{0}` is no keyspace name; set store.keyspace to a letter and up to 47 letters, digits or _"
    )]
    KeyspaceName(String),
    /// There is no such keyspace.
    #[error("keyspace `{0}` not found: run `chorus migrate`, or set store.keyspace")]
    NoKeyspace(String),
    /// The keyspace is somebody else's, or of an older chorus.
    #[error(
        "keyspace `{keyspace}` has schema version {found}, this chorus needs {needed}: run `chorus migrate`"
    )]
    NotMigrated {
        /// The keyspace.
        keyspace: String,
        /// Its schema version; 0 when it has no tables of chorus.
        found: i32,
        /// The version that this chorus works with.
        needed: i32,
    },
    /// Replicas are to be kept where the cluster isn't.
    #[error(
        "store.replication names the data centre `{named}`, the cluster has {present}; set store.replication"
    )]
    Datacenter {
        /// From the configuration.
        named: String,
        /// What the cluster says.
        present: String,
    },
    /// Rows can't be kept that long and expire at all.
    #[error(
        "store.retention_days is {0}; CQL rows expire after 7300 days at most; 0 keeps them for ever"
    )]
    Retention(u32),
    /// The cluster runs no conditional writes in this keyspace.
    #[error(
        "keyspace `{keyspace}` takes no lightweight transactions ({why}); on ScyllaDB before 2025.4 \
         create it by hand WITH tablets = {{'enabled': false}}, then run `chorus migrate` again"
    )]
    NoTransactions {
        /// The keyspace.
        keyspace: String,
        /// What the cluster says.
        why: String,
    },
    /// The cluster answered, and refused.
    #[error("the CQL cluster refuses {what} ({why}); look into its log")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What it says.
        why: String,
    },
}

impl ConnectError {
    pub(super) fn refused(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Refused { what, why: link::one_line(&why) }
    }
}

/// Opens a session; requests go to the data centre of the configured nodes.
pub(super) async fn connect(config: &Store) -> Result<Session, ConnectError> {
    let unreachable =
        |why: String| ConnectError::Unreachable { nodes: config.nodes.join(", "), why };
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.nodes)
        .default_execution_profile_handle(link::profile().into_handle())
        .connection_timeout(NODE_PATIENCE)
        .hostname_resolution_timeout(Some(NODE_PATIENCE))
        .keepalive_interval(KEEPALIVE.0)
        .keepalive_timeout(KEEPALIVE.1)
        .pool_size(PoolSize::PerShard(std::num::NonZeroUsize::MIN))
        .fetch_schema_metadata(false);
    if !config.user.is_empty() {
        builder = builder.user(&config.user, config.password.expose());
    }
    let session = match tokio::time::timeout(CONNECT_PATIENCE, builder.build()).await {
        Ok(session) => {
            session.map_err(|why| login_error(&why).unwrap_or_else(|| unreachable(reason(&why))))?
        }
        Err(_) => {
            return Err(unreachable(format!("nothing within {} s", CONNECT_PATIENCE.as_secs())));
        }
    };
    prefer_datacenter(&session, config).await;
    Ok(session)
}

/// The part of a driver's error that says something.
fn reason(why: &NewSessionError) -> String {
    match why {
        NewSessionError::FailedToResolveAnyHostname(_) => "the name can't be resolved".into(),
        NewSessionError::EmptyKnownNodesList => "no node is named".into(),
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(
            ConnectionPoolError::Broken { last_connection_error: why },
        )) => link::one_line(why),
        why => link::one_line(why),
    }
}

fn login_error(why: &NewSessionError) -> Option<ConnectError> {
    let NewSessionError::MetadataError(MetadataError::ConnectionPoolError(
        ConnectionPoolError::Broken { last_connection_error },
    )) = why
    else {
        return None;
    };
    let ConnectionError::ConnectionSetupRequestError(setup) = last_connection_error else {
        return None;
    };
    match &setup.error {
        ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, why) => {
            Some(ConnectError::Login(why.clone()))
        }
        ConnectionSetupRequestErrorKind::MissingAuthentication => {
            Some(ConnectError::Login("it asks for one".into()))
        }
        _ => None,
    }
}

/// LOCAL_QUORUM means the data centre of whichever node is asked: in a cluster over several of them
/// requests must go to ours, which is that of `store.nodes`.
async fn prefer_datacenter(session: &Session, config: &Store) {
    let named = resolve(&config.nodes).await;
    let state = session.get_cluster_state();
    let nodes = state.get_nodes_info();
    let all: BTreeSet<_> = nodes.iter().filter_map(|node| node.datacenter.as_deref()).collect();
    let ours: BTreeSet<_> = nodes
        .iter()
        .filter(|node| named.contains(&node.address.ip()))
        .filter_map(|node| node.datacenter.as_deref())
        .collect();
    let local = if all.len() == 1 { all.first() } else { ours.first().filter(|_| ours.len() == 1) };
    let Some(local) = local else {
        tracing::warn!(
            datacenters = ?all,
            "store.nodes are not of one CQL data centre: requests go to all; name nodes of one"
        );
        return;
    };
    let policy = DefaultPolicy::builder().prefer_datacenter((*local).to_owned()).build();
    let mut handle = session.get_default_execution_profile_handle().clone();
    let profile = handle.pointee_to_builder().load_balancing_policy(policy).build();
    handle.map_to_another_profile(profile);
}

/// The addresses of the nodes; of those whose names can't be resolved there are none.
async fn resolve(nodes: &[String]) -> BTreeSet<IpAddr> {
    const CQL_PORT: u16 = 9042;
    let lookups = nodes.iter().map(|node| async move {
        let found = if node.contains(':') {
            tokio::net::lookup_host(node.as_str()).await.map(Vec::from_iter)
        } else {
            tokio::net::lookup_host((node.as_str(), CQL_PORT)).await.map(Vec::from_iter)
        };
        found.unwrap_or_default()
    });
    let found = futures_util::future::join_all(lookups).await;
    found.into_iter().flatten().map(|address| address.ip()).collect()
}
