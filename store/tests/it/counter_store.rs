//! The behaviour of a counter store, run on the embedded one and on a CQL cluster.
//!
//! A case gets a store that others may have used: it names its videos at random.

use std::sync::Arc;

use common::{
    counter_store::CounterStore,
    ids::VideoId,
    totals::{Row, Source},
};
use futures_util::future::join_all;
use store::embedded::EmbeddedStore;

use crate::{comment_store::video, kept::kept_suite, tallies::row};

type Store = Arc<dyn CounterStore>;

kept_suite! {
    what_was_kept_comes_back
    the_row_with_most_stays_whatever_the_order
    of_rows_kept_at_once_the_one_with_most_stays
    many_rows_are_kept_at_once
}

async fn rows(store: &Store, video: &VideoId) -> Vec<Row> {
    let mut rows = store.rows(video).await.unwrap();
    rows.sort_by(|one, other| one.source.cmp(&other.source));
    rows
}

async fn what_was_kept_comes_back(store: Store) {
    let (long, [a, b]) = (video(), [Source::fresh(), Source::fresh()]);
    let short: VideoId = long.as_str()[..long.as_str().len() - 1].parse().unwrap();
    assert_eq!(rows(&store, &long).await, []);
    let kept = [
        row(&long, &a, "comments 7 deletions 1 r/like 9007199254740000"),
        row(&long, &b, "views 1"),
        row(&short, &b, "views 2"),
    ];
    for _ in 0..2 {
        store.keep(&kept).await.unwrap();
        assert_eq!(rows(&store, &long).await, kept[..2]);
        assert_eq!(rows(&store, &short).await, kept[2..]);
    }
}

async fn the_row_with_most_stays_whatever_the_order(store: Store) {
    let grown = ["views 1", "views 2", "r/like 1 views 2", "r/like 1 views 9"];
    for first in 0..grown.len() {
        for step in [1, 3] {
            let (video, source, mut most) = (video(), Source::fresh(), 0);
            for nth in (0..grown.len()).map(|n| (first + n * step) % grown.len()) {
                store.keep(&[row(&video, &source, grown[nth])]).await.unwrap();
                most = most.max(nth);
                assert_eq!(rows(&store, &video).await, [row(&video, &source, grown[most])]);
            }
        }
    }
}

async fn of_rows_kept_at_once_the_one_with_most_stays(store: Store) {
    let (video, source) = (video(), Source::fresh());
    let all: Vec<_> = (1..=64).map(|n| row(&video, &source, &format!("views {n}"))).collect();
    let mixed: Vec<Row> = (0..64).map(|n| all[n * 37 % 64].clone()).collect();
    let calls = mixed.chunks(8).map(|some| store.keep(some));
    join_all(calls).await.into_iter().for_each(Result::unwrap);
    assert_eq!(rows(&store, &video).await, all[63..]);
}

async fn many_rows_are_kept_at_once(store: Store) {
    let source = Source::fresh();
    let all: Vec<_> = (0..1_000).map(|_| row(&video(), &source, "r/like 3")).collect();
    store.keep(&all).await.unwrap();
    store.keep(&[]).await.unwrap();
    for kept in all.iter().step_by(99) {
        assert_eq!(rows(&store, &kept.video).await, std::slice::from_ref(kept));
    }
}

/// They are truth: a start finds them, also of a process that was killed.
#[tokio::test]
async fn what_was_kept_is_on_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let kept = row(&video(), &Source::fresh(), "r/like 3");
    let store = EmbeddedStore::open(home.path()).unwrap();
    store.keep(std::slice::from_ref(&kept)).await.unwrap();
    drop(store);
    let store: Store = Arc::new(EmbeddedStore::open(home.path()).unwrap());
    assert_eq!(rows(&store, &kept.video).await, [kept]);
}
