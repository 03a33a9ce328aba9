//! What goes wrong in a run: drawn from its seed.

use std::{sync::Arc, time::Duration};

use common::live_log::Retention;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    cluster::Cluster,
    dice::Dice,
    network::{Node, Weather},
    redis::Snapshot,
};

/// Wall clocks go wrong by as much as ingest allows for.
pub(crate) const SKEW_MS_MAX: u64 = 5_000;
/// Within which everybody notices that a master was replaced.
pub(crate) const FOLLOWED_MS: u64 = 3_000;

const DISPATCHERS: [Node; 2] = [Node::Dispatcher(0), Node::Dispatcher(1)];

/// A run's faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    /// Whatever the seed brings, viewers' own networks included, but Redis is always there.
    Any,
    /// The same, and Redis is cut off, goes down, forgets, is rolled back and fails over.
    AnyRedis,
    /// Redis answers nobody for six seconds, or refuses everybody.
    RedisAway,
    /// Redis is killed, and comes back empty two seconds later.
    RedisLost,
    /// The same, but it comes back with what it knew three seconds before it was killed.
    RedisRolledBack,
    /// Another server becomes master. Half of the processes go on with the old one for three seconds.
    RedisFailedOver,
    /// No push arrives at any gateway, all the time.
    PushesLost,
    /// One process is killed, and started again five seconds later.
    OneKill,
    /// A dispatcher is stopped for five seconds.
    OneStop,
    /// Redis forgets, once, which gateways have viewers.
    SubscriptionsLost,
    /// No ingest reaches a dispatcher, for longer than comments may be announced late.
    LongOutage,
    /// A dispatcher is stopped for longer than the live log knows what it has.
    LongStop,
}

impl Faults {
    /// Whether Redis is there all the time, for everybody: then nothing is shown without a place, and
    /// nobody is reset.
    pub(crate) fn spare_redis(self) -> bool {
        let redis = [
            Self::AnyRedis,
            Self::RedisAway,
            Self::RedisLost,
            Self::RedisRolledBack,
            Self::RedisFailedOver,
        ];
        !redis.contains(&self)
    }

    /// The network's weather for the whole run.
    pub(crate) fn weather(self, dice: &mut Dice) -> Weather {
        match self {
            Self::Any | Self::AnyRedis => Weather {
                redis_is_near: self == Self::Any,
                latency_ms: dice.pick(&[(1, 1), (1, 5), (1, 40)]),
                late: dice.pick(&[0, 10, 100]),
                lost: dice.pick(&[0, 0, 5, 30, 100]),
                doubled: dice.pick(&[0, 20, 200]),
                ..Weather::fair()
            },
            Self::PushesLost => {
                let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
                let cut = pairs.map(|(from, to)| (Node::Dispatcher(from), Node::Gateway(to)));
                Weather { cut: cut.into(), ..Weather::fair() }
            }
            Self::RedisAway
            | Self::RedisLost
            | Self::RedisRolledBack
            | Self::RedisFailedOver
            | Self::OneKill
            | Self::OneStop
            | Self::SubscriptionsLost
            | Self::LongOutage
            | Self::LongStop => Weather::fair(),
        }
    }

    /// A live log that keeps everything for the run, or much less.
    pub(crate) fn retention(self, dice: &mut Dice) -> Retention {
        let is_any = matches!(self, Self::Any | Self::AnyRedis);
        let replay_max = if is_any { dice.pick(&[20_000, 20_000, 40]) } else { 20_000 };
        let dedup_s = match self {
            Self::LongOutage => 15,
            Self::LongStop => 8,
            _ => 120,
        };
        Retention { replay_max, replay_ttl_s: 600, dedup_s }
    }

    /// Has them happen.
    pub(crate) async fn happen(self, cluster: Arc<Cluster>, mut dice: Dice, calm: Instant) {
        match self {
            Self::Any => return rage(cluster, dice, calm, false).await,
            Self::AnyRedis => return rage(cluster, dice, calm, true).await,
            _ => {}
        }
        sleep(Duration::from_millis(dice.within(11_000..14_000))).await;
        let ends = Instant::now() + Duration::from_secs(5);
        match self {
            Self::Any | Self::AnyRedis | Self::PushesLost => {}
            Self::OneKill => down(&cluster, dice.pick(&Cluster::nodes()), ends, Cluster::kill),
            Self::OneStop => stopped(&cluster, dice.pick(&DISPATCHERS), ends),
            Self::LongStop => {
                stopped(&cluster, dice.pick(&DISPATCHERS), ends + Duration::from_secs(13));
            }
            Self::SubscriptionsLost => cluster.redis.forget_subscriptions(),
            Self::LongOutage => {
                let ways = DISPATCHERS
                    .iter()
                    .flat_map(|to| [(Node::Ingest(0), *to), (Node::Ingest(1), *to)]);
                cut(&cluster, ways.collect(), ends + Duration::from_secs(12));
            }
            Self::RedisAway => redis_away(&cluster, &mut dice, ends + Duration::from_secs(1)),
            Self::RedisLost => redis_lost(&cluster, None).await,
            Self::RedisRolledBack => {
                let snapshot = cluster.redis.snapshot();
                sleep(Duration::from_secs(3)).await;
                redis_lost(&cluster, Some(snapshot)).await;
            }
            Self::RedisFailedOver => failed_over(&cluster, &mut dice),
        }
    }
}

