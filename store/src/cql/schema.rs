//! The keyspace and its tables: made and upgraded by [`migrate`], checked by [`check`].

use std::{sync::Arc, time::Duration};

use common::config::Store;
use scylla::{
    client::session::Session,
    cluster::ClusterState,
    errors::{DbError, ExecutionError, RequestAttemptError},
    policies::load_balancing::{
        LoadBalancingPolicy, NodeIdentifier, SingleTargetLoadBalancingPolicy,
    },
    response::query_result::QueryResult,
    serialize::row::SerializeRow,
    statement::unprepared::Statement,
};

use super::{
    connect::ConnectError,
    link::one_line,
    options,
    tables::{LATER_COLUMNS, RETENTION_DAYS_MAX, tables},
};

/// The schema that this chorus works with. Later ones only add: an older chorus goes on working
/// while a newer one has migrated already.
const VERSION: i32 = 4;
/// Longest that one change of the schema may take.
const CHANGE_PATIENCE: Duration = Duration::from_secs(30);

/// What [`migrate`](super::migrate) did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The schema version it found; 0 for none.
    pub before: i32,
    /// The schema version there is now.
    pub now: i32,
}

/// Creates or upgrades keyspace and tables. Safe to run again, and at the same time.
pub(super) async fn migrate(session: &Session, config: &Store) -> Result<Migrated, ConnectError> {
    let keyspace = quoted(&config.keyspace)?;
    if config.retention_days > RETENTION_DAYS_MAX {
        return Err(ConnectError::Retention(config.retention_days));
    }
    let state = session.get_cluster_state();
    let ddl = Ddl { session, node: one_node(&state) };
    if !keyspace_exists(session, &config.keyspace).await? {
        let replication = replication(config, &state)?;
        let create = format!(
            "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{{replication}}}"
        );
        ddl.run("to create the keyspace", &create).await?;
    }
    let before = version(session, &keyspace).await?;
    for table in tables(&keyspace, config.retention_days) {
        ddl.run("to create a table", &table).await?;
    }
    add_columns(&ddl, &config.keyspace, &keyspace).await?;
    options::apply(&ddl, &keyspace, config).await?;
    check_transactions(session, &config.keyspace, &keyspace).await?;
    let now = before.max(VERSION);
    let insert =
        format!("INSERT INTO {keyspace}.chorus_schema (part, version) VALUES ('comments', ?)");
    let done = query(session, &insert, (now,)).await;
    done.map_err(|why| ConnectError::refused("to note the schema version", why))?;
    Ok(Migrated { before, now })
}

/// Adds what a table of an earlier chorus lacks. Nobody can say `IF NOT EXISTS` of a column at both
/// databases, so who was overtaken by another migration looks again.
async fn add_columns(ddl: &Ddl<'_>, name: &str, keyspace: &str) -> Result<(), ConnectError> {
    for (table, column, kind) in LATER_COLUMNS {
        if has_column(ddl.session, name, table, column).await? {
            continue;
        }
        let alter = format!("ALTER TABLE {keyspace}.{table} ADD {column} {kind}");
        let added = ddl.run("to add a column", &alter).await;
        if added.is_err() && !has_column(ddl.session, name, table, column).await? {
            return added;
        }
    }
    Ok(())
}

async fn has_column(
    session: &Session,
    keyspace: &str,
    table: &str,
    column: &str,
) -> Result<bool, ConnectError> {
    let select = "SELECT column_name FROM system_schema.columns \
                  WHERE keyspace_name = ? AND table_name = ? AND column_name = ?";
    let answer = query(session, select, (keyspace, table, column)).await;
    let answer = answer.map_err(|why| ConnectError::refused("to tell its columns", why))?;
    Ok(cell::<String>(answer).is_some())
}

/// Makes sure that the keyspace is there and migrated, and makes it the session's.
pub(super) async fn check(session: &Session, config: &Store) -> Result<(), ConnectError> {
    let (keyspace, name) = (quoted(&config.keyspace)?, config.keyspace.clone());
    if !keyspace_exists(session, &name).await? {
        return Err(ConnectError::NoKeyspace(name));
    }
    let found = version(session, &keyspace).await?;
    if found < VERSION {
        return Err(ConnectError::NotMigrated { keyspace: name, found, needed: VERSION });
    }
    let used = session.use_keyspace(name, true).await;
    used.map_err(|why| ConnectError::refused("to use the keyspace", why))
}

