//! How long pages of a long history take, one after the other, wherever they begin: in a video whose
//! comments lie dense, one a minute, behind a year of nothing, and behind many deleted ones.
//!
//! ```sh
//! cargo run --release -p chorus-store --example pages                       # 1,000,000, embedded
//! cargo run --release -p chorus-store --example pages -- 1000000 100000     # so many of them deleted
//! cargo run --release -p chorus-store --example pages -- --cql 127.0.0.1:9042
//! ```
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

use std::{
    collections::BTreeMap,
    env,
    time::{Duration, Instant},
};

use common::{
    comment::{Author, Comment, Text},
    comment_store::{CommentStore, Deletion, Page},
    config::{Store, StoreKind},
    ids::{ActionId, CommentId, VideoId},
};
use futures_util::{StreamExt, stream};
use scylla::client::session_builder::SessionBuilder;
use store::{
    cql::{self, CqlStore},
    embedded::EmbeddedStore,
};
use uuid::{Builder, Uuid};

const COMMENTS_DEFAULT: usize = 1_000_000;
const COMMENTS_DEFAULT_CQL: usize = 50_000;
/// Pages per part of the history and limit; half of them go back, half forth.
const PAGES: usize = 500;
const LIMITS: [usize; 2] = [50, 200];
const MINUTE_MS: u64 = 60_000;
const YEAR_MS: u64 = 365 * 24 * 60 * MINUTE_MS;

/// A part of the history, its ids sorted.
struct Part {
    what: &'static str,
    ids: Vec<CommentId>,
}

#[tokio::main]
async fn main() {
    let mut args = env::args().skip(1);
    let (mut numbers, mut node) = (Vec::new(), None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--cql" => node = args.next(),
            number => numbers.push(number.parse().unwrap()),
        }
    }
    let default = if node.is_none() { COMMENTS_DEFAULT } else { COMMENTS_DEFAULT_CQL };
    let count = numbers.first().copied().unwrap_or(default);
    let deleted = numbers.get(1).copied().unwrap_or(count / 100);
    match node {
        None => embedded(Size { count, deleted }).await,
        Some(node) => cql(node, Size { count, deleted }).await,
    }
}

/// How many comments there are, and how many of them are deleted.
#[derive(Clone, Copy)]
struct Size {
    count: usize,
    deleted: usize,
}

async fn embedded(size: Size) {
    let home = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(home.path()).unwrap();
    let (video, history) = fill(&store, size, 1_024).await;
    drop(store);
    let store = EmbeddedStore::open(home.path()).unwrap();
    measure(&store, &video, &history).await;
}

/// In a keyspace of its own, which is dropped at the end.
async fn cql(node: String, size: Size) {
    let session = SessionBuilder::new().known_node(&node).build().await.unwrap();
    let state = session.get_cluster_state();
    let datacenter = state.get_nodes_info().iter().find_map(|node| node.datacenter.clone());
    let config = Store {
        kind: StoreKind::Scylla,
        path: "unused".into(),
        nodes: vec![node],
        keyspace: format!("chorus_pages_{}", Uuid::new_v4().simple()),
        replication: BTreeMap::from([(datacenter.unwrap(), 1)]),
        user: String::new(),
        password: "".into(),
        retention_days: 0,
    };
    cql::migrate(&config).await.unwrap();
    let store = CqlStore::connect(&config).await.unwrap();
    let (video, history) = fill(&store, size, 128).await;
    measure(&store, &video, &history).await;
    session.query_unpaged(format!("DROP KEYSPACE {}", config.keyspace), ()).await.unwrap();
}

/// Of ten comments eight at 10,000 a minute, one at one a minute, one at 100 a minute a year before;
/// then some are deleted, all in a row.
async fn fill(store: &dyn CommentStore, size: Size, at_once: usize) -> (VideoId, [Part; 4]) {
    let Size { count, deleted } = size;
    let (video, now_ms) = ("long".parse().unwrap(), ActionId::now().unix_ms());
    let part = |what, share: usize, until_ms: u64, per_minute: u64| {
        let made = (0..share as u64).map(|n| until_ms - n * MINUTE_MS / per_minute);
        let mut ids: Vec<_> = made.map(id_at).collect();
        ids.sort_unstable();
        Part { what, ids }
    };
    let dense = part("dense", count * 8 / 10, now_ms, 10_000);
    let sparse_until = dense.ids[0].unix_ms() - MINUTE_MS;
    let sparse = part("one a minute", count / 10, sparse_until, 1);
    let earlier = part("a year before", count / 10, sparse.ids[0].unix_ms() - YEAR_MS, 100);
    let began = Instant::now();
    let all = [&dense, &sparse, &earlier].into_iter().flat_map(|part| part.ids.iter().copied());
    let put = |id| {
        let comment = comment(&video, id);
        async move { store.put(&comment).await.unwrap() }
    };
    run(all, at_once, put).await;
    println!("{count} comments put in {:?}", began.elapsed());
    let middle = dense.ids.len().saturating_sub(deleted) / 2;
    let gone: Vec<_> = dense.ids.iter().copied().skip(middle).take(deleted).collect();
    let deletion = Deletion {
        author: "uma".parse().unwrap(),
        by: "mo".parse().unwrap(),
        action: ActionId::now(),
    };
    let (deletion, room) = (&deletion, &video);
    let delete = |id| async move { store.delete(room, id, deletion).await.unwrap() };
    run(gone.iter().copied(), at_once, delete).await;
    println!("{} of them deleted", gone.len());
    (video, [dense, sparse, earlier, Part { what: "among deleted", ids: gone }])
}

/// Makes so many of the writes at once.
async fn run<W: Future<Output = ()>>(
    ids: impl Iterator<Item = CommentId>,
    at_once: usize,
    write: impl Fn(CommentId) -> W,
) {
    stream::iter(ids).for_each_concurrent(at_once, write).await;
}

fn id_at(unix_ms: u64) -> CommentId {
    let [_, _, _, _, _, _, random @ ..] = *Uuid::new_v4().as_bytes();
    let uuid = Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid();
    CommentId::try_from(uuid).unwrap()
}

fn comment(video: &VideoId, id: CommentId) -> Comment {
    let author = Author {
        id: "uma".parse().unwrap(),
        name: "Uma the commenter".into(),
        role: None,
        avatar: Some("https://example.org/avatars/uma.png".into()),
    };
    let text = Text::parse(&"what a goal! ".repeat(4)).unwrap();
    Comment { id, video: video.clone(), author, text, reply_to: None }
}

async fn measure(store: &dyn CommentStore, video: &VideoId, history: &[Part]) {
    println!("{:>16} {:>6} {:>9} {:>9} {:>9}", "pages", "limit", "p50 ms", "p99 ms", "max ms");
    for Part { what, ids } in history {
        for limit in LIMITS {
            let mut times = Vec::with_capacity(PAGES);
            for nth in 0..PAGES {
                let bound =
                    ids[usize::try_from(Uuid::new_v4().as_u128() % ids.len() as u128).unwrap()];
                let page = if nth % 2 == 0 { Page::Before(bound) } else { Page::After(bound) };
                let began = Instant::now();
                store.list(video, page, limit).await.unwrap();
                times.push(began.elapsed());
            }
            times.sort_unstable();
            let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
            let [p50, p99, max] = [PAGES / 2, PAGES * 99 / 100, PAGES - 1].map(|at| ms(times[at]));
            println!("{what:>16} {limit:>6} {p50:>9.2} {p99:>9.2} {max:>9.2}");
        }
    }
}
