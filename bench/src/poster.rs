//! Posts comments, and again where that is safe.

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::{sleep, timeout};

use crate::client::{Client, Reply};
use crate::clock::Clock;
use crate::comment_id;
use crate::identity::Identity;
use crate::origin::Origin;
use crate::outcome::{Answer, Outcome};
use crate::tally::Tally;

/// An answer that takes longer is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Waits between attempts double from the first to the last, unless the server names one.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A comment to be posted.
pub(crate) struct Draft {
    /// Its number in the run: part of its Idempotency-Key.
    pub(crate) number: u64,
    pub(crate) user: u32,
    pub(crate) video: Rc<str>,
    pub(crate) text: String,
}

/// How to post.
pub(crate) struct Policy {
    pub(crate) origins: Vec<Origin>,
    pub(crate) identity: Identity,
    /// With an Idempotency-Key, which makes it safe to post again.
    pub(crate) keyed: bool,
    /// How long a keyed post is tried.
    pub(crate) retry_for: Duration,
}

/// Posts from one thread.
pub(crate) struct Poster {
    clients: Vec<Client>,
    policy: Policy,
    /// Keeps the keys of different runs apart.
    run: String,
    clock: Clock,
    tally: Rc<Tally>,
}

impl Poster {
    pub(crate) fn new(policy: Policy, clock: Clock, tally: Rc<Tally>) -> Result<Self> {
        let clients = policy.origins.iter().cloned().map(Client::new).collect::<Result<_>>()?;
        let run = format!("{:x}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos());
        Ok(Self { clients, policy, run, clock, tally })
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Opens so many connections, over all origins.
    ///
    /// # Errors
    /// When one can't be opened.
    pub(crate) async fn open(&self, connections: usize) -> Result<()> {
        for client in &self.clients {
            client.open(connections.div_ceil(self.clients.len())).await?;
        }
        Ok(())
    }

    /// Posts until there is an answer to keep. Another attempt goes to the next origin, as a load
    /// balancer would have it.
    pub(crate) async fn post(&self, draft: &Draft, due_us: u64) -> Result<Outcome> {
        Tally::add(&self.tally.posted);
        let begun = self.clock.micros();
        let (mut attempt, mut backoff) = (0, BACKOFF.0);
        loop {
            let sent_us = self.clock.micros();
            let reply = self.send_once(draft, attempt).await?;
            let done_us = self.clock.micros();
            let answer = Answer::of(reply.as_ref());
            let wait =
                reply.and_then(|reply| reply.retry_after_s).map_or(backoff, Duration::from_secs);
            let too_late = Duration::from_micros(done_us - begun) + wait > self.policy.retry_for;
            if !self.policy.keyed || !answer.may_pass() || too_late {
                self.tally.count(answer);
                let number = draft.number;
                return Ok(Outcome { number, due_us, sent_us, done_us, answer, retries: attempt });
            }
            sleep(wait).await;
            backoff = BACKOFF.1.min(backoff * 2);
            attempt += 1;
        }
    }

    /// One attempt; no reply when the outcome is unknown.
    async fn send_once(&self, draft: &Draft, attempt: u32) -> Result<Option<Reply>> {
        let turn = draft.number.wrapping_add(u64::from(attempt)) % self.clients.len() as u64;
        let client = &self.clients[usize::try_from(turn)?];
        let reply = timeout(ANSWER_WITHIN, client.send(self.request(draft)?)).await;
        Ok(reply.ok().and_then(Result::ok))
    }

    fn request(&self, draft: &Draft) -> Result<Request<Full<Bytes>>> {
        let mut body = Vec::with_capacity(draft.text.len() + 16);
        body.extend_from_slice(b"{\"text\":");
        serde_json::to_writer(&mut body, &draft.text)?;
        body.push(b'}');
        let (name, value) = self.policy.identity.header(draft.user)?;
        let mut request = Request::post(format!("/v1/videos/{}/comments", draft.video))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(name, value);
        if self.policy.keyed {
            request = request.header("idempotency-key", format!("{}-{}", self.run, draft.number));
        }
        Ok(request.body(Full::from(body))?)
    }
}

impl Answer {
    fn of(reply: Option<&Reply>) -> Self {
        match reply {
            None => Self::Unknown,
            Some(Reply { status: status @ (201 | 202), body, .. }) => comment_id::find(body)
                .map_or(Self::Garbled, |id| Self::Acknowledged { id, status: *status }),
            Some(reply) => Self::Refused(reply.status),
        }
    }

    /// Another attempt with the same key could be answered otherwise.
    fn may_pass(self) -> bool {
        matches!(self, Self::Unknown | Self::Refused(429 | 500 | 502 | 503 | 504))
    }
}
