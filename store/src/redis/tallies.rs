//! [`Tallies`] on Redis.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use common::{
    ids::VideoId,
    link::Incarnation,
    live_log::{BUCKETS, LiveLogError, bucket_of},
    tallies::{Tallies, Tally, TallyChanges},
    totals::{Row, Source, Totals},
};
use redis::{Cmd, Pipeline, Value};

use super::{
    RedisStore, keys,
    link::Answer,
    live_log::by_bucket,
    reply::{self, Servers, parse},
    script,
};

/// Videos whose numbers one script call reads.
const TALLIES_PER_CALL: usize = 64;
/// Commands in one round trip, far from the time-out.
const CALLS_PER_TRIP: usize = 512;
/// Leases asked for by one command.
const LEASES_PER_CALL: usize = 256;
/// Begins the field of a source.
const SOURCE: &str = "s:";

#[async_trait]
impl Tallies for RedisStore {
    async fn report(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        let commands = rows.iter().map(|row| report_command(&row.video, false, [row]));
        self.tell(commands.collect()).await
    }

    async fn watched(
        &self,
        by: &Incarnation,
        viewers: &[(VideoId, u64)],
    ) -> Result<(), LiveLogError> {
        let commands = viewers.iter().map(|(video, count)| watched_command(by, video, *count));
        self.tell(commands.collect()).await
    }

    async fn tallies(&self, videos: &[VideoId]) -> Result<Vec<Tally>, LiveLogError> {
        self.read_tallies(videos).await.map_err(LiveLogError::Unavailable)
    }

    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<TallyChanges, LiveLogError> {
        self.read_changed(buckets, since_ms).await.map_err(LiveLogError::Unavailable)
    }

    async fn fill(&self, video: &VideoId, rows: &[Row]) -> Result<(), LiveLogError> {
        self.tell(vec![report_command(video, true, rows)]).await
    }

    /// What a server that is away names is wanted again later: gateways ask until they know.
    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        let mut commands = Pipeline::with_capacity(BUCKETS.into());
        let each = limit.div_ceil(BUCKETS.into());
        for bucket in 0..BUCKETS {
            commands.cmd("SPOP").arg(keys::untallied(bucket)).arg(each);
        }
        let mut wanted = Vec::new();
        for answer in self.link.call(commands).await {
            wanted.extend(answer.and_then(reply::videos).map_err(LiveLogError::Unavailable)?);
        }
        Ok(wanted)
    }

    async fn rows(&self, videos: &[VideoId]) -> Result<Vec<Row>, LiveLogError> {
        let mut rows = Vec::new();
        for trip in videos.chunks(CALLS_PER_TRIP) {
            let mut commands = Pipeline::with_capacity(trip.len());
            for video in trip {
                commands.cmd("HGETALL").arg(keys::tally(video));
            }
            for (video, answer) in trip.iter().zip(self.link.call(commands).await) {
                let of_video = answer.and_then(|answer| rows_of(video, answer));
                rows.extend(of_video.map_err(LiveLogError::Unavailable)?);
            }
        }
        Ok(rows)
    }
}

impl RedisStore {
    /// Commands whose answers say nothing but that they were done. All are tried; one that fails
    /// fails the call.
    async fn tell(&self, commands: Vec<Cmd>) -> Result<(), LiveLogError> {
        let mut told = Ok(());
        for trip in commands.chunks(CALLS_PER_TRIP) {
            let mut pipeline = Pipeline::with_capacity(trip.len());
            for command in trip {
                pipeline.add_command(command.clone());
            }
            let done = |answer: Answer| answer.and_then(parse::<u8>).map(drop);
            let answers = self.link.call(pipeline).await.into_iter().map(done);
            told = answers.fold(told, Result::and);
        }
        told.map_err(LiveLogError::Unavailable)
    }

    /// The index names the videos; a second trip asks for their numbers, if any, and a third whose
    /// leases run.
    async fn read_changed(&self, buckets: &[u16], since_ms: u64) -> Result<TallyChanges, String> {
        let (mut each, mut commands) = (redis::pipe(), Pipeline::with_capacity(buckets.len()));
        // TIME comes first: what changes after it is found by the next look.
        each.cmd("TIME").cmd("INFO").arg("replication");
        for bucket in buckets {
            let index = commands.cmd("ZRANGEBYSCORE").arg(keys::tallied(*bucket));
            index.arg(since_ms).arg("+inf");
        }
        let (servers, answers) = self.link.call_each(each, commands).await;
        let missing = answers.iter().any(Result::is_err);
        let Servers { run, now_ms } = reply::servers(servers, missing)?;
        let mut videos = Vec::new();
        for answer in answers.into_iter().flatten() {
            videos.extend(reply::videos(answer)?);
        }
        let tallies = self.read_tallies(&videos).await?;
        Ok(TallyChanges { run, now_ms, tallies: videos.into_iter().zip(tallies).collect() })
    }

