//! [`EndpointStore`] on Redis.

use std::time::Duration;

use async_trait::async_trait;
use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    ids::VideoId,
    link::{Endpoint, Incarnation},
};
use redis::{FromRedisValue, Pipeline};

use super::{RedisStore, keys, link::Answer, reply, script, tallies::watched_command};

/// Videos that a removal goes through in one round trip.
const REMOVED_PER_TRIP: usize = 512;

#[async_trait]
impl EndpointStore for RedisStore {
    async fn register(&self, endpoint: &Endpoint, ttl: Duration) -> Result<(), EndpointStoreError> {
        let Endpoint { incarnation, address } = endpoint;
        let mut command =
            script::REGISTER.call(&[keys::lease(incarnation), keys::GATEWAYS.to_owned()]);
        command.arg(address).arg(ms(ttl)).arg(incarnation.0.as_ref());
        let answer = self.link.call_one(command).await;
        answer.and_then(reply::parse).map_err(EndpointStoreError)
    }

    async fn renew(
        &self,
        incarnation: &Incarnation,
        ttl: Duration,
    ) -> Result<bool, EndpointStoreError> {
        let mut command = script::RENEW.call(&[keys::lease(incarnation)]);
        command.arg(ms(ttl));
        let answer = self.link.call_one(command).await;
        answer.and_then(reply::parse).map_err(EndpointStoreError)
    }

    async fn subscribe(
        &self,
        incarnation: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let mut commands = redis::pipe();
        // The gateway's own set first: a crash in between leaves nothing that can't be found.
        let mut noted =
            script::SUBSCRIBE.call(&[keys::lease(incarnation), keys::videos(incarnation)]);
        noted.arg(video.as_str());
        commands.add_command(noted);
        commands.cmd("SADD").arg(keys::subs(video)).arg(incarnation.0.as_ref());
        let [noted, added] = self.answers::<bool, 2>(commands).await?;
        if matches!(noted, Ok(true)) {
            return added.map(|_| ());
        }
        self.unsubscribe(incarnation, video).await?;
        noted.and(Err(crate::lease_gone(incarnation)))
    }

    async fn unsubscribe(
        &self,
        incarnation: &Incarnation,
        video: &VideoId,
    ) -> Result<(), EndpointStoreError> {
        let mut commands = redis::pipe();
        commands.cmd("SREM").arg(keys::subs(video)).arg(incarnation.0.as_ref());
        // The gateway's own set last: what is still in it can be found and removed.
        commands.cmd("SREM").arg(keys::videos(incarnation)).arg(video.as_str());
        all_done(self.link.call_in_turn(commands).await)
    }

    async fn subscribers(&self, video: &VideoId) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.members(keys::subs(video)).await
    }

    async fn live(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        let leases = self.leases().await?.into_iter();
        let live = |(incarnation, address): (_, Option<String>)| {
            address.map(|address| Endpoint { incarnation, address })
        };
        Ok(leases.filter_map(live).collect())
    }

    async fn dead(&self) -> Result<Vec<Incarnation>, EndpointStoreError> {
        let leases = self.leases().await?.into_iter();
        Ok(leases.filter(|(_, address)| address.is_none()).map(|(name, _)| name).collect())
    }

    /// Without its lease an incarnation can't subscribe, so the set that is gone through here
    /// only shrinks. Whoever stops halfway leaves it registered: the next one begins again.
    async fn remove(&self, incarnation: &Incarnation) -> Result<(), EndpointStoreError> {
        let mut commands = redis::pipe();
        commands.cmd("DEL").arg(keys::lease(incarnation));
        all_done(self.link.call(commands).await)?;
        let mut cursor = 0;
        loop {
            let videos;
            (cursor, videos) = self.scan_videos(incarnation, cursor).await?;
            self.remove_from(incarnation, &videos).await?;
            if cursor == 0 {
                break;
            }
        }
        let mut commands = redis::pipe();
        commands.cmd("UNLINK").arg(keys::videos(incarnation));
        commands.cmd("SREM").arg(keys::GATEWAYS).arg(incarnation.0.as_ref());
        all_done(self.link.call(commands).await)
    }

    async fn ping(&self) -> Result<(), EndpointStoreError> {
        self.link.ping().await.map_err(EndpointStoreError)
    }
}

impl RedisStore {
    async fn scan_videos(
        &self,
        incarnation: &Incarnation,
        cursor: u64,
    ) -> Result<(u64, Vec<VideoId>), EndpointStoreError> {
        let mut command = redis::cmd("SSCAN");
        command.arg(keys::videos(incarnation)).arg(cursor).arg("COUNT").arg(REMOVED_PER_TRIP);
        let answer = self.link.call_one(command).await;
        let (cursor, videos) = answer.and_then(reply::parse).map_err(EndpointStoreError)?;
        Ok((cursor, reply::videos(videos).map_err(EndpointStoreError)?))
    }

    async fn remove_from(
        &self,
        incarnation: &Incarnation,
        videos: &[VideoId],
    ) -> Result<(), EndpointStoreError> {
        let mut commands = Pipeline::with_capacity(2 * videos.len());
        for video in videos {
            commands.cmd("SREM").arg(keys::subs(video)).arg(incarnation.0.as_ref());
            commands.add_command(watched_command(incarnation, video, 0));
        }
        all_done(self.link.call(commands).await)
    }

    /// Every registered incarnation, with its address while its lease runs.
    async fn leases(&self) -> Result<Vec<(Incarnation, Option<String>)>, EndpointStoreError> {
        let incarnations = self.members(keys::GATEWAYS.to_owned()).await?;
        if incarnations.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("MGET");
        for incarnation in &incarnations {
            command.arg(keys::lease(incarnation));
        }
        let answer = self.link.call_one(command).await;
        let leases: Vec<Option<String>> =
            answer.and_then(reply::parse).map_err(EndpointStoreError)?;
        let address = |lease: Option<String>| Some(lease?.split_once(' ')?.1.to_owned());
        Ok(incarnations.into_iter().zip(leases.into_iter().map(address)).collect())
    }

    async fn members(&self, set: String) -> Result<Vec<Incarnation>, EndpointStoreError> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(set);
        let answer = self.link.call_one(command).await;
        let names: Vec<String> = answer.and_then(reply::parse).map_err(EndpointStoreError)?;
        Ok(names.into_iter().map(reply::incarnation).collect())
    }

    /// `N` commands, one after the other, and their answers.
    async fn answers<T: FromRedisValue, const N: usize>(
        &self,
        commands: Pipeline,
    ) -> Result<[Result<T, EndpointStoreError>; N], EndpointStoreError> {
        let answers = self.link.call_in_turn(commands).await.into_iter();
        let parse =
            |answer: Answer| answer.map(|answer| reply::parse(answer).map_err(EndpointStoreError));
        let answers: Vec<_> =
            answers.map(parse).collect::<Result<_, _>>().map_err(EndpointStoreError)?;
        answers.try_into().map_err(|_| EndpointStoreError("an answer is missing".to_owned()))
    }
}

/// For commands whose answers say nothing but that they were done.
fn all_done(answers: Vec<Answer>) -> Result<(), EndpointStoreError> {
    let done = |answer: Answer| answer.and_then(reply::parse).map_err(EndpointStoreError);
    answers.into_iter().try_for_each(done)
}

fn ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}
