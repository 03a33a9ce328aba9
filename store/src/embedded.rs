//! The store of comments, rooms and totals on the local disk, inside the process: [`EmbeddedStore`].
//!
//! Tables of the fjall engine (log-structured merge trees behind one journal), written by one
//! thread that commits in groups, with an own checksum per record. The engine drops a damaged part
//! of its journal, and some damaged tables, without a word: so its files are checked before it
//! opens them, and [`repair()`] keeps what is whole of a damaged store.

mod audit;
mod batches;
mod bytes;
mod check;
mod damage;
mod expiry;
mod group_commit;
mod half_made;
mod journal;
mod lock;
mod manifest;
mod open_error;
mod reads;
mod rebuild;
mod record;
mod repair;
mod room_record;
mod rooms;
mod salvage;
mod sections;
mod staging;
mod swap;
mod table_file;
mod tables;
mod totals;
mod totals_record;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Deletion, Page, Pending, StoreError, Stored},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use audit::Audit;
pub use damage::Damage;
use group_commit::GroupCommit;
use journal::{Journal, Write};
pub use open_error::OpenError;
pub use repair::{Report, check, repair};
pub use salvage::Lost;
use tables::Tables;

/// Reads at a time, each on a thread of its own while it may wait for the disk. Further ones queue
/// up, at most [`READ_PATIENCE`] long.
const READS_MAX: usize = 32;
/// Longest wait for a turn to read.
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// Comments and rooms in a directory of the local disk. One process per directory. Every write is on the
/// disk, fsynced, when the call returns; only a settled mark may still be on its way there.
pub struct EmbeddedStore {
    commit: GroupCommit<Journal>,
    tables: Tables,
    reads: Arc<Semaphore>,
    _audit: Audit,
}

impl EmbeddedStore {
    /// Opens the store in `path`, which is made when it isn't there. Blocks while it checks the
    /// journal and reads it again: at most some seconds, after a kill under load.
    ///
    /// # Errors
    /// When another process has it, it can't be made, read or written, or is damaged.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let tables = Tables::open(path)?;
        let journal = Journal::new(tables.clone(), journal::free_bytes_at(path));
        let commit = GroupCommit::start(journal).map_err(|why| OpenError::io(path, why))?;
        let audit = Audit::start(path.to_owned()).map_err(|why| OpenError::io(path, why))?;
        let reads = Arc::new(Semaphore::new(READS_MAX));
        Ok(Self { commit, tables, reads, _audit: audit })
    }

    /// Ends when writing has failed for good (say, an fsync error) or hangs, with the reason.
    /// Nothing is acknowledged from then on, reads go on. The process should exit with an error,
    /// and not drop the store first: that waits for the thread that may hang. (It also ends when
    /// the store is dropped.)
    pub fn failed(&self) -> impl Future<Output = String> + Send + use<> {
        self.commit.failed()
    }

    /// Runs `read` where waiting for the disk holds nobody up.
    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tables) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = timeout(READ_PATIENCE, Arc::clone(&self.reads).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(StoreError::Unavailable(
                "more reads wait than the disk keeps up with".into(),
            ));
        };
        let tables = self.tables.clone();
        let read = spawn_blocking(move || {
            // Held by the thread, not by the caller: who gives up does not make room.
            let _turn = turn;
            read(&tables)
        });
        read.await.unwrap_or_else(|why| Err(StoreError::Unavailable(format!("a read died: {why}"))))
    }
}

#[async_trait]
impl CommentStore for EmbeddedStore {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        let key = record::comment_key(&comment.video, comment.id);
        let value = record::seal(&key, &comment.to_json());
        self.commit.write(Write::Comment { key, value }).await.map(drop)
    }

    async fn get(&self, video: &VideoId, id: CommentId) -> Result<Option<Stored>, StoreError> {
        let key = record::comment_key(video, id);
        self.read(move |tables| reads::stored(tables, &key)).await
    }

    async fn delete(
        &self,
        video: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError> {
        let key = record::comment_key(video, id);
        let value = record::seal(&key, &record::deletion_payload(deletion));
        self.commit.write(Write::Delete { key, value }).await.map(drop)
    }

    async fn list(
        &self,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError> {
        let video = video.clone();
        self.read(move |tables| reads::page(tables, &video, page, limit)).await
    }

    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        let key = record::claim_key(author, key);
        let in_force = self.commit.write(Write::Claim { key, claim }).await?;
        Ok(in_force.unwrap_or(claim))
    }

    async fn claimed(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError> {
        let key = record::claim_key(author, key);
        self.read(move |tables| reads::claim_in_force(tables, &key)).await
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let key = record::pending_key(pending);
        self.commit.write(Write::AddPending { key }).await.map(drop)
    }

    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.read(move |tables| reads::pending(tables, older_than_ms, limit)).await
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        let key = record::pending_key(pending);
        self.read(move |tables| reads::has(&tables.pending, "pending record", &key)).await
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let key = record::pending_key(pending);
        self.commit.write(Write::RemovePending { key }).await.map(drop)
    }

    async fn settle(&self, video: &VideoId, comment: CommentId) -> Result<(), StoreError> {
        let key = record::comment_key(video, comment);
        self.commit.write(Write::Settle { key }).await.map(drop)
    }

    async fn is_settled(&self, video: &VideoId, comment: CommentId) -> Result<bool, StoreError> {
        let key = record::comment_key(video, comment);
        self.read(move |tables| reads::has(&tables.settled, "settled mark", &key)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.commit.write(Write::Nothing).await.map(drop)
    }
}
