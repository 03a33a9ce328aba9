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

use super::connect::ConnectError;

/// The schema that this chorus works with. Later ones only add: an older chorus goes on working
/// while a newer one has migrated already.
const VERSION: i32 = 1;
/// Longest that one change of the schema may take.
const CHANGE_PATIENCE: Duration = Duration::from_secs(30);
/// The longest TTL there is, 20 years.
const RETENTION_DAYS_MAX: u32 = 7_300;
/// Partitions of a bucket's table outlive their comments by this, so that none is out of reach.
const BUCKET_TTL_EXTRA_S: u32 = 3_600;
/// Files per table that time-window compaction should end up with, about.
const WINDOWS: u32 = 30;

/// What [`migrate`] did.
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
    apply_retention(&ddl, &keyspace, config).await?;
    check_transactions(session, &config.keyspace, &keyspace).await?;
    let now = before.max(VERSION);
    let insert =
        format!("INSERT INTO {keyspace}.chorus_schema (part, version) VALUES ('comments', ?)");
    let done = query(session, &insert, (now,)).await;
    done.map_err(|why| ConnectError::refused("to note the schema version", why))?;
    Ok(Migrated { before, now })
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

/// The tables, and why they are so; [`super::comments`], [`super::claims`] and [`super::pending`]
/// say more. `IF NOT EXISTS` in each, so that a migration cut short is simply run again.
fn tables(keyspace: &str, retention_days: u32) -> [String; 5] {
    let (rows, buckets) = (comment_options(retention_days), bucket_options(retention_days));
    let table = |name: &str, columns: &str| {
        format!("CREATE TABLE IF NOT EXISTS {keyspace}.{name} ({columns})")
    };
    [
        table("chorus_schema", "part text PRIMARY KEY, version int"),
        // Newest first, since that is what is read most.
        table(
            "comments",
            "video text, bucket bigint, id uuid, author_id text, author_name text, \
             author_role text, author_avatar text, body text, reply_to uuid, \
             PRIMARY KEY ((video, bucket), id)",
        ) + " WITH CLUSTERING ORDER BY (id DESC) AND "
            + &rows,
        table("comment_buckets", "video text, bucket bigint, PRIMARY KEY (video, bucket)")
            + " WITH CLUSTERING ORDER BY (bucket DESC) AND "
            + &buckets,
        // Everything in it expires after a day and nothing is deleted, so whole files drop out.
        table(
            "claims",
            "author text, idempotency_key text, comment uuid, digest blob, \
             PRIMARY KEY ((author, idempotency_key))",
        ) + " WITH default_time_to_live = 86400 AND gc_grace_seconds = 10800 AND compaction = \
             {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', \
             'compaction_window_size': '1'}",
        // Nobody waits for the live delivery of a comment of the day before.
        table("pending", "shard tinyint, id uuid, video text, PRIMARY KEY (shard, id)")
            + " WITH CLUSTERING ORDER BY (id ASC) AND default_time_to_live = 86400 \
               AND gc_grace_seconds = 600",
    ]
}

/// Rows of about the same time end up in one file, which is dropped as a whole once they expired.
fn comment_options(retention_days: u32) -> String {
    let window_days = if retention_days == 0 { 30 } else { retention_days.div_ceil(WINDOWS) };
    format!(
        "default_time_to_live = {} AND compaction = {{'class': 'TimeWindowCompactionStrategy', \
         'compaction_window_unit': 'DAYS', 'compaction_window_size': '{window_days}'}}",
        comment_ttl(retention_days)
    )
}

/// A partition here grows over the video's whole life and is read as one: levels keep it in few
/// files.
fn bucket_options(retention_days: u32) -> String {
    format!(
        "default_time_to_live = {} AND compaction = {{'class': 'LeveledCompactionStrategy'}}",
        bucket_ttl(retention_days)
    )
}

/// Seconds; 0 = for ever. Fits: [`RETENTION_DAYS_MAX`] was checked.
fn comment_ttl(retention_days: u32) -> u32 {
    retention_days.saturating_mul(86_400)
}

fn bucket_ttl(retention_days: u32) -> u32 {
    match comment_ttl(retention_days) {
        0 => 0,
        // The longest TTL leaves no room for more.
        ttl => (ttl + BUCKET_TTL_EXTRA_S).min(comment_ttl(RETENTION_DAYS_MAX)),
    }
}

/// Changes the tables' TTL when `store.retention_days` has changed; rows keep the one they were
/// written with.
async fn apply_retention(
    ddl: &Ddl<'_>,
    keyspace: &str,
    config: &Store,
) -> Result<(), ConnectError> {
    let select = "SELECT default_time_to_live FROM system_schema.tables \
                  WHERE keyspace_name = ? AND table_name = ?";
    let days = config.retention_days;
    for (table, ttl, options) in [
        ("comments", comment_ttl(days), comment_options(days)),
        ("comment_buckets", bucket_ttl(days), bucket_options(days)),
    ] {
        let answer = query(ddl.session, select, (&config.keyspace, table)).await;
        let answer =
            answer.map_err(|why| ConnectError::refused("to tell a table's options", why))?;
        if cell::<i32>(answer).is_none_or(|now| u32::try_from(now) != Ok(ttl)) {
            let alter = format!("ALTER TABLE {keyspace}.{table} WITH {options}");
            ddl.run("to change a table's retention", &alter).await?;
        }
    }
    Ok(())
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
    let why = match query(session, &probe, ()).await {
        Ok(_) => return Ok(()),
        Err(why) => why.to_string(),
    };
    Err(ConnectError::NoTransactions { keyspace: name.into(), why })
}

/// Runs changes of the schema, all at one node: changes that two nodes of an Apache Cassandra
/// cluster make at the same time can end in two tables of one name.
struct Ddl<'a> {
    session: &'a Session,
    node: Option<Arc<dyn LoadBalancingPolicy>>,
}

impl Ddl<'_> {
    async fn run(&self, what: &'static str, cql: &str) -> Result<(), ConnectError> {
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

async fn query(
    session: &Session,
    cql: &str,
    values: impl SerializeRow,
) -> Result<QueryResult, ExecutionError> {
    session.query_unpaged(cql, values).await
}

/// The first column of the first row, where there is one.
fn cell<T>(answer: QueryResult) -> Option<T>
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

    #[test]
    fn buckets_outlive_comments_and_no_ttl_is_too_long() {
        assert_eq!((comment_ttl(0), bucket_ttl(0)), (0, 0));
        assert_eq!((comment_ttl(1), bucket_ttl(1)), (86_400, 90_000));
        assert_eq!(bucket_ttl(RETENTION_DAYS_MAX), 630_720_000);
    }

    #[test]
    fn windows_stay_few() {
        for days in [1, 30, 31, 365, RETENTION_DAYS_MAX] {
            let options = comment_options(days);
            let size: u32 = options.split('\'').rev().nth(1).unwrap().parse().unwrap();
            assert!(size >= 1 && days.div_ceil(size) <= WINDOWS, "{days}: {options}");
        }
    }
}
