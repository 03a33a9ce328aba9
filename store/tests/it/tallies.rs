//! What every [`Tallies`] does, in memory and on Redis alike.

use std::{sync::Arc, time::Duration};

use common::{
    endpoint_store::EndpointStore,
    ids::VideoId,
    link::{Endpoint, Incarnation},
    live_log::{Retention, bucket_of},
    tallies::{Tallies, Tally},
    totals::{Row, Source, Totals},
};
use tokio::time::{Instant, sleep};

use crate::live::{self, AMPLE, incarnation, suite, video};

/// Hang guard, and a lease that no test outlives by accident.
const LONG: Duration = Duration::from_secs(60);

/// Both sides of one store.
trait Counts: Tallies + EndpointStore {}
impl<T: Tallies + EndpointStore> Counts for T {}
type Store = Arc<dyn Counts>;

suite! {
    Store, crate::live::memory, crate::live::redis_at;
    sources_add_up_and_repeats_change_nothing,
    totals_are_wanted_until_they_are_filled,
    what_is_filled_late_takes_nothing_back,
    viewers_of_gateways_add_up_while_their_leases_run,
    a_gateway_that_is_removed_takes_its_viewers_along,
    changes_are_told_with_their_numbers,
    what_changes_nothing_is_no_change,
    what_is_handed_over_is_given_once,
    a_fill_has_as_many_sources_as_there_are,
    many_videos_are_asked_for_at_once,
    videos_that_are_wanted_are_named_once,
}

pub(crate) fn row(video: &VideoId, source: &Source, totals: &str) -> Row {
    Row { video: video.clone(), source: source.clone(), totals: totals.parse().unwrap() }
}

fn totals(text: &str) -> Option<Totals> {
    Some(text.parse().unwrap())
}

async fn tally(store: &Store, video: &VideoId) -> Tally {
    let mut tallies = store.tallies(std::slice::from_ref(video)).await.unwrap();
    assert_eq!(tallies.len(), 1);
    tallies.remove(0)
}

async fn gateway(store: &Store, ttl: Duration) -> Incarnation {
    let incarnation = incarnation();
    let endpoint =
        Endpoint { incarnation: incarnation.clone(), address: "http://127.0.0.1:1".into() };
    store.register(&endpoint, ttl).await.unwrap();
    incarnation
}

/// What changed of these videos alone: a Redis may have others.
async fn changed(store: &Store, videos: &[&VideoId], since_ms: u64) -> Vec<(VideoId, Tally)> {
    let buckets: Vec<_> = videos.iter().map(|video| bucket_of(video)).collect();
    let mut tallies = store.changed(&buckets, since_ms).await.unwrap().tallies;
    tallies.retain(|(video, _)| videos.contains(&video));
    tallies
}

async fn now_ms(store: &Store) -> u64 {
    // Behind all that was written before by a millisecond.
    sleep(Duration::from_millis(2)).await;
    store.changed(&[], 0).await.unwrap().now_ms
}

async fn sources_add_up_and_repeats_change_nothing(open: impl AsyncFn(Retention) -> Store) {
    let (store, video, other) = (open(AMPLE).await, video(), live::video());
    let [a, b] = [Source::fresh(), Source::fresh()];
    store.fill(&video, &[]).await.unwrap();
    store.fill(&other, &[]).await.unwrap();
    assert_eq!(tally(&store, &video).await.totals, totals(""));
    let told = [
        row(&video, &a, "r/like 5 views 1"),
        row(&video, &b, "r/like 2 r/wow 1"),
        row(&other, &a, "r/like 1"),
    ];
    for _ in 0..3 {
        store.report(&told).await.unwrap();
        assert_eq!(tally(&store, &video).await.totals, totals("r/like 7 r/wow 1 views 1"));
    }
    store.report(&[row(&video, &a, "r/like 9")]).await.unwrap();
    store.report(&[row(&video, &a, "r/like 6 views 3"), row(&video, &b, "")]).await.unwrap();
    assert_eq!(tally(&store, &video).await.totals, totals("r/like 11 r/wow 1 views 3"));
    let most = "r/like 9007199254740990";
    store.report(&[row(&other, &a, most)]).await.unwrap();
    assert_eq!(tally(&store, &other).await.totals, totals(most), "to the last one");
}

