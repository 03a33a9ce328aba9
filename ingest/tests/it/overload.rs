//! More than there is room for: what is new is refused at once, what is under way goes on.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use common::problem::Problem;
use futures_util::{future::join_all, stream};
use tokio::time::{Instant, timeout};

use crate::{
    rig::{Rig, rig},
    stand_ins::Mood,
};

/// Posts, bodies and reads that may be under way at once.
const POSTS: usize = 2048;
const BODIES: usize = 4096;
const READS: usize = 512;
/// Ends what would wait for ever.
const GUARD: Duration = Duration::from_secs(60);
/// What counts as at once.
const AT_ONCE: Duration = Duration::from_millis(1);

/// A post whose body never comes.
fn endless() -> Request<Body> {
    let body = stream::pending::<Result<String, std::io::Error>>();
    Request::post("/v1/videos/v/comments")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(body))
        .unwrap()
}

fn list() -> Request<Body> {
    Request::get("/v1/videos/v/comments").body(Body::empty()).unwrap()
}

/// Polls all a little, so that each has what it needs to go on but nothing more.
async fn begin<T>(all: &mut (impl Future<Output = T> + Unpin)) {
    assert!(timeout(AT_ONCE, all).await.is_err(), "they wait");
}

async fn is_refused_at_once(rig: &Rig, request: Request<Body>) -> bool {
    let began = Instant::now();
    let Ok(response) = timeout(GUARD, rig.send(request)).await else { return false };
    let refusal = Problem::unavailable("too many requests at once", 1);
    // The layer that makes headers and body of it is not around these routes.
    let is_told = response.extensions().get() == Some(&refusal);
    began.elapsed() <= AT_ONCE && response.status() == StatusCode::SERVICE_UNAVAILABLE && is_told
}

/// One post too many is refused before its body has come; those under way are all answered.
#[tokio::test(start_paused = true)]
async fn a_post_too_many_is_refused_before_its_body() {
    let rig = rig();
    rig.set(Mood::Sticks);
    let keys: Vec<_> = (0..POSTS).map(|n| n.to_string()).collect();
    let mut posts = Box::pin(join_all(keys.iter().map(|key| rig.post("hi", key))));
    begin(&mut posts).await;
    assert!(is_refused_at_once(&rig, endless()).await);
    for (status, _) in posts.await {
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    rig.set(Mood::Takes);
    assert_eq!(rig.post("hi", "new").await.0, StatusCode::CREATED, "there is room again");
}

/// Negative control: with one post less there is room, and a body is waited for.
#[tokio::test(start_paused = true)]
async fn the_last_place_is_given() {
    let rig = rig();
    rig.set(Mood::Sticks);
    let keys: Vec<_> = (1..POSTS).map(|n| n.to_string()).collect();
    let mut posts = Box::pin(join_all(keys.iter().map(|key| rig.post("hi", key))));
    begin(&mut posts).await;
    assert!(!is_refused_at_once(&rig, endless()).await);
}

/// Bodies that don't come take the places of bodies only, and only for a while.
#[tokio::test(start_paused = true)]
async fn slow_bodies_crowd_out_each_other() {
    let rig = rig();
    let mut slow = Box::pin(join_all((0..BODIES).map(|_| rig.send(endless()))));
    begin(&mut slow).await;
    assert!(is_refused_at_once(&rig, endless()).await);
    for response in slow.await {
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
}

/// However many read, comments are stored.
#[tokio::test(start_paused = true)]
async fn readers_keep_nobody_from_posting() {
    let rig = rig();
    rig.store.stick_reads(true);
    let mut reads = Box::pin(join_all((0..READS).map(|_| rig.send(list()))));
    begin(&mut reads).await;
    assert!(is_refused_at_once(&rig, list()).await);
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
}