/// Kills, stops, cuts and skews until `calm`, then mends everything.
async fn rage(cluster: Arc<Cluster>, mut dice: Dice, calm: Instant, with_redis: bool) {
    let gap_ms = dice.pick(&[500, 1_500, 4_000]);
    // What a log that is lost took last is known to the ingest that had it appended, and to nobody
    // else: the two are not lost together.
    let loses_logs = with_redis && dice.within(0..2) == 0;
    loop {
        sleep(Duration::from_millis(dice.within(100..gap_ms))).await;
        if Instant::now() >= calm {
            break;
        }
        let lasts = Duration::from_millis(dice.pick(&[100, 500, 2_000, 6_000, 11_000]));
        let ends = (Instant::now() + lasts).min(calm);
        let node = dice.pick(&Cluster::nodes());
        if with_redis && dice.within(0..4) == 0 {
            match dice.within(0..4) {
                _ if !loses_logs => redis_away(&cluster, &mut dice, ends),
                0 => redis_away(&cluster, &mut dice, ends),
                1 => redis_lost(&cluster, None).await,
                2 => redis_lost(&cluster, Some(cluster.redis.snapshot())).await,
                _ => failed_over(&cluster, &mut dice),
            }
            continue;
        }
        let is_keeper = loses_logs && matches!(node, Node::Ingest(_));
        match dice.within(0..10) {
            0..4 if is_keeper => stopped(&cluster, node, ends),
            0..3 => down(&cluster, node, ends, Cluster::kill),
            3 => down(&cluster, node, ends, Cluster::terminate),
            4..6 => stopped(&cluster, node, ends),
            6..9 => cut(&cluster, ways(node, &mut dice, with_redis), ends),
            _ => skewed(&cluster, node, &mut dice),
        }
    }
    mend(&cluster);
}

/// What one fault does, and when it is undone. A node may be hit while it is down already.
fn later(cluster: &Arc<Cluster>, at: Instant, undo: impl FnOnce(&Arc<Cluster>) + Send + 'static) {
    let cluster = cluster.clone();
    common::task::spawn("undo", async move {
        sleep_until(at).await;
        undo(&cluster);
    });
}

fn down(cluster: &Arc<Cluster>, node: Node, ends: Instant, how: impl FnOnce(&Cluster, Node)) {
    how(cluster, node);
    later(cluster, ends, move |cluster| cluster.start(node));
}

fn stopped(cluster: &Arc<Cluster>, node: Node, ends: Instant) {
    let Some(process) = cluster.process(node) else { return };
    if matches!(node, Node::Gateway(_)) {
        let until_ms =
            cluster.now_ms() + u64::try_from((ends - Instant::now()).as_millis()).unwrap();
        cluster.freezes(node, until_ms);
    }
    process.stop(true);
    later(cluster, ends, move |_| process.stop(false));
}

fn cut(cluster: &Arc<Cluster>, ways: Vec<(Node, Node)>, ends: Instant) {
    let mended = ways.clone();
    cluster.network.change(|weather| weather.cut.extend(ways));
    later(cluster, ends, move |cluster| {
        cluster.network.change(|weather| weather.cut.retain(|way| !mended.contains(way)));
    });
}

/// A way to somebody that `node` calls, the way back, or both.
fn ways(node: Node, dice: &mut Dice, with_redis: bool) -> Vec<(Node, Node)> {
    let mut others: Vec<Node> = match node {
        Node::Ingest(_) => vec![Node::Dispatcher(0), Node::Dispatcher(1), Node::Store],
        Node::Dispatcher(_) => vec![Node::Gateway(0), Node::Gateway(1)],
        _ => DISPATCHERS.to_vec(),
    };
    if with_redis {
        others.push(Node::Redis);
    }
    let other = dice.pick(&others);
    match dice.within(0..3) {
        0 => vec![(node, other)],
        1 => vec![(other, node)],
        _ => vec![(node, other), (other, node)],
    }
}

fn skewed(cluster: &Cluster, node: Node, dice: &mut Dice) {
    let skew_ms = i64::try_from(dice.within(0..SKEW_MS_MAX)).unwrap() - 2_500;
    if let Some(process) = cluster.process(node) {
        process.skew(skew_ms);
    }
}

/// Nobody is answered, or everybody is told that nobody is there.
fn redis_away(cluster: &Arc<Cluster>, dice: &mut Dice, ends: Instant) {
    if dice.within(0..2) == 0 {
        let all = Cluster::nodes().into_iter();
        return cut(cluster, all.map(|node| (node, Node::Redis)).collect(), ends);
    }
    cluster.redis.be_down(true);
    later(cluster, ends, |cluster| cluster.redis.be_down(false));
}

async fn redis_lost(cluster: &Arc<Cluster>, snapshot: Option<Snapshot>) {
    cluster.redis.be_down(true);
    cluster.to_redis(|redis| match &snapshot {
        Some(snapshot) => redis.roll_back(snapshot),
        None => redis.lose_all(),
    });
    sleep(Duration::from_secs(2)).await;
    cluster.redis.be_down(false);
}

/// The old master is not reached by most, and goes on serving some.
fn failed_over(cluster: &Arc<Cluster>, dice: &mut Dice) {
    let left_behind: Vec<_> =
        Cluster::nodes().into_iter().filter(|_| dice.within(0..2) == 0).collect();
    cluster.to_redis(|redis| redis.fail_over(left_behind));
    later(cluster, Instant::now() + Duration::from_millis(FOLLOWED_MS), |cluster| {
        cluster.redis.follow()
    });
}

fn mend(cluster: &Arc<Cluster>) {
    cluster.redis.be_down(false);
    cluster.redis.follow();
    cluster.network.change(|weather| *weather = Weather::fair());
    for node in Cluster::nodes() {
        if let Some(process) = cluster.process(node) {
            process.stop(false);
        }
        cluster.start(node);
    }
}
