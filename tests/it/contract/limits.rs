//! The section Comments: 429, exact over all nodes however requests are spread over them.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    ROUNDS_MAX,
    table::In,
    who::Who,
    world::{PER_ADDRESS, PER_MINUTE, PER_SECOND, World},
};
use crate::client::Answer;

/// One for each round.
const AUTHORS: [&str; ROUNDS_MAX] = ["l0", "l1", "l2", "l3", "l4"];
/// Comments posted at once: more than any limit allows.
const POSTS: u32 = PER_MINUTE + 15;

/// The nth post, to the nodes by turns.
async fn post(world: &World, nth: u32, who: &Who, video: &str, key: Option<&str>) -> Answer {
    post_at(world, In::Open, nth, who, video, key.map(|key| ("idempotency-key", key))).await
}

async fn post_at(
    world: &World,
    which: In,
    nth: u32,
    who: &Who,
    video: &str,
    header: Option<(&str, &str)>,
) -> Answer {
    let house = world.house(which);
    let authorization = who.authorization(house, &world.name).unwrap();
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(header);
    house.ingests[nth as usize % 2].comment_with(video, &nth.to_string(), &headers).await
}

/// Seconds of `Retry-After`, of those that were refused; how many were taken.
fn counted(answers: &[Answer]) -> (u32, Vec<u64>) {
    let (mut taken, mut waits_s) = (0, Vec::new());
    for answer in answers {
        match answer.status {
            StatusCode::CREATED => taken += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                waits_s.push(answer.header("retry-after").parse().unwrap())
            }
            _ => panic!("{answer:?}"),
        }
    }
    (taken, waits_s)
}

/// As many as the limit says, and what it grows by while they are posted.
fn exact(taken: u32, limit: u32, period: Duration, took: Duration) -> Result<(), String> {
    let grown = took.as_secs_f64() / period.as_secs_f64() * f64::from(limit);
    let most = f64::from(limit) + grown.ceil();
    let is_exact = taken >= limit && f64::from(taken) <= most;
    right(&format!("{taken} of {limit} within {took:?}"), is_exact)
}

/// Nobody is told to wait for longer than a limit takes to let one more in.
fn waits_for_one(waits_s: &[u64], each: Duration) -> Result<(), String> {
    let each_s = each.as_secs().max(1);
    let are_right = waits_s.iter().all(|wait_s| (1..=each_s).contains(wait_s));
    right(&format!("Retry-After: {waits_s:?}"), are_right)
}

fn right(what: &str, is_right: bool) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(what.to_owned()) }
}

/// One author in so many videos that none of them is too busy, many authors of one video, and many of
/// many from one address.
pub(super) async fn hold(world: &World) {
    together(world, async |nth| of_an_address(world, nth).await).await;
    together(world, async |nth| of_an_author(world, nth).await).await;
    together(world, async |nth| of_a_video(world, nth).await).await;
}

/// Runs it until no node had to decide by itself meanwhile; then it must be right.
async fn together(world: &World, check: impl AsyncFn(usize) -> Result<(), String>) {
    for nth in 0..ROUNDS_MAX {
        let alone = world.decided_alone().await;
        let checked = check(nth).await;
        if world.decided_alone().await == alone {
            return checked.unwrap();
        }
    }
    panic!("nodes never decide together");
}

/// `comments_per_user_per_minute`, by all nodes.
async fn of_an_author(world: &World, nth: usize) -> Result<(), String> {
    let name = AUTHORS[nth];
    let ann = Who::from(name);
    let video = |n: u32| format!("{name}-{}-{}", n % 15, world.name);
    let began = Instant::now();
    let first = post(world, 0, &ann, &video(0), Some("first")).await;
    let videos: Vec<_> = (0..POSTS).map(video).collect();
    let posts = (1..POSTS).zip(&videos).map(|(nth, video)| post(world, nth, &ann, video, None));
    let (taken, waits_s) = counted(&join_all(posts).await);
    exact(taken + 1, PER_MINUTE, Duration::from_secs(60), began.elapsed())?;
    waits_for_one(&waits_s, Duration::from_secs(60) / PER_MINUTE)?;
    let again = post(world, 0, &ann, &video(0), Some("first")).await;
    let is_same = again.status == StatusCode::CREATED && again.json() == first.json();
    right("a known key is not limited", is_same)?;
    let other = post(world, 0, &Who::from("unlimited"), &video(0), None).await;
    right(&format!("another author: {other:?}"), other.status == StatusCode::CREATED)?;
    sleep(Duration::from_secs(waits_s.into_iter().max().ok_or("nobody was limited")?)).await;
    let later = post(world, 0, &ann, &video(0), None).await;
    right(&format!("after Retry-After: {later:?}"), later.status == StatusCode::CREATED)
}

/// `comments_per_video_per_second`, by all nodes.
async fn of_a_video(world: &World, nth: usize) -> Result<(), String> {
    let video = &format!("busy{nth}-{}", world.name);
    let authors = ["v0", "v1", "v2", "v3", "v4"].map(Who::from);
    let began = Instant::now();
    let posts = (0..POSTS).zip(authors.iter().cycle());
    let posts = posts.map(|(nth, author)| post(world, nth, author, video, None));
    let (taken, waits_s) = counted(&join_all(posts).await);
    exact(taken, PER_SECOND, Duration::from_secs(1), began.elapsed())?;
    waits_for_one(&waits_s, Duration::from_secs(1) / PER_SECOND)?;
    let path = format!("/v1/videos/{video}/comments?limit=200");
    let listed = world.house(In::Open).ingests[1].get(&path).await.json();
    let listed = listed["comments"].as_array().map(Vec::len);
    right(&format!("{listed:?} of {taken} are there"), listed == usize::try_from(taken).ok())?;
    sleep(Duration::from_secs(1)).await;
    let later = post(world, 0, &authors[0], video, None).await;
    right(&format!("after Retry-After: {later:?}"), later.status == StatusCode::CREATED)
}

/// `comments_per_address_per_minute`, by all nodes.
async fn of_an_address(world: &World, nth: usize) -> Result<(), String> {
    let address = |last: usize| format!("203.0.113.{last}");
    let video = |n: u32| format!("from{nth}-{}-{}", n % 9, world.name);
    let authors = ["a0", "a1", "a2", "a3", "a4", "a5", "a6"].map(Who::from);
    let post = async |n: u32, from: usize| {
        let (who, from) = (&authors[n as usize % authors.len()], address(from));
        let header = Some(("x-forwarded-for", from.as_str()));
        post_at(world, In::Addressed, n, who, &video(n), header).await
    };
    let began = Instant::now();
    let (taken, waits_s) = counted(&join_all((0..POSTS).map(|n| post(n, nth))).await);
    exact(taken, PER_ADDRESS, Duration::from_secs(60), began.elapsed())?;
    waits_for_one(&waits_s, Duration::from_secs(60) / PER_ADDRESS)?;
    let other = post(0, nth + 100).await;
    right(&format!("another address: {other:?}"), other.status == StatusCode::CREATED)
}

#[test]
fn one_too_many_is_noticed() {
    let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
    for (taken, took, is_exact) in
        [(30, second, true), (31, second, true), (29, second, false), (32, second, false)]
    {
        assert_eq!(exact(taken, 30, minute, took).is_ok(), is_exact, "{taken}");
    }
    assert!(exact(30, 30, minute, Duration::ZERO).is_ok());
    assert!(exact(31, 30, minute, Duration::ZERO).is_err());
}
