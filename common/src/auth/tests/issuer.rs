//! Whoever issues tokens: an HTTP server that gives away its public keys, or behaves badly.

use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::Semaphore, task::AbortHandle};

use super::*;
use crate::task;

/// What it answers.
#[derive(Clone)]
pub(super) enum Answer {
    Document(String),
    /// A status and where to look instead.
    Status(u16, &'static str),
    /// So many bytes, of which it doesn't say how many they are.
    Endless(usize),
    Never,
}

pub(super) struct Issuer {
    pub(super) url: String,
    seen: Arc<Seen>,
    server: AbortHandle,
}

struct Seen {
    requests: AtomicUsize,
    answer: Mutex<Answer>,
    /// Who has one is answered.
    permits: Semaphore,
}

impl Issuer {
    pub(super) async fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    pub(super) async fn start_at(address: &str, answer: Answer) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/keys?key=hush", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            requests: AtomicUsize::new(0),
            answer: Mutex::new(answer),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let routes = Router::new()
            .route("/keys", get(keys))
            .route("/elsewhere", get(keys))
            .with_state(seen.clone());
        let server = task::spawn("issuer", async move {
            axum::serve(listener, routes).await.unwrap();
        });
        Self { url, seen, server: server.abort_handle() }
    }

    pub(super) fn set(&self, answer: Answer) {
        *self.seen.answer.lock().unwrap() = answer;
    }

    pub(super) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// From now on it thinks before it answers, until it is told to go on.
    pub(super) fn hold(&self) {
        self.seen.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn go_on(&self) {
        self.seen.permits.add_permits(1_000);
    }

    /// Waits until so many have asked.
    pub(super) async fn asked(&self, requests: usize) {
        let asked = async {
            while self.requests() < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(GUARD, asked).await.unwrap();
    }

    pub(super) fn config(&self) -> Config {
        config(&format!("auth.jwks = {:?}", self.url))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn keys(State(seen): State<Arc<Seen>>) -> Response {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let _permit = seen.permits.acquire().await.unwrap();
    let answer = seen.answer.lock().unwrap().clone();
    match answer {
        Answer::Document(text) => text.into_response(),
        Answer::Status(status, location) => Response::builder()
            .status(status)
            .header("location", location)
            .body(Body::from("{\"keys\": []}"))
            .unwrap(),
        Answer::Endless(len) => {
            let pieces = std::iter::repeat_n(Ok::<_, Infallible>("        "), len / 8);
            Body::from_stream(futures_util::stream::iter(pieces)).into_response()
        }
        Answer::Never => std::future::pending().await,
    }
}