    async fn read_tallies(&self, videos: &[VideoId]) -> Result<Vec<Tally>, String> {
        let mut found = vec![Found::default(); videos.len()];
        for trip in by_bucket(videos, TALLIES_PER_CALL).chunks(CALLS_PER_TRIP) {
            let mut commands = Pipeline::with_capacity(trip.len());
            for (bucket, places) in trip {
                let some = places.iter().map(|at| &videos[*at]);
                commands.add_command(tallies_command(*bucket, some));
            }
            for ((_, places), answer) in trip.iter().zip(self.link.call(commands).await) {
                let some = answer.and_then(|answer| found_in(answer, places.len()))?;
                places.iter().zip(some).for_each(|(at, numbers)| found[*at] = numbers);
            }
        }
        let live = self.live_of(&found).await?;
        Ok(found.into_iter().map(|numbers| numbers.tally(&live)).collect())
    }

    /// Of the gateways that have viewers, those whose leases run.
    async fn live_of(&self, found: &[Found]) -> Result<HashSet<String>, String> {
        let all: HashSet<&String> = found.iter().flat_map(|found| found.viewers.keys()).collect();
        let all: Vec<String> = all.into_iter().cloned().collect();
        let mut live = HashSet::new();
        for some in all.chunks(LEASES_PER_CALL) {
            let mut command = redis::cmd("MGET");
            for name in some {
                command.arg(keys::lease(&reply::incarnation(name.clone())));
            }
            let leases: Vec<Option<String>> = self.link.call_one(command).await.and_then(parse)?;
            let runs = some.iter().zip(leases).filter(|(_, lease)| lease.is_some());
            live.extend(runs.map(|(name, _)| name.clone()));
        }
        Ok(live)
    }
}

/// A video's numbers as they stand in Redis.
#[derive(Debug, Clone, Default)]
struct Found {
    totals: Option<Totals>,
    viewers: BTreeMap<String, u64>,
}

impl Found {
    fn tally(self, live: &HashSet<String>) -> Tally {
        let counted = self.viewers.iter().filter(|(name, _)| live.contains(*name));
        Tally { totals: self.totals, viewers: counted.map(|(_, viewers)| viewers).sum() }
    }
}

/// `tallies.lua`'s answer for `count` videos.
fn found_in(answer: Value, count: usize) -> Result<Vec<Found>, String> {
    let answers: Vec<Value> = parse(answer)?;
    if answers.len() != 2 * count {
        return Err(format!("{} answers for {count} tallies", answers.len()));
    }
    let found = |pair: &[Value]| {
        let sums: Option<String> = parse(pair[0].clone())?;
        let totals = sums.map(|sums| sums.parse::<Totals>()).transpose();
        let viewers = parse(pair[1].clone())?;
        Ok(Found { totals: totals.map_err(|error| error.to_string())?, viewers })
    };
    answers.chunks_exact(2).map(found).collect()
}

/// The rows in a video's tally.
fn rows_of(video: &VideoId, answer: Value) -> Result<Vec<Row>, String> {
    let fields: BTreeMap<String, String> = parse(answer)?;
    let row = |(field, totals): (&String, &String)| {
        let source = field.strip_prefix(SOURCE)?.parse::<Source>();
        let row = source
            .and_then(|source| Ok(Row { video: video.clone(), source, totals: totals.parse()? }));
        Some(row.map_err(|error| error.to_string()))
    };
    fields.iter().filter_map(row).collect()
}

fn report_command<'r>(
    video: &VideoId,
    is_filled: bool,
    rows: impl IntoIterator<Item = &'r Row>,
) -> Cmd {
    let mut command = script::REPORT.call(&[keys::tally(video), keys::tallied(bucket_of(video))]);
    command.arg(video.as_str()).arg(u8::from(is_filled));
    for Row { source, totals, .. } in rows {
        command.arg(source.as_str()).arg(totals.to_string());
    }
    command
}

/// Tells how many viewers of a video a gateway has.
pub(super) fn watched_command(by: &Incarnation, video: &VideoId, count: u64) -> Cmd {
    let keys = [keys::viewers(video), keys::tallied(bucket_of(video))];
    let mut command = script::WATCHED.call(&keys);
    command.arg(video.as_str()).arg(by.0.as_ref()).arg(count);
    command
}

fn tallies_command<'v>(bucket: u16, videos: impl Iterator<Item = &'v VideoId>) -> Cmd {
    let (mut all, mut names) = (vec![keys::untallied(bucket)], Vec::new());
    for video in videos {
        all.extend([keys::tally(video), keys::viewers(video)]);
        names.push(video.as_str());
    }
    let mut command = script::TALLIES.call(&all);
    command.arg(&names);
    command
}
