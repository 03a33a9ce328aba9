//! More than there are places for: what is new waits, and what finds no room even for that is
//! refused at once, while what is under way goes on.

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
    stand_ins::{Mood, SLOWNESS},
};

/// Posts, bodies and reads that may be under way at once.
const POSTS: usize = 2048;
const BODIES: usize = 4096;
const READS: usize = 512;
/// Posts that may wait for a place, and how long.
const ROOM: usize = 16_384;
const PATIENCE: Duration = Duration::from_secs(1);
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

async fn is_refused_within(rig: &Rig, request: Request<Body>, most: Duration) -> bool {
    let began = Instant::now();
    let Ok(response) = timeout(GUARD, rig.send(request)).await else { return false };
    let refusal = Problem::unavailable("too many requests at once", 1);
    // The layer that makes headers and body of it is not around these routes.
    let is_told = response.extensions().get() == Some(&refusal);
    began.elapsed() <= most && response.status() == StatusCode::SERVICE_UNAVAILABLE && is_told
}

/// So many posts, each with a key of its own: what came of them, and when.
async fn posts(rig: &Rig, count: usize) -> Vec<(StatusCode, Instant)> {
    let post = async |key: String| (rig.post("hi", &key).await.0, Instant::now());
    join_all((0..count).map(|n| post(n.to_string()))).await
}

/// Twice as many as there are places: the second half waits for the first, and all are taken.
#[tokio::test(start_paused = true)]
async fn what_has_no_place_yet_waits_for_one() {
    let rig = rig();
    rig.store.dawdle();
    let began = Instant::now();
    let answers = posts(&rig, 2 * POSTS).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::CREATED));
    let (first, second) = answers.split_at(POSTS);
    let second_began = began + 2 * SLOWNESS;
    assert!(first.iter().all(|(_, at)| *at < second_began), "nobody had to wait");
    assert!(second.iter().all(|(_, at)| *at >= second_began), "there was no place before");
}

/// One post more than can work and wait is refused before its body has come; those under way are
/// all answered, and those that wait as long as that takes are let in or refused.
#[tokio::test(start_paused = true)]
async fn a_post_too_many_is_refused_before_its_body() {
    let rig = rig();
    rig.set(Mood::Sticks);
    let mut answers = Box::pin(posts(&rig, POSTS + ROOM));
    begin(&mut answers).await;
    assert!(is_refused_within(&rig, endless(), AT_ONCE).await);
    let answers: Vec<_> = answers.await.into_iter().map(|(status, _)| status).collect();
    assert!(answers[..POSTS].iter().all(|status| *status == StatusCode::ACCEPTED));
    let end = |status: &StatusCode| {
        [StatusCode::ACCEPTED, StatusCode::SERVICE_UNAVAILABLE].contains(status)
    };
    assert!(answers.iter().all(end));
    rig.set(Mood::Takes);
    assert_eq!(rig.post("hi", "new").await.0, StatusCode::CREATED, "there is room again");
}

/// Negative control: with one post less there is room, and a body is waited for.
#[tokio::test(start_paused = true)]
async fn the_last_seat_is_given() {
    let rig = rig();
    rig.set(Mood::Sticks);
    let mut answers = Box::pin(posts(&rig, POSTS + ROOM - 1));
    begin(&mut answers).await;
    assert!(!is_refused_within(&rig, endless(), AT_ONCE).await);
}

/// Bodies that don't come take the places of bodies only, and only for a while.
#[tokio::test(start_paused = true)]
async fn slow_bodies_crowd_out_each_other() {
    let rig = rig();
    let mut slow = Box::pin(join_all((0..BODIES).map(|_| rig.send(endless()))));
    begin(&mut slow).await;
    assert!(is_refused_within(&rig, endless(), AT_ONCE).await);
    for response in slow.await {
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
}

/// Reactions as well, however many come.
#[tokio::test(start_paused = true)]
async fn reactions_crowd_out_each_other() {
    let rig = rig();
    let endless = || {
        let (mut parts, body) = endless().into_parts();
        parts.uri = "/v1/videos/v/reactions".parse().unwrap();
        Request::from_parts(parts, body)
    };
    let mut slow = Box::pin(join_all((0..BODIES).map(|_| rig.send(endless()))));
    begin(&mut slow).await;
    assert!(is_refused_within(&rig, endless(), AT_ONCE).await);
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
}

/// However many read, comments are stored.
#[tokio::test(start_paused = true)]
async fn readers_keep_nobody_from_posting() {
    let rig = rig();
    rig.store.stick_reads(true);
    let mut reads = Box::pin(join_all((0..READS).map(|_| rig.send(list()))));
    begin(&mut reads).await;
    assert!(is_refused_within(&rig, list(), PATIENCE + AT_ONCE).await);
    assert_eq!(rig.post("hi", "k").await.0, StatusCode::CREATED);
}
