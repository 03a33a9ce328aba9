//! The session with the cluster: how requests are made, bounded and timed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::comment_store::StoreError;
use futures_util::future::try_join_all;
use scylla::{
    client::{
        execution_profile::{ExecutionProfile, ExecutionProfileHandle},
        session::Session,
    },
    deserialize::row::DeserializeRow,
    errors::{DbError, ExecutionError, PrepareError, RequestAttemptError},
    policies::speculative_execution::SimpleSpeculativeExecutionPolicy,
    response::query_result::QueryResult,
    serialize::row::SerializeRow,
    statement::{
        Consistency, SerialConsistency, prepared::PreparedStatement, unprepared::Statement,
    },
};
use tokio::sync::Semaphore;

/// Longest a request may take, with all its tries.
pub(super) const REQUEST_PATIENCE: Duration = Duration::from_secs(2);
/// A read that takes longer is asked of a second node as well; the first answer counts.
const SPECULATE_AFTER: Duration = Duration::from_millis(50);
/// Requests under way at a time. Further ones are refused at once: a cluster that is so far behind
/// does not get faster by more of them, and each holds memory.
const REQUESTS_MAX: usize = 4_096;

/// What all requests share, until a statement says otherwise.
pub(super) fn profile() -> ExecutionProfile {
    ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(REQUEST_PATIENCE))
        .build()
}

/// How a statement may be tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Asked of a second node when the first is slow.
    Read,
    /// Tried on another node when the first fails: writing it twice changes nothing.
    Write,
    /// Tried once; its outcome may be unknown, and only the caller knows what to do then.
    Conditional,
}

/// A prepared statement, and its name in metrics and errors.
pub(super) struct Query {
    name: &'static str,
    prepared: PreparedStatement,
}

/// An open session.
pub(super) struct Link {
    session: Session,
    requests: Semaphore,
    reads: ExecutionProfileHandle,
}

impl Link {
    pub(super) fn new(session: Session) -> Self {
        let profile = session.get_default_execution_profile_handle().pointee_to_builder();
        let reads = profile.speculative_execution_policy(Some(Arc::new(
            SimpleSpeculativeExecutionPolicy {
                max_retry_count: 1,
                retry_interval: SPECULATE_AFTER,
            },
        )));
        let reads = reads.build().into_handle();
        Self { session, requests: Semaphore::new(REQUESTS_MAX), reads }
    }

    /// Prepares statements, in order; each is (its name, how it may be tried, CQL).
    pub(super) async fn prepare<const N: usize>(
        &self,
        statements: [(&'static str, Kind, &str); N],
    ) -> Result<[Query; N], PrepareError> {
        let prepared = try_join_all(statements.map(|(name, kind, cql)| async move {
            let mut prepared = self.session.prepare(Statement::new(cql)).await?;
            prepared.set_is_idempotent(kind != Kind::Conditional);
            if kind == Kind::Read {
                prepared.set_execution_profile_handle(Some(self.reads.clone()));
            }
            Ok::<_, PrepareError>(Query { name, prepared })
        }));
        // As many come back as went in.
        prepared.await?.try_into().map_err(|_| PrepareError::PreparedStatementIdsMismatch)
    }

    /// Runs a statement; the answer comes in one page.
    pub(super) async fn run(
        &self,
        query: &Query,
        values: impl SerializeRow,
    ) -> Result<QueryResult, RequestError> {
        let _turn = self.requests.try_acquire().map_err(|_| RequestError::Crowded)?;
        let began = Instant::now();
        let answer = self.session.execute_unpaged(&query.prepared, values).await;
        metrics::histogram!("chorus_store_request_seconds", "request" => query.name)
            .record(began.elapsed());
        answer.map_err(|why| {
            metrics::counter!("chorus_store_request_errors_total", "request" => query.name)
                .increment(1);
            RequestError::Failed(query.name, Box::new(why))
        })
    }

    /// Runs a statement and reads the rows of its answer.
    pub(super) async fn rows<Row>(
        &self,
        query: &Query,
        values: impl SerializeRow,
    ) -> Result<Vec<Row>, StoreError>
    where
        Row: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let answer = self.run(query, values).await?;
        let unreadable = |why: String| StoreError::Damaged(format!("{}: {why}", query.name));
        let rows = answer.into_rows_result().map_err(|why| unreadable(why.to_string()))?;
        let rows = rows.rows::<Row>().map_err(|why| unreadable(why.to_string()))?;
        rows.collect::<Result<_, _>>().map_err(|why| unreadable(why.to_string()))
    }
}

impl Query {
    /// Bounds the statement by less than [`REQUEST_PATIENCE`].
    pub(super) fn within(mut self, patience: Duration) -> Self {
        self.prepared.set_request_timeout(Some(patience));
        self
    }
}

/// A limit as CQL wants it: 1 at least, so that who wants nothing has to take nothing.
pub(super) fn row_limit(limit: usize) -> i32 {
    i32::try_from(limit.max(1)).unwrap_or(i32::MAX)
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("{REQUESTS_MAX} requests are under way already")]
    Crowded,
    #[error("{0}: {1}")]
    Failed(&'static str, Box<ExecutionError>),
}

impl RequestError {
    /// Whether it was not even sent, since no node of the cluster has a connection.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(self, Self::Failed(_, why) if matches!(
            why.as_ref(),
            ExecutionError::ConnectionPoolError(_) | ExecutionError::EmptyPlan
        ))
    }

    /// Whether the same request would fail the same way: it is the request, not the moment.
    pub(super) fn is_final(&self) -> bool {
        let Self::Failed(_, why) = self else { return false };
        match why.as_ref() {
            ExecutionError::BadQuery(_) | ExecutionError::PrepareError(_) => true,
            ExecutionError::LastAttemptError(RequestAttemptError::DbError(why, _)) => matches!(
                why,
                DbError::SyntaxError
                    | DbError::Invalid
                    | DbError::Unauthorized
                    | DbError::AuthenticationError
                    | DbError::ConfigError
            ),
            _ => false,
        }
    }
}

impl From<RequestError> for StoreError {
    fn from(why: RequestError) -> Self {
        Self::Unavailable(one_line(&why))
    }
}

/// What the driver says, some of which comes in several indented lines.
pub(super) fn one_line(why: &impl std::fmt::Display) -> String {
    why.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
