//! Commenters: a steady rate of comments, each repeated under its key until it is acknowledged.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{Method, StatusCode};
use common::{ids::CommentId, task};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    client::{Answer, Client},
    recording::{Acknowledged, Ledger},
    roles,
};

/// Distinct authors, so that none comes near a limit per user.
const AUTHORS: u64 = 300;
const TOKEN_TTL: Duration = Duration::from_secs(12 * 3600);
/// For one attempt; then the other node is asked.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Between attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Comments under way at once. When there are so many, no more are begun: commenters wait.
const UNDER_WAY_MAX: usize = 512;
/// Hang guard for one comment, all attempts together.
const GUARD: Duration = Duration::from_secs(120);

/// Everybody who comments; dropping it ends the load.
pub(crate) struct Commenters {
    shared: Arc<Shared>,
    running: watch::Sender<bool>,
    _load: AbortOnDropHandle<()>,
}

/// How much is posted, and where.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    /// By video: its part of the comments.
    pub(crate) weights: Vec<u32>,
    pub(crate) seed: u64,
}

struct Shared {
    nodes: Vec<Client>,
    tokens: Vec<String>,
    videos: Vec<String>,
    ledger: Arc<Ledger>,
    /// How many comments were begun, and which of them are not acknowledged yet.
    begun: AtomicU64,
    unanswered: Mutex<BTreeSet<u64>>,
    under_way: Arc<Semaphore>,
    /// What should never be answered, and comments that were never acknowledged.
    failures: Mutex<Vec<String>>,
}

impl Commenters {
    /// Posts nothing before [`Commenters::go_on`].
    pub(crate) fn start(
        nodes: &[SocketAddr],
        videos: &[String],
        ledger: Arc<Ledger>,
        load: Load,
    ) -> Self {
        let tokens = (0..AUTHORS).map(|n| roles::bearer(&format!("u{n}"), TOKEN_TTL));
        let shared = Arc::new(Shared {
            nodes: nodes.iter().map(|node| Client::new(*node)).collect(),
            tokens: tokens.collect(),
            videos: videos.to_vec(),
            ledger,
            begun: AtomicU64::new(0),
            unanswered: Mutex::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            failures: Mutex::default(),
        });
        let (running, runs) = watch::channel(false);
        let task = task::spawn("test.load", post_on(shared.clone(), runs, load));
        Self { shared, running, _load: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn go_on(&self) {
        self.running.send_replace(true);
    }

    /// Stops the load, and waits until every comment is acknowledged.
    pub(crate) async fn pause(&self) {
        self.running.send_replace(false);
        let all = u32::try_from(UNDER_WAY_MAX).unwrap();
        let idle = timeout(2 * GUARD, self.shared.under_way.acquire_many(all)).await;
        drop(idle.expect("comments hang").unwrap());
    }

    /// Waits until what is begun by now is acknowledged; `false` after `guard`.
    pub(crate) async fn all_answered(&self, guard: Duration) -> bool {
        let begun = self.shared.begun.load(Ordering::SeqCst);
        let oldest = || self.shared.unanswered.lock().unwrap().first().copied();
        let answered = async {
            while oldest().is_some_and(|oldest| oldest < begun) {
                sleep(RETRY_PAUSE).await;
            }
        };
        timeout(guard, answered).await.is_ok()
    }

    /// One more comment.
    pub(crate) async fn post(&self, video: usize) -> Acknowledged {
        let posted = timeout(GUARD, self.shared.post(video)).await;
        posted.expect("it was never acknowledged")
    }

    /// One more comment, whose acknowledgement [`Commenters::pause`] waits for.
    pub(crate) async fn begin_post(&self, video: usize) {
        let permit = self.shared.under_way.clone().acquire_owned().await.unwrap();
        post_soon(self.shared.clone(), permit, video);
    }

    /// What went wrong since the last call.
    pub(crate) fn failures(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.failures.lock().unwrap())
    }
}

async fn post_on(shared: Arc<Shared>, mut runs: watch::Receiver<bool>, load: Load) {
    let mut chance = StdRng::seed_from_u64(load.seed);
    let mut ticks = interval(Duration::from_secs_f64(1.0 / load.per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while runs.wait_for(|runs| *runs).await.is_ok() {
        ticks.tick().await;
        let video = drawn(&load.weights, &mut chance);
        // Nobody closes it.
        let permit = shared.under_way.clone().acquire_owned().await.unwrap();
        if *runs.borrow() {
            post_soon(shared.clone(), permit, video);
        } // else whoever paused it counts on nothing more
    }
}

fn post_soon(shared: Arc<Shared>, permit: OwnedSemaphorePermit, video: usize) {
    task::spawn("test.post", async move {
        if timeout(GUARD, shared.post(video)).await.is_err() {
            shared.failed("a comment was never acknowledged".to_owned());
        }
        drop(permit);
    });
}

fn drawn(weights: &[u32], chance: &mut StdRng) -> usize {
    let mut left = chance.random_range(0..weights.iter().sum());
    let hit = weights.iter().position(|weight| {
        let hit = left < *weight;
        left = left.saturating_sub(*weight);
        hit
    });
    hit.unwrap_or(0)
}

impl Shared {
    async fn post(&self, video: usize) -> Acknowledged {
        let n = self.begun.fetch_add(1, Ordering::SeqCst);
        self.unanswered.lock().unwrap().insert(n);
        let (key, sent_at) = (format!("{}-{n}", self.videos[video]), Instant::now());
        for attempts in 1.. {
            if let Some((id, is_pending)) = self.attempt(video, n, &key, attempts).await {
                let at = Instant::now();
                let acknowledged = Acknowledged { id, key, sent_at, at, is_pending, attempts };
                self.ledger.add(video, acknowledged.clone());
                self.unanswered.lock().unwrap().remove(&n);
                return acknowledged;
            }
            sleep(RETRY_PAUSE).await;
        }
        unreachable!("attempts have no end")
    }

    /// At the next node each time; `None` when it is to be repeated.
    async fn attempt(
        &self,
        video: usize,
        n: u64,
        key: &str,
        nth: u32,
    ) -> Option<(CommentId, bool)> {
        let node = (n + u64::from(nth)) % self.nodes.len() as u64;
        let author = n % self.tokens.len() as u64;
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
            ("authorization", &*self.tokens[usize::try_from(author).unwrap()]),
        ];
        let path = format!("/v1/videos/{}/comments", self.videos[video]);
        let body = json!({ "text": key }).to_string();
        let node = &self.nodes[usize::try_from(node).unwrap()];
        let answer = node.try_send(Method::POST, &path, &headers, body);
        match timeout(ATTEMPT_TIMEOUT, answer).await {
            Ok(Ok(answer)) => self.acknowledgement(&answer),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    fn acknowledgement(&self, answer: &Answer) -> Option<(CommentId, bool)> {
        if !matches!(answer.status, StatusCode::CREATED | StatusCode::ACCEPTED) {
            if !answer.status.is_server_error() {
                self.failed(format!("{answer:?}"));
            }
            return None;
        }
        let id = answer.json()["id"].as_str().and_then(|id| id.parse().ok());
        if id.is_none() {
            self.failed(format!("no id: {answer:?}"));
        }
        Some((id?, answer.status == StatusCode::ACCEPTED))
    }

    fn failed(&self, why: String) {
        self.failures.lock().unwrap().push(why);
    }
}