/// Claims one key nobody can have, to learn here and not under load whether that works.
async fn check_transactions(
    session: &Session,
    name: &str,
    keyspace: &str,
) -> Result<(), ConnectError> {
    let probe = format!(
        "INSERT INTO {keyspace}.claims (author, idempotency_key) VALUES (' ', 'probe') \
         IF NOT EXISTS USING TTL 1"
    );
    match query(session, &probe, ()).await {
        Ok(_) => Ok(()),
        Err(ExecutionError::LastAttemptError(RequestAttemptError::DbError(
            DbError::Invalid | DbError::ConfigError | DbError::SyntaxError,
            why,
        ))) => Err(ConnectError::NoTransactions { keyspace: name.into(), why: one_line(&why) }),
        Err(why) => Err(ConnectError::refused("a lightweight transaction", why)),
    }
}

/// Runs changes of the schema, all at one node: changes that two nodes of an Apache Cassandra
/// cluster make at the same time can end in two tables of one name.
pub(super) struct Ddl<'a> {
    pub(super) session: &'a Session,
    node: Option<Arc<dyn LoadBalancingPolicy>>,
}

impl Ddl<'_> {
    pub(super) async fn run(&self, what: &'static str, cql: &str) -> Result<(), ConnectError> {
        let mut statement = Statement::new(cql);
        statement.set_load_balancing_policy(self.node.clone());
        statement.set_request_timeout(Some(CHANGE_PATIENCE));
        let done = self.session.query_unpaged(statement, ()).await;
        done.map(drop).map_err(|why| ConnectError::refused(what, why))
    }
}

/// The node that everybody picks, as long as it is up.
fn one_node(state: &ClusterState) -> Option<Arc<dyn LoadBalancingPolicy>> {
    let nodes = state.get_nodes_info().iter().filter(|node| node.is_connected());
    let node = nodes.min_by_key(|node| node.host_id)?;
    Some(SingleTargetLoadBalancingPolicy::new(NodeIdentifier::Node(Arc::clone(node)), None))
}

/// The keyspace's name for CQL. Only harmless names pass, so that quoting is enough.
fn quoted(keyspace: &str) -> Result<String, ConnectError> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let good = (1..=48).contains(&keyspace.len())
        && keyspace.starts_with(|c: char| c.is_ascii_alphabetic())
        && keyspace.chars().all(letters);
    if good {
        Ok(format!("\"{keyspace}\""))
    } else {
        Err(ConnectError::KeyspaceName(keyspace.into()))
    }
}

/// The replication map; every data centre in it must be there.
fn replication(config: &Store, state: &ClusterState) -> Result<String, ConnectError> {
    let present: std::collections::BTreeSet<_> =
        state.get_nodes_info().iter().filter_map(|node| node.datacenter.as_deref()).collect();
    let mut map = String::from("'class': 'NetworkTopologyStrategy'");
    for (datacenter, replicas) in &config.replication {
        if !present.contains(datacenter.as_str()) {
            let present = Vec::from_iter(present).join(", ");
            return Err(ConnectError::Datacenter { named: datacenter.clone(), present });
        }
        map += &format!(", '{datacenter}': {replicas}");
    }
    Ok(map)
}

async fn keyspace_exists(session: &Session, keyspace: &str) -> Result<bool, ConnectError> {
    let select = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let answer = query(session, select, (keyspace,)).await;
    let answer = answer.map_err(|why| ConnectError::refused("to tell its keyspaces", why))?;
    Ok(cell::<String>(answer).is_some())
}

/// The keyspace's schema version; 0 when the table that tells it isn't there.
async fn version(session: &Session, keyspace: &str) -> Result<i32, ConnectError> {
    let select = format!("SELECT version FROM {keyspace}.chorus_schema WHERE part = 'comments'");
    match query(session, &select, ()).await {
        Ok(answer) => Ok(cell(answer).unwrap_or(0)),
        Err(ExecutionError::LastAttemptError(RequestAttemptError::DbError(
            DbError::Invalid,
            _,
        ))) => Ok(0),
        Err(why) => Err(ConnectError::refused("to tell the schema version", why)),
    }
}

pub(super) async fn query(
    session: &Session,
    cql: &str,
    values: impl SerializeRow,
) -> Result<QueryResult, ExecutionError> {
    session.query_unpaged(cql, values).await
}

/// The first column of the first row, where there is one.
pub(super) fn cell<T>(answer: QueryResult) -> Option<T>
where
    for<'frame, 'metadata> T: scylla::deserialize::value::DeserializeValue<'frame, 'metadata>,
{
    let rows = answer.into_rows_result().ok()?;
    rows.maybe_first_row::<(T,)>().ok()?.map(|(value,)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyspace_names_can_not_carry_cql() {
        assert_eq!(quoted("chorus_2").unwrap(), "\"chorus_2\"");
        for bad in ["", "2chorus", "a-b", "a\"; DROP KEYSPACE b; --", "é", &"k".repeat(49)] {
            assert!(matches!(quoted(bad), Err(ConnectError::KeyspaceName(_))), "{bad}");
        }
    }
}
