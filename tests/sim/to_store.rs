//! An ingest's way to the comment store, by calls over the simulated network with a time-out.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    comment::Comment,
    comment_store::{Claim, CommentStore, Deletion, Page, Pending, StoreError, Stored},
    ids::{ActionId, CommentId, IdempotencyKey, UserId, VideoId},
    room_store::{Journal, Note, RoomStore, Slot, SlotKind, SlotName},
};
use tokio::time::timeout;

use crate::{
    cluster::Cluster,
    comments::Comments,
    network::{Broken, Node},
    redis::now,
};

const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct ToStore {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) from: Node,
}

impl ToStore {
    async fn ask<T: Send + 'static>(
        &self,
        label: String,
        work: impl Fn(&Comments) -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let comments = self.cluster.comments.clone();
        let serve = self.cluster.at_once(move || work(&comments));
        let call = self.cluster.network.call((self.from, Node::Store), &label, serve);
        match timeout(TIMEOUT, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Broken)) => Err(StoreError::Unavailable("broken".into())),
            Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
        }
    }
}

#[async_trait]
impl CommentStore for ToStore {
    async fn put(&self, comment: &Comment) -> Result<(), StoreError> {
        let comment = comment.clone();
        self.ask(format!("put {:?}", comment.id), move |store| now(store.put(&comment))).await
    }

    async fn get(&self, video: &VideoId, id: CommentId) -> Result<Option<Stored>, StoreError> {
        let video = video.clone();
        self.ask(format!("get {id:?}"), move |store| now(store.get(&video, id))).await
    }

    async fn delete(
        &self,
        video: &VideoId,
        id: CommentId,
        deletion: &Deletion,
    ) -> Result<(), StoreError> {
        let (video, deletion) = (video.clone(), deletion.clone());
        let label = format!("delete {id:?}");
        self.ask(label, move |store| now(store.delete(&video, id, &deletion))).await
    }

    async fn list(
        &self,
        video: &VideoId,
        page: Page,
        limit: usize,
    ) -> Result<Vec<Comment>, StoreError> {
        let (label, video) = (format!("list {video:?} {page:?} {limit}"), video.clone());
        self.ask(label, move |store| now(store.list(&video, page, limit))).await
    }

    async fn claim(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
        claim: Claim,
    ) -> Result<Claim, StoreError> {
        let (author, key) = (author.clone(), key.clone());
        let label = format!("claim {author:?} {key:?} {:?}", claim.comment);
        self.ask(label, move |store| now(store.claim(&author, &key, claim))).await
    }

    async fn claimed(
        &self,
        author: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<Claim>, StoreError> {
        let (author, key) = (author.clone(), key.clone());
        let label = format!("claimed {author:?} {key:?}");
        self.ask(label, move |store| now(store.claimed(&author, &key))).await
    }

    async fn add_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let (label, pending) = (format!("add {pending:?}"), pending.clone());
        self.ask(label, move |store| now(store.add_pending(&pending))).await
    }

    async fn pending(&self, older_than_ms: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.ask("pending".into(), move |store| now(store.pending(older_than_ms, limit))).await
    }

    async fn is_pending(&self, pending: &Pending) -> Result<bool, StoreError> {
        let (label, pending) = (format!("is {pending:?}"), pending.clone());
        self.ask(label, move |store| now(store.is_pending(&pending))).await
    }

    async fn remove_pending(&self, pending: &Pending) -> Result<(), StoreError> {
        let (label, pending) = (format!("remove {pending:?}"), pending.clone());
        self.ask(label, move |store| now(store.remove_pending(&pending))).await
    }

    async fn settle(&self, video: &VideoId, id: CommentId) -> Result<(), StoreError> {
        let video = video.clone();
        self.ask(format!("settle {id:?}"), move |store| now(store.settle(&video, id))).await
    }

    async fn is_settled(&self, video: &VideoId, id: CommentId) -> Result<bool, StoreError> {
        let video = video.clone();
        self.ask(format!("settled {id:?}"), move |store| now(store.is_settled(&video, id))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl RoomStore for ToStore {
    async fn set(&self, video: &VideoId, slot: &Slot) -> Result<(), StoreError> {
        let (video, slot) = (video.clone(), slot.clone());
        self.ask(format!("set {}", slot.name), move |store| now(store.rooms.set(&video, &slot)))
            .await
    }

    async fn slots(&self, video: &VideoId, names: &[SlotName]) -> Result<Vec<Slot>, StoreError> {
        let (video, names) = (video.clone(), names.to_vec());
        self.ask("slots".into(), move |store| now(store.rooms.slots(&video, &names))).await
    }

    async fn all(
        &self,
        video: &VideoId,
        kind: SlotKind,
        after: Option<&SlotName>,
        limit: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        let (video, after) = (video.clone(), after.cloned());
        let work =
            move |store: &Comments| now(store.rooms.all(&video, kind, after.as_ref(), limit));
        self.ask("all slots".into(), work).await
    }

    async fn note(&self, video: &VideoId, journal: Journal, note: &Note) -> Result<(), StoreError> {
        let (video, note) = (video.clone(), note.clone());
        let label = format!("note {:?}", note.id);
        self.ask(label, move |store| now(store.rooms.note(&video, journal, &note))).await
    }

    async fn notes(
        &self,
        video: &VideoId,
        journal: Journal,
        before: Option<ActionId>,
        limit: usize,
    ) -> Result<Vec<Note>, StoreError> {
        let video = video.clone();
        let work = move |store: &Comments| now(store.rooms.notes(&video, journal, before, limit));
        self.ask("notes".into(), work).await
    }

    async fn note_of(
        &self,
        video: &VideoId,
        journal: Journal,
        id: ActionId,
    ) -> Result<Option<Note>, StoreError> {
        let video = video.clone();
        let work = move |store: &Comments| now(store.rooms.note_of(&video, journal, id));
        self.ask(format!("note {id:?}"), work).await
    }
}
