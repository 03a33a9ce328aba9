//! Commenters and readers, and what came of it for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use futures_util::future::join_all;
use tokio::time::sleep_until;

use crate::{
    client::{Answer, Client},
    roles,
};

/// Commenters and readers, each with one request under way, and how often they make one.
const COMMENTERS: usize = 8;
const READERS: usize = 2;
const PERIOD: Duration = Duration::from_millis(200);
/// Longest that a post may wait for its answer: the deadline of 5 s, and one for a place.
const ANSWER_MAX: Duration = Duration::from_secs(6);

/// What came of the requests so far.
#[derive(Default)]
pub(super) struct Tally {
    /// Texts that were acknowledged, and their ids.
    pub(super) acknowledged: BTreeMap<String, String>,
    reads: usize,
    errors: Vec<String>,
    /// Longest answer of a post and of a read since it was last told.
    longest: [Duration; 2],
}

pub(super) struct Load {
    pub(super) client: Client,
    pub(super) tally: Mutex<Tally>,
}

impl Load {
    /// Posts, each with a key, and reads until it is dropped.
    pub(super) async fn go_on(&self) {
        let commenters = join_all((0..COMMENTERS).map(|who| self.comment(who)));
        let readers = join_all((0..READERS).map(|_| self.read()));
        tokio::join!(commenters, readers);
    }

    pub(super) async fn comment(&self, who: usize) {
        for n in 0.. {
            let next = tokio::time::Instant::now() + PERIOD;
            let text = format!("{who}-{n}");
            self.post(who, &text).await;
            sleep_until(next).await;
        }
    }

    pub(super) async fn post(&self, who: usize, text: &str) {
        let bearer = roles::bearer(&format!("u{who}"), Duration::from_secs(60));
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", text)];
        let began = Instant::now();
        let answer = self.client.comment_with("v", text, &headers).await;
        let mut tally = self.tally.lock().unwrap();
        tally.longest[0] = tally.longest[0].max(began.elapsed());
        if answer.status == StatusCode::CREATED {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            let before = tally.acknowledged.insert(text.to_owned(), id.clone());
            assert!(before.is_none_or(|before| before == id), "{text}");
        } else {
            tally.errors.push(format!("{text}: {answer:?}"));
        }
    }

    async fn read(&self) {
        loop {
            let next = tokio::time::Instant::now() + PERIOD;
            let began = Instant::now();
            let answer = self.client.get("/v1/videos/v/comments").await;
            self.note_read(&answer, began.elapsed());
            sleep_until(next).await;
        }
    }

    fn note_read(&self, answer: &Answer, took: Duration) {
        let mut tally = self.tally.lock().unwrap();
        tally.longest[1] = tally.longest[1].max(took);
        tally.reads += 1;
        if answer.status != StatusCode::OK {
            tally.errors.push(format!("{answer:?}"));
        }
    }

    #[expect(clippy::print_stderr, reason = "a test's only way to tell a figure")]
    pub(super) fn tell(&self, what: &str) {
        let mut tally = self.tally.lock().unwrap();
        let [post, read] = std::mem::take(&mut tally.longest);
        eprintln!(
            "three nodes: {what}: {} posts acknowledged, {} reads, {} errors so far; longest post {post:?}, read {read:?}",
            tally.acknowledged.len(),
            tally.reads,
            tally.errors.len()
        );
        assert!(tally.errors.is_empty(), "{:?}", tally.errors);
        assert!(post < ANSWER_MAX && read < ANSWER_MAX);
    }

    /// Each acknowledged comment is in history under its id, once.
    pub(super) async fn check_history(&self) {
        let acknowledged = self.tally.lock().unwrap().acknowledged.clone();
        let (mut stored, mut query) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/videos/v/comments?limit=200{query}");
            let page = self.client.get(&path).await.json();
            let word =
                |comment: &serde_json::Value, name| comment[name].as_str().unwrap().to_owned();
            let comments = page["comments"].as_array().unwrap().iter();
            stored.extend(comments.map(|comment| (word(comment, "text"), word(comment, "id"))));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("&before={next}");
        }
        let texts: BTreeSet<_> = stored.iter().map(|(text, _)| text).collect();
        assert_eq!(texts.len(), stored.len(), "doubled");
        let stored: BTreeMap<_, _> = stored.into_iter().collect();
        let lost: Vec<_> =
            acknowledged.iter().filter(|(text, id)| stored.get(*text) != Some(id)).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}
