//! [`LiveRooms`] on Redis.

use async_trait::async_trait;
use common::{
    event::Event,
    ids::VideoId,
    live_log::{BUCKETS, LiveLogError},
    live_rooms::LiveRooms,
    wire::{self, LoggedEvent},
};
use redis::{Cmd, Pipeline};

use super::{
    RedisStore, keys,
    live_log::by_bucket,
    reply::{self, parse},
    script,
};

/// Videos whose rooms one script call reads.
const ROOMS_PER_CALL: usize = 64;
/// Script calls in one round trip.
const CALLS_PER_TRIP: usize = 64;

#[async_trait]
impl LiveRooms for RedisStore {
    async fn rooms(&self, videos: &[VideoId]) -> Result<Vec<Option<Vec<Event>>>, LiveLogError> {
        let mut rooms = vec![None; videos.len()];
        for trip in by_bucket(videos, ROOMS_PER_CALL).chunks(CALLS_PER_TRIP) {
            let mut commands = Pipeline::with_capacity(trip.len());
            for (bucket, places) in trip {
                commands.add_command(rooms_command(*bucket, places.iter().map(|at| &videos[*at])));
            }
            for ((_, places), answer) in trip.iter().zip(self.link.call(commands).await) {
                let some = answer.and_then(|answer| reply::rooms(answer, places.len()));
                let some = some.map_err(LiveLogError::Unavailable)?;
                places.iter().zip(some).for_each(|(at, room)| rooms[*at] = room);
            }
        }
        Ok(rooms)
    }

    async fn fill(&self, video: &VideoId, events: &[Event]) -> Result<(), LiveLogError> {
        let mut command = script::FILL.call(&keys::log(video));
        command.arg(self.replay_ttl_ms());
        for event in events {
            let Some(slot) = event.slot() else { continue };
            let payload = wire::encode(&LoggedEvent::new(&self.origin, event));
            command.arg(slot.to_string()).arg(event.id.as_bytes()).arg(&payload[..]);
        }
        let answer = self.link.call_one(command).await;
        answer.and_then(parse::<u8>).map(drop).map_err(LiveLogError::Unavailable)
    }

    /// What a server that is away names is wanted again later: gateways ask until they know.
    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        let mut commands = Pipeline::with_capacity(BUCKETS.into());
        let each = limit.div_ceil(BUCKETS.into());
        for bucket in 0..BUCKETS {
            commands.cmd("SPOP").arg(keys::wanted(bucket)).arg(each);
        }
        let mut wanted = Vec::new();
        for answer in self.link.call(commands).await {
            wanted.extend(answer.and_then(reply::videos).map_err(LiveLogError::Unavailable)?);
        }
        Ok(wanted)
    }
}

fn rooms_command<'v>(bucket: u16, videos: impl Iterator<Item = &'v VideoId>) -> Cmd {
    let (mut all, mut names) = (vec![keys::wanted(bucket)], Vec::new());
    for video in videos {
        all.extend([keys::meta(video), keys::room(video)]);
        names.push(video.as_str());
    }
    let mut command = script::ROOMS.call(&all);
    command.arg(&names);
    command
}
