//! What every [`EndpointStore`] does, in memory and on Redis alike.

use std::{slice::from_ref, sync::Arc, time::Duration};

use common::{
    endpoint_store::EndpointStore,
    link::{Endpoint, Incarnation},
    live_log::{LiveLog, Retention},
};
use tokio::time::sleep;

use crate::live::{AMPLE, append, event, events, incarnation, suite, video};

/// Both contracts of one store: what the one is told, the other's appends answer.
type Store = Arc<dyn Both>;

trait Both: EndpointStore + LiveLog {}
impl<S: EndpointStore + LiveLog> Both for S {}

suite! {
    Store, crate::live::memory, crate::live::redis_at;
    who_registers_lives,
    a_lease_that_ran_out_never_comes_back,
    a_renewed_lease_runs_on,
    appends_answer_with_subscribers,
    leaving_one_video_leaves_the_others,
    a_removed_one_is_gone_everywhere,
    several_may_remove_at_once,
    who_leaves_by_itself_is_gone,
    the_dead_cannot_subscribe,
    any_name_is_a_name,
    answers_ping,
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(150);

async fn registered(store: &Store, ttl: Duration) -> Endpoint {
    let incarnation = incarnation();
    let endpoint = Endpoint { incarnation, address: "http://10.0.0.7:9082".to_owned() };
    store.register(&endpoint, ttl).await.unwrap();
    endpoint
}

async fn lives(store: &Store, incarnation: &Incarnation) -> bool {
    store.live().await.unwrap().iter().any(|endpoint| endpoint.incarnation == *incarnation)
}

async fn is_dead(store: &Store, incarnation: &Incarnation) -> bool {
    store.dead().await.unwrap().contains(incarnation)
}

async fn who_registers_lives(open: impl AsyncFn(Retention) -> Store) {
    let store = open(AMPLE).await;
    let endpoint = registered(&store, LONG).await;
    store.register(&endpoint, LONG).await.unwrap();
    let live = store.live().await.unwrap();
    assert_eq!(live.iter().filter(|live| **live == endpoint).count(), 1);
    assert!(!is_dead(&store, &endpoint.incarnation).await);
    store.remove(&endpoint.incarnation).await.unwrap();
}

async fn a_lease_that_ran_out_never_comes_back(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let gateway = registered(&store, SHORT).await.incarnation;
    store.subscribe(&gateway, &video).await.unwrap();
    sleep(2 * SHORT).await;
    assert!(!lives(&store, &gateway).await && is_dead(&store, &gateway).await);
    assert!(!store.renew(&gateway, LONG).await.unwrap());
    assert!(!lives(&store, &gateway).await, "the refused renewal changed nothing");
    let subscribers = store.subscribers(&video).await.unwrap();
    assert_eq!(subscribers, from_ref(&gateway), "until somebody removes it");
    store.remove(&gateway).await.unwrap();
    assert!(!is_dead(&store, &gateway).await);
    assert!(!store.renew(&gateway, LONG).await.unwrap());
    assert!(!store.renew(&incarnation(), LONG).await.unwrap(), "never registered");
}

async fn a_renewed_lease_runs_on(open: impl AsyncFn(Retention) -> Store) {
    let store = open(AMPLE).await;
    let gateway = registered(&store, Duration::from_millis(500)).await.incarnation;
    for _ in 0..4 {
        sleep(Duration::from_millis(200)).await;
        assert!(store.renew(&gateway, Duration::from_millis(500)).await.unwrap());
    }
    assert!(lives(&store, &gateway).await);
    store.remove(&gateway).await.unwrap();
}

async fn appends_answer_with_subscribers(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let (one, other) = (registered(&store, LONG).await, registered(&store, LONG).await);
    let said = event();
    let subscribers = async |events: &[_]| {
        let mut subscribers = append(&*store, &video, events).await.subscribers;
        subscribers.sort();
        assert_eq!(sorted(store.subscribers(&video).await.unwrap()), subscribers);
        subscribers
    };
    assert_eq!(subscribers(from_ref(&said)).await, []);
    for gateway in [&one, &other, &one] {
        store.subscribe(&gateway.incarnation, &video).await.unwrap();
    }
    let both = sorted(vec![one.incarnation.clone(), other.incarnation.clone()]);
    assert_eq!(subscribers(&[said]).await, both, "also for a repeat");
    store.unsubscribe(&one.incarnation, &video).await.unwrap();
    store.unsubscribe(&one.incarnation, &video).await.unwrap();
    assert_eq!(subscribers(&events(2)).await, from_ref(&other.incarnation));
    for gateway in [one, other] {
        store.remove(&gateway.incarnation).await.unwrap();
    }
    assert_eq!(subscribers(&events(1)).await, []);
}

async fn leaving_one_video_leaves_the_others(open: impl AsyncFn(Retention) -> Store) {
    let (store, left, kept) = (open(AMPLE).await, video(), video());
    let gateway = registered(&store, LONG).await.incarnation;
    store.subscribe(&gateway, &left).await.unwrap();
    store.subscribe(&gateway, &kept).await.unwrap();
    store.unsubscribe(&gateway, &left).await.unwrap();
    assert_eq!(store.subscribers(&left).await.unwrap(), []);
    assert_eq!(store.subscribers(&kept).await.unwrap(), from_ref(&gateway));
    store.remove(&gateway).await.unwrap();
}

async fn a_removed_one_is_gone_everywhere(open: impl AsyncFn(Retention) -> Store) {
    let store = open(AMPLE).await;
    let (gone, stays) = (registered(&store, LONG).await, registered(&store, LONG).await);
    let videos: Vec<_> = (0..1_500).map(|_| video()).collect();
    for video in &videos {
        store.subscribe(&gone.incarnation, video).await.unwrap();
    }
    store.subscribe(&stays.incarnation, &videos[3]).await.unwrap();
    for _ in 0..2 {
        store.remove(&gone.incarnation).await.unwrap();
    }
    for (at, video) in videos.iter().enumerate() {
        let left = store.subscribers(video).await.unwrap();
        let expected = if at == 3 { vec![stays.incarnation.clone()] } else { Vec::new() };
        assert_eq!(left, expected);
    }
    assert!(lives(&store, &stays.incarnation).await);
    store.remove(&stays.incarnation).await.unwrap();
}

async fn several_may_remove_at_once(open: impl AsyncFn(Retention) -> Store) {
    let store = open(AMPLE).await;
    let gateway = registered(&store, Duration::from_secs(2)).await.incarnation;
    let videos: Vec<_> = (0..300).map(|_| video()).collect();
    for video in &videos {
        store.subscribe(&gateway, video).await.unwrap();
    }
    let (a, b, c) =
        tokio::join!(store.remove(&gateway), store.remove(&gateway), store.remove(&gateway));
    assert_eq!((a, b, c), (Ok(()), Ok(()), Ok(())));
    for video in &videos {
        assert_eq!(store.subscribers(video).await.unwrap(), []);
    }
    assert!(!lives(&store, &gateway).await && !is_dead(&store, &gateway).await);
}

async fn who_leaves_by_itself_is_gone(open: impl AsyncFn(Retention) -> Store) {
    let store = open(AMPLE).await;
    let gateway = registered(&store, LONG).await.incarnation;
    store.remove(&gateway).await.unwrap();
    assert!(!lives(&store, &gateway).await && !is_dead(&store, &gateway).await);
    assert!(!store.renew(&gateway, LONG).await.unwrap());
    store.remove(&incarnation()).await.unwrap();
}

async fn the_dead_cannot_subscribe(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    let gateway = registered(&store, SHORT).await.incarnation;
    sleep(2 * SHORT).await;
    for refused in [gateway.clone(), incarnation()] {
        let error = store.subscribe(&refused, &video).await.unwrap_err().to_string();
        assert!(error.contains("register a new incarnation"), "{error}");
    }
    assert_eq!(store.subscribers(&video).await.unwrap(), []);
    store.remove(&gateway).await.unwrap();
}

async fn any_name_is_a_name(open: impl AsyncFn(Retention) -> Store) {
    let (store, video) = (open(AMPLE).await, video());
    for name in ["all", "a b:{c}", "\u{1f600}", ""] {
        let gateway = Incarnation(format!("{}{name}", incarnation().0).into());
        let address = "http://[::1]:1".to_owned();
        let endpoint = Endpoint { incarnation: gateway.clone(), address };
        store.register(&endpoint, LONG).await.unwrap();
        store.subscribe(&gateway, &video).await.unwrap();
        assert!(store.live().await.unwrap().contains(&endpoint));
        assert_eq!(store.subscribers(&video).await.unwrap(), from_ref(&gateway));
        store.remove(&gateway).await.unwrap();
        assert!(!store.live().await.unwrap().contains(&endpoint));
    }
}

async fn answers_ping(open: impl AsyncFn(Retention) -> Store) {
    EndpointStore::ping(&*open(AMPLE).await).await.unwrap();
}

fn sorted(mut incarnations: Vec<Incarnation>) -> Vec<Incarnation> {
    incarnations.sort();
    incarnations
}
