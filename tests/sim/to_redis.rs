//! A process's way to Redis: the live log and the endpoint store, by calls over the simulated
//! network with the time-out that the real client has.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    event::{Event, VideoEvents},
    ids::VideoId,
    link::{Endpoint, Incarnation},
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage},
    live_rooms::LiveRooms,
    position::Position,
};
use store::memory::MemoryStore;
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
        let (redis, asked) = (self.cluster.redis.clone(), self.cluster.redis.clone());
        let answer = self.cluster.at_once(move || work(&asked));
        let serve = move || if redis.is_down() { None } else { answer() };
        let call = self.cluster.network.call((self.from, Node::Redis), &label, serve);
        match timeout(TIMEOUT, call).await {
            Ok(answer) => answer.map_err(|Broken| "broken".into()),
            Err(_) => Err("no answer in time".into()),
        }
    }

    async fn endpoints<T: Send + 'static>(
        &self,
        label: String,
        work: impl Fn(&MemoryStore) -> Result<T, EndpointStoreError> + Send + Sync + 'static,
    ) -> Result<T, EndpointStoreError> {
        let from = self.from;
        let work = move |redis: &Redis| work(&redis.of(from));
        self.ask(label, work).await.map_err(EndpointStoreError)?
    }
}

#[async_trait]
impl LiveLog for ToRedis {
    async fn append(&self, batches: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        let asked = batches.len();
        let from = self.from;
        let ids: Vec<_> = batches.iter().flat_map(|b| b.events.iter().map(|e| e.id)).collect();
        let work = move |redis: &Redis| redis.append(from, batches.clone());
        let answers = self.ask(format!("append {ids:?}"), work).await;
        answers.unwrap_or_else(|why| vec![Err(LiveLogError::Unavailable(why)); asked])
    }

    async fn read(
        &self,
        video: &VideoId,
        from: From,
        limit: usize,
    ) -> Result<LogPage, LiveLogError> {
        let node = self.from;
        let (label, video) = (format!("read {video:?} {from:?} {limit}"), video.clone());
        let work = move |redis: &Redis| redis.read(node, &video, from, limit);
        self.ask(label, work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        let (from, videos) = (self.from, videos.to_vec());
        let work = move |redis: &Redis| redis.heads(from, &videos);
        self.ask("heads".into(), work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<Changes, LiveLogError> {
        let (from, buckets) = (self.from, buckets.to_vec());
        let work = move |redis: &Redis| redis.changed(from, &buckets, since_ms);
        self.ask("changed".into(), work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        Ok(())
    }
}

#[async_trait]
impl LiveRooms for ToRedis {
    async fn rooms(&self, videos: &[VideoId]) -> Result<Vec<Option<Vec<Event>>>, LiveLogError> {
        let (from, videos) = (self.from, videos.to_vec());
        let work = move |redis: &Redis| redis.rooms(from, &videos);
        self.ask("rooms".into(), work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn fill(&self, video: &VideoId, events: &[Event]) -> Result<(), LiveLogError> {
        let (from, video, events) = (self.from, video.clone(), events.to_vec());
        let work = move |redis: &Redis| redis.fill(from, &video, &events);
        self.ask("fill".into(), work).await.map_err(LiveLogError::Unavailable)?
    }

    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        let from = self.from;
        let work = move |redis: &Redis| redis.wanted(from, limit);
        self.ask("wanted".into(), work).await.map_err(LiveLogError::Unavailable)?
    }
}

#[async_trait]
impl EndpointStore for ToRedis {
    async fn register(&self, endpoint: &Endpoint, ttl: Duration) -> Result<(), EndpointStoreError> {
        let endpoint = endpoint.clone();
        self.endpoints("register".into(), move |server| now(server.register(&endpoint, ttl))).await
    }

    async fn renew(&self, who: &Incarnation, ttl: Duration) -> Result<bool, EndpointStoreError> {
        let who = who.clone();
        let from = self.from;
        let work = move |redis: &Redis| redis.renew(from, &who, ttl);
        self.ask("renew".into(), work).await.map_err(EndpointStoreError)
    }

    async fn subscribe(
        &self,
        who: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let (who, video) = (who.clone(), video.clone());
        let label = format!("subscribe {video:?}");
        self.endpoints(label, move |server| now(server.subscribe(&who, &video))).await
    }

    async fn unsubscribe(
        &self,
        who: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let (who, video) = (who.clone(), video.clone());
        let label = format!("unsubscribe {video:?}");
        self.endpoints(label, move |server| now(server.unsubscribe(&who, &video))).await
    }

    async fn subscribers(&self, video: &VideoId) -> Result<Vec<Incarnation>, EndpointStoreError> {
        let video = video.clone();
        self.endpoints("subscribers".into(), move |server| now(server.subscribers(&video))).await
    }

    async fn live(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        self.endpoints("live".into(), |server| now(server.live())).await
    }

    async fn dead(&self) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.endpoints("dead".into(), |server| now(server.dead())).await
    }

    async fn remove(&self, who: &Incarnation) -> Result<(), EndpointStoreError> {
        let who = who.clone();
        self.endpoints(format!("remove {who:?}"), move |server| now(server.remove(&who))).await
    }

    async fn ping(&self) -> Result<(), EndpointStoreError> {
        Ok(())
    }
}