async fn totals_are_wanted_until_they_are_filled(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let [a, b] = [Source::fresh(), Source::fresh()];
    assert_eq!(tally(&store, &video).await, Tally { totals: None, viewers: 0 });
    store.report(&[row(&video, &a, "r/like 5")]).await.unwrap();
    assert_eq!(tally(&store, &video).await.totals, None, "who knows who else counted");
    // What was kept of a source comes beside what that counts by now.
    let rows = [(&b, "r/like 1"), (&a, "r/like 3"), (&b, "r/like 1")];
    let rows = rows.map(|(source, totals)| row(&video, source, totals));
    store.fill(&video, &rows).await.unwrap();
    assert_eq!(tally(&store, &video).await.totals, totals("r/like 6"));
}

async fn what_is_filled_late_takes_nothing_back(open: impl AsyncFn(Retention) -> Store) {
    let (store, video, a) = (open(AMPLE).await, video(), Source::fresh());
    for filled in ["r/like 1", "r/like 4", "r/like 2"] {
        store.fill(&video, &[row(&video, &a, filled)]).await.unwrap();
        store.report(&[row(&video, &a, "r/like 3")]).await.unwrap();
    }
    assert_eq!(tally(&store, &video).await.totals, totals("r/like 4"));
}

async fn viewers_of_gateways_add_up_while_their_leases_run(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let (lasting, brief) = (gateway(&store, LONG).await, gateway(&store, LONG / 60).await);
    store.watched(&lasting, &[(video.clone(), 3)]).await.unwrap();
    store.watched(&brief, &[(video.clone(), 4)]).await.unwrap();
    store.watched(&incarnation(), &[(video.clone(), 5)]).await.unwrap();
    assert_eq!(tally(&store, &video).await.viewers, 7, "of those who are registered");
    store.watched(&lasting, &[(video.clone(), 2)]).await.unwrap();
    assert_eq!(tally(&store, &video).await.viewers, 6, "the last number told");
    let began = Instant::now();
    while tally(&store, &video).await.viewers != 2 {
        assert!(began.elapsed() < LONG, "the lease has run out");
        sleep(Duration::from_millis(100)).await;
    }
    store.watched(&lasting, &[(video.clone(), 0)]).await.unwrap();
    assert_eq!(tally(&store, &video).await.viewers, 0);
}

async fn a_gateway_that_is_removed_takes_its_viewers_along(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let [first, second] = [gateway(&store, LONG).await, gateway(&store, LONG).await];
    for incarnation in [&first, &second] {
        store.subscribe(incarnation, &video).await.unwrap();
        store.watched(incarnation, &[(video.clone(), 3)]).await.unwrap();
    }
    let since_ms = now_ms(&store).await;
    store.remove(&first).await.unwrap();
    let told = changed(&store, &[&video], since_ms).await;
    assert_eq!(told, [(video, Tally { totals: None, viewers: 3 })]);
}

async fn changes_are_told_with_their_numbers(open: impl AsyncFn(Retention) -> Store) {
    let (store, source) = (open(AMPLE).await, Source::fresh());
    let [reacted, watched, still] = [video(), video(), video()];
    let all = [&reacted, &watched, &still];
    for video in all {
        store.fill(video, &[row(video, &source, "r/like 1")]).await.unwrap();
    }
    assert_eq!(changed(&store, &all, 0).await.len(), 3);
    let since_ms = now_ms(&store).await;
    assert_eq!(changed(&store, &all, since_ms).await, []);
    store.report(&[row(&reacted, &source, "r/like 2")]).await.unwrap();
    let gateway = gateway(&store, LONG).await;
    store.watched(&gateway, &[(watched.clone(), 1)]).await.unwrap();
    let mut told = changed(&store, &all, since_ms).await;
    told.sort_by_key(|(_, tally)| tally.viewers);
    let expected = [
        (reacted.clone(), Tally { totals: totals("r/like 2"), viewers: 0 }),
        (watched.clone(), Tally { totals: totals("r/like 1"), viewers: 1 }),
    ];
    assert_eq!(told, expected);
    let none = changed(&store, &[&still], since_ms).await;
    assert_eq!(none, [], "others' buckets, or their videos, are not asked for");
}

