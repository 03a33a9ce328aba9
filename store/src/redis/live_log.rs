//! [`LiveLog`] on Redis.

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::{
    event::{Event, VideoEvents},
    ids::VideoId,
    live_log::{Appended, Changes, From, LiveLog, LiveLogError, LogPage, bucket_of},
    position::Position,
    wire::{self, LoggedEvent},
};
use redis::{Cmd, Pipeline};

use super::{
    RedisStore, keys,
    link::Answer,
    reply::{self, Servers},
    script,
};

/// Entries that one read asks for at most.
const READ_MAX: usize = 1_000_000;
/// Videos whose heads one script call reads: well under a millisecond.
const HEADS_PER_CALL: usize = 256;
/// Script calls in one round trip for heads, far from the time-out.
const CALLS_PER_TRIP: usize = 64;
/// Logs begun in one round trip.
const BEGUN_PER_TRIP: usize = 2_048;

#[async_trait]
impl LiveLog for RedisStore {
    async fn append(&self, batches: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        let mut commands = Pipeline::with_capacity(batches.len());
        for batch in &batches {
            commands.add_command(self.append_command(batch));
        }
        let appended = |(answer, batch): (Answer, VideoEvents)| {
            let appended = |answer| reply::appended(answer, batch.events, &self.origin);
            answer.map_err(LiveLogError::Unavailable).and_then(appended)
        };
        self.link.call(commands).await.into_iter().zip(batches).map(appended).collect()
    }

    async fn read(
        &self,
        video: &VideoId,
        from: From,
        limit: usize,
    ) -> Result<LogPage, LiveLogError> {
        let answer = self.link.call_one(self.read_command(video, from, limit)).await;
        answer.and_then(reply::page).map_err(LiveLogError::Unavailable)
    }

    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        let mut heads = self.known_heads(videos).await?;
        let unknown: Vec<usize> = (0..videos.len()).filter(|at| heads[*at].is_none()).collect();
        for trip in unknown.chunks(BEGUN_PER_TRIP) {
            self.begun_heads(videos, trip, &mut heads).await?;
        }
        Ok(heads.into_iter().flatten().collect())
    }

    /// The index names the videos, and a second trip asks for the heads of those, if any: noting
    /// heads in the index as well would cost every append, and could tell those of an older run.
    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<Changes, LiveLogError> {
        let (mut each, mut commands) = (redis::pipe(), Pipeline::with_capacity(buckets.len()));
        // TIME comes first: what is appended after it is found by the next look.
        each.cmd("TIME").cmd("INFO").arg("replication");
        for bucket in buckets {
            let index = commands.cmd("ZRANGEBYSCORE").arg(keys::changed(*bucket));
            index.arg(since_ms).arg("+inf");
        }
        let (servers, answers) = self.link.call_each(each, commands).await;
        // Of a cluster some may be away: the others' videos need not wait for them.
        let missing = answers.iter().any(Result::is_err);
        let Servers { run, now_ms } =
            reply::servers(servers, missing).map_err(LiveLogError::Unavailable)?;
        let mut videos = Vec::new();
        for answer in answers.into_iter().flatten() {
            videos.extend(reply::videos(answer).map_err(LiveLogError::Unavailable)?);
        }
        let heads = self.known_heads(&videos).await?;
        let heads = videos.into_iter().zip(heads).filter_map(|(video, head)| Some((video, head?)));
        Ok(Changes { run, now_ms, heads: heads.collect() })
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        self.link.ping().await.map_err(LiveLogError::Unavailable)
    }
}

/// Which of `videos` go into one script call each: some of one bucket, `len_max` at most.
pub(super) fn by_bucket(videos: &[VideoId], len_max: usize) -> Vec<(u16, Vec<usize>)> {
    let mut buckets = BTreeMap::<u16, Vec<usize>>::new();
    for (at, video) in videos.iter().enumerate() {
        buckets.entry(bucket_of(video)).or_default().push(at);
    }
    let calls = |(bucket, places): (&u16, &Vec<usize>)| {
        let calls = places.chunks(len_max).map(|call| (*bucket, call.to_vec()));
        calls.collect::<Vec<_>>()
    };
    buckets.iter().flat_map(calls).collect()
}

impl RedisStore {
    fn append_command(&self, batch: &VideoEvents) -> Cmd {
        let VideoEvents { video, events, until_ms, .. } = batch;
        let mut keys = keys::log(video).to_vec();
        keys.push(keys::subs(video));
        keys.push(keys::changed(bucket_of(video)));
        let mut command = script::APPEND.call(&keys);
        command.arg(self.replay_ttl_ms()).arg(self.retention.replay_max);
        command.arg(1_000 * self.retention.dedup_s).arg(video.as_str());
        command.arg(until_ms.unwrap_or_default());
        for event in events {
            if let Some(id) = event.erases() {
                self.add_event(&mut command, &Event::erased(id), &id.unix_ms().to_string());
            }
            self.add_event(&mut command, event, "");
        }
        command
    }

    /// What the script takes for an event: `erased_ms` if it is what is left of one.
    fn add_event(&self, command: &mut Cmd, event: &Event, erased_ms: &str) {
        let payload = wire::encode(&LoggedEvent::new(&self.origin, event));
        let slot = event.slot().map(|slot| slot.to_string()).unwrap_or_default();
        command.arg(event.id.as_bytes()).arg(&payload[..]).arg(erased_ms).arg(slot);
    }

    fn read_command(&self, video: &VideoId, from: From, limit: usize) -> Cmd {
        let mut command = script::READ.call(&keys::log(video));
        command.arg(self.replay_ttl_ms());
        match from {
            From::Newest => command.arg("").arg(""),
            From::After(Position { epoch, seq }) => command.arg(epoch.0).arg(seq),
        };
        command.arg(limit.min(READ_MAX));
        command
    }

    /// Heads of those videos that have a log of this run of the server.
    async fn known_heads(&self, videos: &[VideoId]) -> Result<Vec<Option<Position>>, LiveLogError> {
        let mut heads = vec![None; videos.len()];
        for trip in by_bucket(videos, HEADS_PER_CALL).chunks(CALLS_PER_TRIP) {
            let mut commands = Pipeline::with_capacity(trip.len());
            for (_, call) in trip {
                let metas: Vec<String> = call.iter().map(|at| keys::meta(&videos[*at])).collect();
                let mut command = script::HEADS.call(&metas);
                command.arg(self.replay_ttl_ms());
                commands.add_command(command);
            }
            for ((_, call), answer) in trip.iter().zip(self.link.call(commands).await) {
                let known = answer.and_then(|answer| reply::heads(answer, call.len()));
                let known = known.map_err(LiveLogError::Unavailable)?;
                call.iter().zip(known).for_each(|(at, head)| heads[*at] = head);
            }
        }
        Ok(heads)
    }

    /// Begins the logs that were missing, and fills in their heads.
    async fn begun_heads(
        &self,
        videos: &[VideoId],
        places: &[usize],
        heads: &mut [Option<Position>],
    ) -> Result<(), LiveLogError> {
        let mut commands = Pipeline::with_capacity(places.len());
        for at in places {
            commands.add_command(self.read_command(&videos[*at], From::Newest, 0));
        }
        for (at, answer) in places.iter().zip(self.link.call(commands).await) {
            heads[*at] =
                Some(answer.and_then(reply::page).map_err(LiveLogError::Unavailable)?.head);
        }
        Ok(())
    }

    pub(super) fn replay_ttl_ms(&self) -> u64 {
        1_000 * self.retention.replay_ttl_s
    }
}
