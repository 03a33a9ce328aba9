//! Options of tables that are there already: what a newer chorus or configuration wants otherwise.

use common::config::Store;
use scylla::deserialize::value::DeserializeValue;

use super::{
    connect::ConnectError,
    schema::{Ddl, cell, query},
    tables::{
        NAMES, SPECULATION, bucket_options, bucket_ttl, comment_options, comment_ttl, note_options,
    },
};

/// Changes what is not as it should be.
pub(super) async fn apply(
    ddl: &Ddl<'_>,
    keyspace: &str,
    config: &Store,
) -> Result<(), ConnectError> {
    apply_retention(ddl, keyspace, config).await?;
    apply_speculation(ddl, keyspace, config).await
}

/// Changes the tables' TTL when `store.retention_days` has changed; rows keep the one they were
/// written with.
async fn apply_retention(
    ddl: &Ddl<'_>,
    keyspace: &str,
    config: &Store,
) -> Result<(), ConnectError> {
    let days = config.retention_days;
    for (table, ttl, options) in [
        ("comments", comment_ttl(days), comment_options(days)),
        ("comment_buckets", bucket_ttl(days), bucket_options(days)),
        ("room_notes", comment_ttl(days), note_options(days)),
    ] {
        let now = option::<i32>(ddl, config, table, "default_time_to_live").await?;
        if now.is_none_or(|now| u32::try_from(now) != Ok(ttl)) {
            let alter = format!("ALTER TABLE {keyspace}.{table} WITH {options}");
            ddl.run("to change a table's retention", &alter).await?;
        }
    }
    Ok(())
}

/// Changes tables that have the database's default, as those that an earlier chorus made; what an
/// operator chose stays.
async fn apply_speculation(
    ddl: &Ddl<'_>,
    keyspace: &str,
    config: &Store,
) -> Result<(), ConnectError> {
    for table in NAMES {
        let now = option::<String>(ddl, config, table, "speculative_retry").await?;
        // "99p", "99PERCENTILE" or "99.0PERCENTILE", by database and version.
        if now.is_some_and(|now| now.starts_with("99")) {
            let alter = format!("ALTER TABLE {keyspace}.{table} WITH {SPECULATION}");
            ddl.run("to change a table's speculative retry", &alter).await?;
        }
    }
    Ok(())
}

/// A table's option.
async fn option<T>(
    ddl: &Ddl<'_>,
    config: &Store,
    table: &str,
    name: &str,
) -> Result<Option<T>, ConnectError>
where
    for<'frame, 'metadata> T: DeserializeValue<'frame, 'metadata>,
{
    let select = format!(
        "SELECT {name} FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
    );
    let answer = query(ddl.session, &select, (&config.keyspace, table)).await;
    let answer = answer.map_err(|why| ConnectError::refused("to tell a table's options", why))?;
    Ok(cell(answer))
}