async fn what_changes_nothing_is_no_change(open: impl AsyncFn(Retention) -> Store) {
    let (store, video, source) = (open(AMPLE).await, video(), Source::fresh());
    let gateway = gateway(&store, LONG).await;
    let tell = async || {
        store.report(&[row(&video, &source, "r/like 2")]).await.unwrap();
        store.watched(&gateway, &[(video.clone(), 7)]).await.unwrap();
    };
    tell().await;
    let since_ms = now_ms(&store).await;
    tell().await;
    store.watched(&incarnation(), &[(video.clone(), 0)]).await.unwrap();
    assert_eq!(changed(&store, &[&video], since_ms).await, []);
}

async fn what_is_handed_over_is_given_once(open: impl AsyncFn(Retention) -> Store) {
    let (store, video, name) = (open(AMPLE).await, video(), Source::fresh());
    let [a, b] = [name.numbered(1), name.numbered(2)];
    let given = async || {
        let mut rows = store.unkept(100_000).await.unwrap();
        rows.retain(|row| row.video == video);
        rows.sort_by(|one, other| one.source.cmp(&other.source));
        rows
    };
    store.report(&[row(&video, &a, "r/like 2")]).await.unwrap();
    assert_eq!(given().await, [], "its source keeps it");
    let told = [row(&video, &a, "r/like 2 views 3"), row(&video, &b, "views 1")];
    for _ in 0..2 {
        // Once more: it could not be kept.
        store.hand_over(&told).await.unwrap();
        assert_eq!(given().await, told);
        assert_eq!(given().await, [], "once");
    }
    store.hand_over(&[row(&video, &a, "views 2")]).await.unwrap();
    assert_eq!(given().await, told[..1], "the most of it");
    store.fill(&video, &told).await.unwrap();
    assert_eq!(given().await, [], "the store had it");
    assert_eq!(tally(&store, &video).await.totals, totals("r/like 2 views 4"));
}

async fn a_fill_has_as_many_sources_as_there_are(open: impl AsyncFn(Retention) -> Store) {
    let store = open(AMPLE).await;
    for sources in [499, 500, 501, 1_234] {
        let video = video();
        let name = Source::fresh();
        let rows = (0..sources).map(|n| row(&video, &name.numbered(n), "r/like 1"));
        store.fill(&video, &rows.collect::<Vec<_>>()).await.unwrap();
        let all = totals(&format!("r/like {sources}"));
        assert_eq!(tally(&store, &video).await.totals, all);
    }
}

async fn many_videos_are_asked_for_at_once(open: impl AsyncFn(Retention) -> Store) {
    let (store, source) = (open(AMPLE).await, Source::fresh());
    let videos: Vec<_> = (0..700).map(|_| video()).collect();
    for video in videos.iter().step_by(7) {
        store.fill(video, &[]).await.unwrap();
    }
    let rows: Vec<_> = videos.iter().map(|video| row(video, &source, "views 2")).collect();
    store.report(&rows).await.unwrap();
    let tallies = store.tallies(&videos).await.unwrap();
    let known = tallies.iter().enumerate().filter(|(_, tally)| tally.totals == totals("views 2"));
    assert_eq!(known.map(|(at, _)| at).collect::<Vec<_>>(), Vec::from_iter((0..700).step_by(7)));
}

async fn videos_that_are_wanted_are_named_once(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let is_wanted = async || store.wanted(100_000).await.unwrap().contains(&video);
    assert!(!is_wanted().await);
    // Another test's look may take what this one is about to.
    for _ in 0..100 {
        assert_eq!(tally(&store, &video).await.totals, None);
        if is_wanted().await {
            assert!(!is_wanted().await, "once");
            store.fill(&video, &[]).await.unwrap();
            tally(&store, &video).await;
            assert!(!is_wanted().await, "it is known");
            return;
        }
    }
    panic!("never named");
}
