//! A process's way to Redis: the live log and the endpoint store, by calls over the simulated
//! network with the time-out that the real client has.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    event::VideoEvents,
    ids::VideoId,
    link::{Endpoint, Incarnation},
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage},
    position::Position,
};
use tokio::time::timeout;

use crate::{
    cluster::Cluster,
    network::{Broken, Node},
    redis::{Redis, now},
};

const TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) struct ToRedis {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) from: Node,
}

impl ToRedis {
    async fn ask<T: Send + 'static>(
        &self,
        label: String,
        work: impl Fn(&Redis) -> T + Send + Sync + 'static,
    ) -> Result<T, String> {
        let redis = self.cluster.redis.clone();
        let serve = self.cluster.at_once(move || work(&redis));
        let call = self.cluster.network.call((self.from, Node::Redis), &label, serve);
        match timeout(TIMEOUT, call).await {
            Ok(answer) => answer.map_err(|Broken| "broken".into()),
            Err(_) => Err("no answer in time".into()),
        }
    }

    async fn endpoints<T: Send + 'static>(
        &self,
        label: String,
        work: impl Fn(&Redis) -> Result<T, EndpointStoreError> + Send + Sync + 'static,
    ) -> Result<T, EndpointStoreError> {
        self.ask(label, work).await.map_err(EndpointStoreError)?
    }
}

#[async_trait]
impl LiveLog for ToRedis {
    async fn append(&self, batches: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        let asked = batches.len();
        let ids: Vec<_> = batches.iter().flat_map(|b| b.events.iter().map(|e| e.id)).collect();
        let work = move |redis: &Redis| redis.append(batches.clone());
        let answers = self.ask(format!("append {ids:?}"), work).await;
        answers.unwrap_or_else(|why| vec![Err(LiveLogError::Unavailable(why)); asked])
    }

    async fn read(
        &self,
        video: &VideoId,
        from: From,
        limit: usize,
    ) -> Result<LogPage, LiveLogError> {
        let (label, video) = (format!("read {video:?} {from:?} {limit}"), video.clone());
        let work = move |redis: &Redis| redis.read(&video, from, limit);
        self.ask(label, work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        let videos = videos.to_vec();
        let work = move |redis: &Redis| redis.heads(&videos);
        self.ask("heads".into(), work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<Changes, LiveLogError> {
        let buckets = buckets.to_vec();
        let work = move |redis: &Redis| redis.changed(&buckets, since_ms);
        self.ask("changed".into(), work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        Ok(())
    }
}

#[async_trait]
impl EndpointStore for ToRedis {
    async fn register(&self, endpoint: &Endpoint, ttl: Duration) -> Result<(), EndpointStoreError> {
        let endpoint = endpoint.clone();
        self.endpoints("register".into(), move |redis| now(redis.memory.register(&endpoint, ttl)))
            .await
    }

    async fn renew(&self, who: &Incarnation, ttl: Duration) -> Result<bool, EndpointStoreError> {
        let who = who.clone();
        self.endpoints("renew".into(), move |redis| now(redis.memory.renew(&who, ttl))).await
    }

    async fn subscribe(
        &self,
        who: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let (who, video) = (who.clone(), video.clone());
        let label = format!("subscribe {video:?}");
        self.endpoints(label, move |redis| now(redis.memory.subscribe(&who, &video))).await
    }

    async fn unsubscribe(
        &self,
        who: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let (who, video) = (who.clone(), video.clone());
        let label = format!("unsubscribe {video:?}");
        self.endpoints(label, move |redis| now(redis.memory.unsubscribe(&who, &video))).await
    }

    async fn subscribers(&self, video: &VideoId) -> Result<Vec<Incarnation>, EndpointStoreError> {
        let video = video.clone();
        self.endpoints("subscribers".into(), move |redis| now(redis.memory.subscribers(&video)))
            .await
    }

    async fn live(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        self.endpoints("live".into(), |redis| now(redis.memory.live())).await
    }

    async fn dead(&self) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.endpoints("dead".into(), |redis| now(redis.memory.dead())).await
    }

    async fn remove(&self, who: &Incarnation) -> Result<(), EndpointStoreError> {
        let who = who.clone();
        self.endpoints(format!("remove {who:?}"), move |redis| now(redis.memory.remove(&who))).await
    }

    async fn ping(&self) -> Result<(), EndpointStoreError> {
        Ok(())
    }
}
