//! A viewer: a bare EventSource that always comes back to the same URL, and records what it sees.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use common::{ids::CommentId, task};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    event_source::{Event, EventSource},
    front::Front,
    recording::{Recording, What},
};

/// A running viewer; dropping it ends it.
pub(crate) struct Viewer {
    recording: Arc<Mutex<Recording>>,
    _task: AbortOnDropHandle<()>,
}

impl Viewer {
    pub(crate) fn start(front: Arc<Front>, video: &str) -> Self {
        let recording = Arc::new(Mutex::new(Recording::default()));
        let watching = Watching {
            front,
            path: format!("/v1/videos/{video}/stream"),
            source: EventSource::new(),
            recording: recording.clone(),
            was_at: None,
            is_at: None,
        };
        let task = task::spawn("test.viewer", watching.watch());
        Self { recording, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn recording(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap()
    }
}

/// Why there is no stream.
enum Failed {
    /// An EventSource tries again.
    Network,
    /// It never does.
    ForGood(String),
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(_: E) -> Self {
        Self::Network
    }
}

struct Watching {
    front: Arc<Front>,
    path: String,
    source: EventSource,
    recording: Arc<Mutex<Recording>>,
    /// The gateway it was at, and which life of that.
    was_at: Option<(usize, u64)>,
    is_at: Option<(usize, u64)>,
}

impl Watching {
    async fn watch(mut self) {
        loop {
            match self.open().await {
                Ok(body) => self.read(body).await,
                Err(Failed::Network) => {}
                Err(Failed::ForGood(why)) => {
                    self.recording.lock().unwrap().given_up = Some(why);
                    return;
                }
            }
            self.recording.lock().unwrap().gateway = None;
            tokio::time::sleep(Duration::from_millis(self.source.retry_ms())).await;
            self.source.reconnect();
        }
    }

    /// A browser sets no limit to how long this takes.
    async fn open(&mut self) -> Result<Incoming, Failed> {
        let stream = TcpStream::connect(self.front.address()).await?;
        let port = stream.local_addr()?.port();
        let (mut http, connection) = http1::handshake(TokioIo::new(stream)).await?;
        task::spawn("test.viewer", async move {
            let _ = connection.await; // its end is the body's
        });
        let mut request = Request::get(&self.path)
            .header(header::HOST, "chorus.test")
            .header(header::ACCEPT, "text/event-stream")
            .header(header::CACHE_CONTROL, "no-store");
        if !self.source.last_id().is_empty() {
            request = request.header("last-event-id", self.source.last_id());
        }
        let response = http.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
        if response.status() != StatusCode::OK || kind != Some(b"text/event-stream") {
            return Err(Failed::ForGood(format!("{} {kind:?}", response.status())));
        }
        let gateway = self.front.gateway_of(port);
        self.was_at = self.is_at.take();
        self.is_at = gateway.map(|gateway| (gateway, self.front.life_of(gateway)));
        self.recording.lock().unwrap().gateway = gateway;
        Ok(response.into_body())
    }

    async fn read(&mut self, mut body: Incoming) {
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.into_data().unwrap_or_default();
            let recording = &self.recording;
            let moved = self.was_at != self.is_at;
            let mut note = |event| note(&mut recording.lock().unwrap(), &event, moved);
            self.source.feed(&bytes, &mut note);
        }
    }
}

fn note(recording: &mut Recording, event: &Event, moved: bool) {
    match read(event) {
        Ok(Some(What::Continued)) if moved => recording.add(What::Moved),
        Ok(Some(what)) => recording.add(what),
        Ok(None) => {}
        Err(why) => recording.given_up = Some(format!("{why}: {event:?}")),
    }
}

/// What the event says, if it is one of those that matter here.
fn read(event: &Event) -> Result<Option<What>, String> {
    if !["comment", "skipped", "resume"].contains(&&*event.name) {
        return Ok(None);
    }
    let data: Value = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
    let number = |field: &str| data[field].as_u64().ok_or_else(|| format!("no {field}"));
    let what = match (&*event.name, data["status"].as_str()) {
        ("comment", _) => {
            let id: Option<CommentId> = data["id"].as_str().and_then(|id| id.parse().ok());
            let id = id.ok_or("no comment's id")?;
            if event.gives_id { What::Comment(id) } else { What::Placeless(id) }
        }
        ("skipped", _) => What::Skipped { count: number("count")? },
        (_, Some("new")) => What::Joined,
        (_, Some("continued")) => What::Continued,
        (_, Some("reset")) => What::Reset { replayed: number("replayed")? },
        _ => return Err("no such verdict".to_owned()),
    };
    Ok(Some(what))
}
