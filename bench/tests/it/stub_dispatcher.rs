//! A stand-in for a dispatcher: it takes the wire's calls, looks whether they are such as ingest
//! makes, and can be told not to have a place for what they bring.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use common::comment::Comment;
use common::event::{EventId, Kind, VideoEvents};
use common::link::{Accepted, NotAppended};
use common::position::{Epoch, Position};
use common::wire::{self, DispatchRequest, DispatchResponse};
use tokio::net::TcpListener;

pub(crate) const SECRET: &str = "hush";

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    Accepted,
    /// Every third comment finds no live log.
    ThirdsUnavailable,
    /// None does.
    Unavailable,
    /// No room, at every other call.
    Busy,
    /// One answer too few.
    Short,
}

/// A running one.
#[derive(Clone)]
pub(crate) struct StubDispatcher(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    answers: Answers,
    calls: AtomicU64,
    accepted: AtomicU64,
    seen: Mutex<HashSet<EventId>>,
}

impl StubDispatcher {
    /// Serves until the process ends.
    pub(crate) fn start(answers: Answers) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let stub = Self(Arc::new(Inner {
            address: listener.local_addr().unwrap(),
            answers,
            calls: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            seen: Mutex::default(),
        }));
        let router = Router::new().route("/internal/v1/dispatch", post(dispatch));
        let router = router.with_state(stub.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                axum::serve(TcpListener::from_std(listener).unwrap(), router).await
            })
        });
        stub
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Comments that it gave a place.
    pub(crate) fn accepted(&self) -> u64 {
        self.0.accepted.load(Relaxed)
    }

    fn answer(&self, batches: &[VideoEvents]) -> Vec<Accepted> {
        let count = batches.iter().map(|batch| batch.events.len()).sum::<usize>();
        let answer = |nth: usize| match self.0.answers {
            Answers::ThirdsUnavailable if nth.is_multiple_of(3) => {
                Err(NotAppended::LogAway("gone".into()))
            }
            Answers::Unavailable => Err(NotAppended::LogAway("gone".into())),
            _ => Ok(Position { epoch: Epoch(1), seq: 1 + self.0.accepted.fetch_add(1, Relaxed) }),
        };
        let count = if self.0.answers == Answers::Short { count - 1 } else { count };
        (0..count).map(answer).collect()
    }

    /// Whether it is what ingest would send: comments of the batch's video, each of them new.
    fn is_well_made(&self, batches: &[VideoEvents]) -> bool {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        batches.iter().all(|VideoEvents { video, events, .. }| {
            !events.is_empty()
                && events.iter().all(|event| {
                    let comment = serde_json::from_slice::<Comment>(&event.data).unwrap();
                    event.kind == Kind::COMMENT
                        && comment.video == *video
                        && event.id == comment.id.into()
                        && seen.insert(event.id)
                })
        })
    }
}

async fn dispatch(State(stub): State<StubDispatcher>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get("x-chorus-internal-secret").is_none_or(|secret| secret != SECRET) {
        return (StatusCode::UNAUTHORIZED, "wrong secret").into_response();
    }
    let batches = wire::decode::<DispatchRequest>(body).and_then(Vec::<VideoEvents>::try_from);
    let Ok(batches) = batches else {
        return (StatusCode::BAD_REQUEST, "not the wire's").into_response();
    };
    if !stub.is_well_made(&batches) {
        return (StatusCode::BAD_REQUEST, "not what ingest would send").into_response();
    }
    if stub.0.calls.fetch_add(1, Relaxed) % 2 == 1 && stub.0.answers == Answers::Busy {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    wire::encode(&DispatchResponse::from(&stub.answer(&batches)[..])).into_response()
}
