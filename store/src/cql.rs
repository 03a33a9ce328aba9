//! The store of comments, rooms and totals on ScyllaDB or Apache Cassandra, over CQL: [`CqlStore`].
//!
//! All is written and read at LOCAL_QUORUM: with three replicas one may be dead. Every plain
//! statement is idempotent, so the driver tries another node when one fails; where two writes meet,
//! their timestamps, made of ids, say which stays. Only the claims are lightweight transactions, on
//! a table of their own.

mod bucket;
mod claims;
mod comments;
mod connect;
mod link;
mod notes;
mod options;
mod pages;
mod pending;
mod rooms;
mod row;
mod schema;
mod settled;
mod slots;
mod stamp;
mod tables;
mod totals;

use std::time::Duration;

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Deletion, Page, Pending, StoreError, Stored},
    config::Store,
    counter_store::CounterStore,
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
    totals::Row,
};
use scylla::errors::PrepareError;
use tokio::time::timeout;

use claims::Claims;
use comments::Comments;
pub use connect::ConnectError;
use link::{Kind, Link, Query, REQUEST_PATIENCE};
use notes::Notes;
use pending::PendingRecords;
pub use schema::Migrated;
use settled::SettledMarks;
use slots::Slots;
use totals::TotalRows;

/// Longest that a page may take, which is several requests one after the other.
const LIST_PATIENCE: Duration = Duration::from_secs(2 * REQUEST_PATIENCE.as_secs());
/// Longest wait for a sign of life.
const PING_PATIENCE: Duration = Duration::from_millis(500);

/// Comments and rooms in a CQL keyspace that [`migrate`] has made.
pub struct CqlStore {
    link: Link,
    comments: Comments,
    claims: Claims,
    pending: PendingRecords,
    settled: SettledMarks,
    slots: Slots,
    notes: Notes,
    totals: TotalRows,
    ping: Query,
}

/// Creates or upgrades the keyspace and its tables. Safe to run again, and at the same time.
///
/// # Errors
/// When the cluster can't be reached within about 5 s or refuses.
pub async fn migrate(config: &Store) -> Result<Migrated, ConnectError> {
    let session = connect::connect(config).await?;
    schema::migrate(&session, config).await
}

impl CqlStore {
    /// Connects to the cluster that `config` names.
    ///
    /// # Errors
    /// When the cluster can't be reached within about 5 s, or the keyspace isn't migrated.
    pub async fn connect(config: &Store) -> Result<Self, ConnectError> {
        let session = connect::connect(config).await?;
        schema::check(&session, config).await?;
        let store = Self::prepare(Link::new(session)).await;
        store.map_err(|why| ConnectError::refused("to prepare the statements", why))
    }

    async fn prepare(link: Link) -> Result<Self, PrepareError> {
        let comments = Comments::prepare(&link).await?;
        let claims = Claims::prepare(&link).await?;
        let pending = PendingRecords::prepare(&link).await?;
        let settled = SettledMarks::prepare(&link).await?;
        let (slots, notes) = (Slots::prepare(&link).await?, Notes::prepare(&link).await?);
        let totals = TotalRows::prepare(&link).await?;
        let ping = "SELECT key FROM system.local WHERE key = 'local'";
        let [ping] = link.prepare([("ping", Kind::Read, ping)]).await?;
        let ping = ping.within(PING_PATIENCE);
        Ok(Self { link, comments, claims, pending, settled, slots, notes, totals, ping })
    }
}

#[async_trait]
impl CommentStore for CqlStore {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        self.comments.put(&self.link, comment).await
    }

    async fn get(&self, video: &VideoId, id: CommentId) -> Result<Option<Stored>, StoreError> {
        self.comments.get(&self.link, video, id).await
    }

    async fn delete(
        &self,
        video: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError> {
        self.comments.delete(&self.link, video, id, deletion).await
    }

    async fn list(
        &self,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError> {
        let list = self.comments.list(&self.link, video, page, limit);
        let late = |_| StoreError::Unavailable("list: the page took too long".into());
        timeout(LIST_PATIENCE, list).await.map_err(late)?
    }

    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        self.claims.claim(&self.link, author, key, claim).await
    }

    async fn claimed(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError> {
        self.claims.find(&self.link, author, key).await
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.pending.add(&self.link, pending).await
    }

    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.pending.older_than(&self.link, older_than_ms, limit).await
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        self.pending.has(&self.link, pending).await
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        self.pending.remove(&self.link, pending).await
    }

    async fn settle(&self, video: &VideoId, comment: CommentId) -> Result<(), StoreError> {
        self.settled.add(&self.link, video, comment).await
    }

    async fn is_settled(&self, video: &VideoId, comment: CommentId) -> Result<bool, StoreError> {
        self.settled.has(&self.link, video, comment).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.link.run(&self.ping, ()).await?;
        Ok(())
    }
}

#[async_trait]
impl CounterStore for CqlStore {
    async fn keep(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.totals.keep(&self.link, rows).await
    }

    async fn rows(&self, video: &VideoId) -> Result<Vec<Row>, StoreError> {
        self.totals.of(&self.link, video).await
    }
}
