//! [`Tallies`] on Redis.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use common::{
    ids::VideoId,
    link::Incarnation,
    live_log::{BUCKETS, LiveLogError, bucket_of},
    tallies::{Tallies, Tally, TallyChanges},
    totals::{Row, Totals},
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
/// Rows of one script call: others wait for it.
const ROWS_PER_CALL: usize = 500;

/// What rows are, as `report.lua` is told.
#[derive(Debug, Clone, Copy)]
enum Rows {
    /// Some, of sources that keep them.
    Told,
    /// Some that others are to keep.
    Unkept,
    /// The last of all that there are.
    Filled,
}

#[async_trait]
impl Tallies for RedisStore {
    async fn report(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        self.tell(rows.iter().map(|row| report_command(&row.video, Rows::Told, [row]))).await
    }

    async fn hand_over(&self, rows: &[Row]) -> Result<(), LiveLogError> {
        self.tell(rows.iter().map(|row| report_command(&row.video, Rows::Unkept, [row]))).await
    }

    /// What a server has given out and did not arrive is handed over again with the next of that
    /// source.
    async fn unkept(&self, limit: usize) -> Result<Vec<Row>, LiveLogError> {
        let each = limit.div_ceil(BUCKETS.into());
        let command = |bucket| {
            let mut command = script::UNKEPT.call(&[keys::unkept(bucket)]);
            command.arg(each);
            command
        };
        self.of_each_bucket(command, rows_in).await
    }

    async fn watched(
        &self,
        by: &Incarnation,
        viewers: &[(VideoId, u64)],
    ) -> Result<(), LiveLogError> {
        self.tell(viewers.iter().map(|(video, count)| watched_command(by, video, *count))).await
    }

    async fn tallies(&self, videos: &[VideoId]) -> Result<Vec<Tally>, LiveLogError> {
        self.read_tallies(videos).await.map_err(LiveLogError::Unavailable)
    }

    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<TallyChanges, LiveLogError> {
        self.read_changed(buckets, since_ms).await.map_err(LiveLogError::Unavailable)
    }

    /// It counts as filled once the last of them is there. A run of the server that ends halfway is
    /// another one then, in which the first are missing until the next fill.
    async fn fill(&self, video: &VideoId, rows: &[Row]) -> Result<(), LiveLogError> {
        let last = rows.len().saturating_sub(1) / ROWS_PER_CALL * ROWS_PER_CALL;
        let (first, last) = rows.split_at(last);
        let some = first.chunks(ROWS_PER_CALL);
        self.tell(some.map(|rows| report_command(video, Rows::Told, rows))).await?;
        self.tell([report_command(video, Rows::Filled, last)].into_iter()).await
    }

    /// What a server that is away names is wanted again later: gateways ask until they know.
    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError> {
        let each = limit.div_ceil(BUCKETS.into());
        let command = |bucket| {
            let mut command = redis::cmd("SPOP");
            command.arg(keys::untallied(bucket)).arg(each);
            command
        };
        self.of_each_bucket(command, reply::videos).await
    }
}

impl RedisStore {
    /// Commands whose answers say nothing but that they were done. All are tried; one that fails
    /// fails the call.
    async fn tell(
        &self,
        mut commands: impl Iterator<Item = Cmd> + Send,
    ) -> Result<(), LiveLogError> {
        let mut told = Ok(());
        loop {
            let mut trip = Pipeline::with_capacity(CALLS_PER_TRIP);
            for command in commands.by_ref().take(CALLS_PER_TRIP) {
                trip.add_command(command);
            }
            if trip.is_empty() {
                return told.map_err(LiveLogError::Unavailable);
            }
            let done = |answer: Answer| answer.and_then(parse::<u8>).map(drop);
            let answers = self.link.call(trip).await.into_iter().map(done);
            told = answers.fold(told, Result::and);
        }
    }

    /// Takes something from every bucket. It is theirs no longer, so what some of them gave is not
    /// dropped because others could not be asked; when none could, the call fails.
    async fn of_each_bucket<T>(
        &self,
        command: impl Fn(u16) -> Cmd + Send,
        read: impl Fn(Value) -> Result<Vec<T>, String> + Send,
    ) -> Result<Vec<T>, LiveLogError> {
        let mut commands = Pipeline::with_capacity(BUCKETS.into());
        for bucket in 0..BUCKETS {
            commands.add_command(command(bucket));
        }
        let answers = self.link.call(commands).await.into_iter();
        all_or_some(answers.map(|answer| answer.and_then(&read)))
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

/// `unkept.lua`'s answer.
fn rows_in(answer: Value) -> Result<Vec<Row>, String> {
    let fields: Vec<String> = parse(answer)?;
    let row = |pair: &[String]| {
        let (video, source) = pair[0].split_once(' ')?;
        let (video, source) = (video.parse().ok()?, source.parse().ok()?);
        Some(Row { video, source, totals: pair[1].parse().ok()? })
    };
    Ok(fields.chunks_exact(2).filter_map(row).collect())
}

/// What those gave that could be asked, if any could.
fn all_or_some<T>(
    given: impl Iterator<Item = Result<Vec<T>, String>>,
) -> Result<Vec<T>, LiveLogError> {
    let (mut all, mut failed, mut is_any) = (Vec::new(), None, false);
    for given in given {
        match given {
            Ok(some) => {
                is_any = true;
                all.extend(some);
            }
            Err(why) => failed = Some(why),
        }
    }
    failed.filter(|_| !is_any).map_or(Ok(all), |why| Err(LiveLogError::Unavailable(why)))
}

fn report_command<'r>(video: &VideoId, what: Rows, rows: impl IntoIterator<Item = &'r Row>) -> Cmd {
    let bucket = bucket_of(video);
    let keys = [keys::tally(video), keys::tallied(bucket), keys::unkept(bucket)];
    let mut command = script::REPORT.call(&keys);
    command.arg(video.as_str()).arg(match what {
        Rows::Told => "told",
        Rows::Unkept => "unkept",
        Rows::Filled => "filled",
    });
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
