//! Commenters: they post with and without a key, give up waiting, and try again elsewhere with the
//! same key until somebody acknowledges.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use common::ids::{CommentId, VideoId};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    cluster::{Cluster, PROCESSES},
    dice::Dice,
    network::Node,
};

/// A commenter's patience with one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer that acknowledged a comment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Acknowledged {
    pub(crate) at_ms: u64,
    pub(crate) status: u16,
    pub(crate) id: CommentId,
}

/// One comment as its author knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Posted {
    pub(crate) video: VideoId,
    /// When it was sent for the first time, milliseconds since the simulation began.
    pub(crate) sent_ms: u64,
    /// All answers that acknowledged it; several where it was posted several times under one key.
    pub(crate) acknowledged: Vec<Acknowledged>,
    pub(crate) deleted: Option<Deleted>,
}

/// A comment that its author deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Deleted {
    pub(crate) id: CommentId,
    /// When it was told that it is gone everywhere, milliseconds since the simulation began.
    pub(crate) gone_ms: Option<u64>,
}

#[derive(Clone)]
pub(crate) struct Commenter {
    cluster: Arc<Cluster>,
    dice: Dice,
    number: u64,
    pause_ms: u64,
}

impl Commenter {
    pub(crate) fn new(cluster: Arc<Cluster>, seed: u64, number: u64, pause_ms: u64) -> Self {
        Self { cluster, dice: Dice::new(seed, ("commenter", number)), number, pause_ms }
    }

    /// Posts to `videos` until `end`.
    pub(crate) async fn comment(mut self, videos: Vec<VideoId>, end: Instant) -> Vec<Posted> {
        let mut posted = Vec::new();
        for serial in 0.. {
            let pause = if self.dice.happens(100) { 8 * self.pause_ms } else { self.pause_ms };
            sleep(Duration::from_millis(self.dice.within(10..pause))).await;
            if Instant::now() >= end {
                break;
            }
            let which = self.dice.within(0..videos.len() as u64);
            let video = videos[usize::try_from(which).unwrap()].clone();
            let mut comment = self.post(video, serial).await;
            if self.dice.happens(100)
                && let Some(answer) = comment.acknowledged.first()
            {
                sleep(Duration::from_millis(self.dice.within(0..1_000))).await;
                let deleted = self.delete(&comment.video, answer.id).await;
                comment.deleted = Some(deleted);
            }
            posted.push(comment);
        }
        posted
    }

    /// Deletes a comment, at any node, until somebody says that it is done, or is being done.
    async fn delete(&mut self, video: &VideoId, id: CommentId) -> Deleted {
        let (uri, user) = (format!("/v1/videos/{}/comments/{id}", video.as_str()), self.number);
        for attempt in self.dice.within(0..2).. {
            let node = Node::Ingest(u8::try_from(attempt % u64::from(PROCESSES)).unwrap());
            let uri = uri.clone();
            let request = move || {
                let request = Request::delete(&uri).header("x-chorus-user", format!("u{user}"));
                request.body(Body::empty()).unwrap()
            };
            let label = format!("delete {id:?}");
            let answer = self.cluster.ask(Node::Commenters, node, &label, request);
            match timeout(2 * PATIENCE, answer).await {
                Ok(Some((204, _))) => {
                    return Deleted { id, gone_ms: Some(self.cluster.now_ms()) };
                }
                // 404: it was acknowledged and isn't stored, which is the judge's business.
                Ok(Some((202 | 404, _))) => break,
                Ok(Some((503, _)) | None) | Err(_) => {}
                Ok(Some((status, why))) => panic!("{status} {why}"),
            }
            sleep(Duration::from_millis(300)).await;
        }
        Deleted { id, gone_ms: None }
    }

    async fn post(&mut self, video: VideoId, serial: u64) -> Posted {
        let text = format!("{} of {}", serial, self.number);
        let sent_ms = self.cluster.now_ms();
        let mut acknowledged = Vec::new();
        if self.dice.happens(200) {
            // Without a key nobody may try again.
            acknowledged.extend(self.ask(0, &video, &text, None).await);
            return Posted { video, sent_ms, acknowledged, deleted: None };
        }
        let key = format!("key-{serial}");
        if self.dice.happens(100) {
            // Twice at once, at both nodes.
            let both = [0, 1].map(|ingest| self.ask(ingest, &video, &text, Some(&key)));
            for answer in futures_util::future::join_all(both).await {
                acknowledged.extend(answer);
            }
        }
        for attempt in self.dice.within(0..2).. {
            let ingest = u8::try_from(attempt % u64::from(PROCESSES)).unwrap();
            if let Some(answer) = self.ask(ingest, &video, &text, Some(&key)).await {
                acknowledged.push(answer);
                break;
            }
            sleep(Duration::from_millis(300)).await;
        }
        if self.dice.happens(50) {
            // The answer got lost on its last mile.
            let again = self.ask(0, &video, &text, Some(&key)).await;
            acknowledged.extend(again);
        }
        Posted { video, sent_ms, acknowledged, deleted: None }
    }

    async fn ask(
        &self,
        ingest: u8,
        video: &VideoId,
        text: &str,
        key: Option<&str>,
    ) -> Option<Acknowledged> {
        let node = Node::Ingest(ingest);
        let (uri, user) = (format!("/v1/videos/{}/comments", video.as_str()), self.number);
        let (body, key) = (format!("{{\"text\":\"{text}\"}}"), key.map(str::to_owned));
        let label = format!("post {user} {text}");
        let answer = self.cluster.ask(Node::Commenters, node, &label, move || {
            let mut request = Request::post(&uri)
                .header("content-type", "application/json")
                .header("x-chorus-user", format!("u{user}"));
            if let Some(key) = &key {
                request = request.header("idempotency-key", key);
            }
            request.body(Body::from(body.clone())).unwrap()
        });
        let (status, comment) = timeout(PATIENCE, answer).await.ok()??;
        if status == 503 {
            return None; // nothing was acknowledged
        }
        assert!(matches!(status, 201 | 202), "{status} {comment}");
        let id = comment["id"].as_str().unwrap().parse().unwrap();
        Some(Acknowledged { at_ms: self.cluster.now_ms(), status, id })
    }
}
