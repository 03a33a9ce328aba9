//! The section Comments: 429, exact over all nodes however requests are spread over them.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    who::Who,
    world::{PER_MINUTE, PER_SECOND, World},
};
use crate::client::Answer;

/// Comments posted at once: more than either limit allows.
const POSTS: u32 = PER_MINUTE + 15;

async fn post(world: &World, who: &Who, video: &str, text: &str, key: Option<&str>) -> Answer {
    let authorization = who.authorization(&world.open, &world.name).unwrap();
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    world.open.next_ingest().comment_with(video, text, &headers).await
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
fn assert_exact(taken: u32, limit: u32, period: Duration, took: Duration) {
    let grown = took.as_secs_f64() / period.as_secs_f64() * f64::from(limit);
    let most = f64::from(limit) + grown.ceil();
    assert!(taken >= limit && f64::from(taken) <= most, "{taken} of {limit} within {took:?}");
}

/// `comments_per_user_per_minute`: one author, by all nodes, in so many videos that none of them is
/// too busy.
pub(super) async fn of_an_author(world: &World) {
    let ann = Who::from("limited");
    let video = |n: u32| format!("author-{}-{}", n % 15, world.name);
    let first = post(world, &ann, &video(0), "0", Some("first")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let began = Instant::now();
    let texts: Vec<_> = (1..POSTS).map(|n| (video(n), n.to_string())).collect();
    let posts = texts.iter().map(|(video, text)| post(world, &ann, video, text, None));
    let (taken, waits_s) = counted(&join_all(posts).await);
    assert_exact(taken + 1, PER_MINUTE, Duration::from_secs(60), began.elapsed());
    let each_s = u64::from(60 / PER_MINUTE);
    assert!(waits_s.iter().all(|wait_s| (1..=each_s).contains(wait_s)), "{waits_s:?}");
    let again = post(world, &ann, &video(0), "0", Some("first")).await;
    assert_eq!((again.status, again.json()), (StatusCode::CREATED, first.json()), "a known key");
    let other = post(world, &Who::from("unlimited"), &video(0), "hi", None).await;
    assert_eq!(other.status, StatusCode::CREATED, "another author");
    sleep(Duration::from_secs(*waits_s.iter().max().unwrap())).await;
    let later = post(world, &ann, &video(0), "later", None).await;
    assert_eq!(later.status, StatusCode::CREATED, "after Retry-After");
}

/// `comments_per_video_per_second`: all authors of one video, by all nodes.
pub(super) async fn of_a_video(world: &World) {
    let authors: Vec<_> = ["v0", "v1", "v2", "v3", "v4"].into_iter().map(Who::from).collect();
    let video = format!("busy-{}", world.name);
    let began = Instant::now();
    let texts: Vec<_> = (0..POSTS).map(|n| n.to_string()).collect();
    let posts = texts.iter().zip(authors.iter().cycle());
    let posts = posts.map(|(text, author)| post(world, author, &video, text, None));
    let (taken, waits_s) = counted(&join_all(posts).await);
    assert_exact(taken, PER_SECOND, Duration::from_secs(1), began.elapsed());
    assert!(waits_s.iter().all(|wait_s| *wait_s == 1), "{waits_s:?}");
    let path = format!("/v1/videos/{video}/comments?limit=200");
    let listed = world.open.next_ingest().get(&path).await.json();
    let listed = listed["comments"].as_array().unwrap().len();
    assert_eq!(listed, usize::try_from(taken).unwrap(), "what was refused is not there");
    sleep(Duration::from_secs(1)).await;
    let later = post(world, &authors[0], &video, "later", None).await;
    assert_eq!(later.status, StatusCode::CREATED, "after Retry-After");
}
