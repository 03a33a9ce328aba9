//! Server-Sent Events as axum's documentation shows them: a broadcast channel for each video, a
//! `Sse` response for each viewer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use futures_util::Stream;
use tokio::net::TcpSocket;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Comments that a viewer may be behind before it misses some.
const CAPACITY: usize = 1_024;
/// As for the others, not tokio's 1,024.
const BACKLOG: u32 = 4_096;

#[derive(Clone, Default)]
struct Videos(Arc<Mutex<HashMap<String, broadcast::Sender<Arc<str>>>>>);

impl Videos {
    fn of(&self, video: String) -> broadcast::Sender<Arc<str>> {
        let mut videos = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        videos.entry(video).or_insert_with(|| broadcast::channel(CAPACITY).0).clone()
    }
}

#[tokio::main]
pub(super) async fn run(listen: SocketAddr) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind(listen)?;
    let router = Router::new()
        .route("/pub/{video}", post(publish))
        .route("/sub/{video}", get(subscribe))
        .with_state(Videos::default());
    let listener = socket.listen(BACKLOG)?;
    super::say(listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn publish(State(videos): State<Videos>, Path(video): Path<String>, comment: String) {
    // Nobody may be watching.
    let _ = videos.of(video).send(comment.into());
}

async fn subscribe(
    State(videos): State<Videos>,
    Path(video): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut comments = videos.of(video).subscribe();
    Sse::new(async_stream::stream! {
        loop {
            match comments.recv().await {
                Ok(comment) => yield Ok(Event::default().data(comment)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
    })
}
