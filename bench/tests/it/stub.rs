//! A stand-in for chorus, just wide enough for `bench`: it takes comments, streams them in the
//! contract's form, and can be told to do it wrong.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// The first stream lacks one comment.
    Drop,
    /// … has one twice.
    Double,
    /// … has two in the wrong order.
    Swap,
    /// … lacks one, and says so.
    Skip,
    /// … ends, and when it comes back is told `reset` and has missed one.
    Reset,
    /// Every stream ends after so many comments, in the middle of a block.
    Cut(usize),
    /// Every so-manieth POST is refused.
    Busy(usize),
    /// Every so-manieth POST is taken, and its answer breaks off.
    BreakOff(usize),
    /// Nobody may post.
    Refuse,
    /// Who comes back misses one, and isn't told.
    Forget,
    /// Who comes back gets one again.
    Repeat,
    /// Takes so many POSTs at a time, and refuses more.
    Narrow(usize),
    /// … and one too many makes it refuse all that come within so long.
    Topple(usize, Duration),
}

/// The comment at which the first stream goes wrong.
const WRONG_AT: usize = 5;

/// What a POST takes at a server that is [`Fault::Narrow`] or can [`Fault::Topple`].
const SERVICE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Room {
    frames: Vec<Bytes>,
    keys: HashMap<String, Uuid>,
    posts: usize,
    streams: usize,
}

/// All videos.
struct Server {
    fault: Fault,
    videos: Mutex<HashMap<String, Arc<Stub>>>,
    /// POSTs under way.
    posts: AtomicUsize,
    toppled_until: Mutex<Option<Instant>>,
}

/// One video.
struct Stub {
    fault: Fault,
    room: Mutex<Room>,
    /// How many frames there are.
    head: watch::Sender<usize>,
}

/// Serves until the process ends.
pub(crate) fn start(address: &str, fault: Fault) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (videos, toppled_until) = (Mutex::default(), Mutex::default());
    let server = Arc::new(Server { fault, videos, posts: AtomicUsize::new(0), toppled_until });
    std::thread::spawn(move || serve(listener, server));
    Ok(address)
}

fn serve(listener: std::net::TcpListener, server: Arc<Server>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let router = Router::new()
            .route("/v1/videos/{video}/comments", post(take_comment))
            .route("/v1/videos/{video}/stream", get(open_stream))
            .with_state(server);
        let listener = TcpListener::from_std(listener)?.tap_io(|stream| {
            // Without it the figures are those of delayed acknowledgements.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })
}

impl Server {
    fn video(&self, name: String) -> Arc<Stub> {
        let mut videos = self.videos.lock().unwrap_or_else(PoisonError::into_inner);
        let new =
            || Stub { fault: self.fault, room: Mutex::default(), head: watch::Sender::default() };
        Arc::clone(videos.entry(name).or_insert_with(|| Arc::new(new())))
    }

    /// Whether there is room for a POST, which the guard then takes.
    fn admit(&self) -> Option<Place<'_>> {
        let (places, topples) = match self.fault {
            Fault::Narrow(places) => (places, None),
            Fault::Topple(places, lasts) => (places, Some(lasts)),
            _ => (usize::MAX, None),
        };
        let mut toppled_until = self.toppled_until.lock().unwrap_or_else(PoisonError::into_inner);
        let place = Place(&self.posts);
        let fits = self.posts.fetch_add(1, Ordering::Relaxed) < places;
        if let (false, Some(lasts)) = (fits, topples) {
            *toppled_until = Some(Instant::now() + lasts);
        }
        (fits && toppled_until.is_none_or(|until| Instant::now() >= until)).then_some(place)
    }
}

/// A POST under way.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stub {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The frames from `from` on as this stream is shown them, and where it then is.
    fn read(&self, from: usize, opened_at: usize, is_first: bool) -> (Vec<u8>, usize) {
        let room = self.room();
        let mut bytes = b": beat\n\n".to_vec();
        for (at, frame) in room.frames.iter().enumerate().skip(from) {
            match self.fault {
                Fault::Drop if is_first && at == WRONG_AT => {}
                Fault::Skip if is_first && at == WRONG_AT => {
                    bytes.extend_from_slice(b"event: skipped\ndata: {\"count\":1}\n\n");
                }
                Fault::Double if is_first && at == WRONG_AT => {
                    bytes.extend_from_slice(&[frame.as_ref(), frame.as_ref()].concat());
                }
                Fault::Swap if is_first && at == WRONG_AT => {}
                Fault::Swap if is_first && at == WRONG_AT + 1 => {
                    bytes.extend_from_slice(&[frame, room.frames[WRONG_AT].as_ref()].concat());
                }
                Fault::Reset if is_first && at == WRONG_AT => {
                    return (cut(bytes, frame), usize::MAX);
                }
                Fault::Cut(every) if at > opened_at && at.is_multiple_of(every) => {
                    return (cut(bytes, frame), usize::MAX);
                }
                _ => bytes.extend_from_slice(frame),
            }
        }
        (bytes, room.frames.len())
    }
}

/// Ends in the middle of a frame.
fn cut(mut bytes: Vec<u8>, frame: &[u8]) -> Vec<u8> {
    bytes.extend_from_slice(&frame[..frame.len() / 2]);
    bytes
}

async fn take_comment(
    State(server): State<Arc<Server>>,
    Path(video): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if server.fault == Fault::Refuse || !is_signed(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(_place) = server.admit() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response();
    };
    if matches!(server.fault, Fault::Narrow(_) | Fault::Topple(..)) {
        tokio::time::sleep(SERVICE).await;
    }
    take(&server.video(video), &headers, &body)
}

fn take(stub: &Stub, headers: &HeaderMap, body: &Value) -> Response {
    let mut room = stub.room();
    room.posts += 1;
    let posts = room.posts;
    let fails = |every: usize| posts.is_multiple_of(every);
    if matches!(stub.fault, Fault::Busy(every) if fails(every)) {
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response();
    }
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let known = key.and_then(|key| room.keys.get(key).copied());
    let id = known.unwrap_or_else(Uuid::now_v7);
    let comment = json!({ "id": id, "author": { "id": "u1" }, "text": body["text"] }).to_string();
    if known.is_none() {
        if let Some(key) = key {
            room.keys.insert(key.to_owned(), id);
        }
        let seq = room.frames.len() + 1;
        let mut frame = String::with_capacity(comment.len() + 40);
        // Writing to a string can't fail.
        let _ = write!(frame, "event: comment\nid: {seq}\ndata: {comment}\n\n");
        room.frames.push(frame.into());
        stub.head.send_replace(seq);
    }
    if matches!(stub.fault, Fault::BreakOff(every) if fails(every)) {
        let broken = stream::once(async { Err::<Bytes, _>(io::Error::other("broken off")) });
        return (StatusCode::CREATED, Body::from_stream(broken)).into_response();
    }
    (StatusCode::CREATED, [("content-type", "application/json")], comment).into_response()
}

fn is_signed(headers: &HeaderMap) -> bool {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
    headers.contains_key("x-chorus-user")
        || bearer.is_some_and(|value| value.starts_with("Bearer ey"))
}

async fn open_stream(
    State(server): State<Arc<Server>>,
    Path(video): Path<String>,
    headers: HeaderMap,
) -> Response {
    let stub = server.video(video);
    let cursor: Option<usize> =
        headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let head = stub.head.subscribe();
    let is_first = {
        let mut room = stub.room();
        room.streams += 1;
        room.streams == 1
    };
    let (status, from) = match cursor {
        None => ("new", *head.borrow()),
        Some(_) if stub.fault == Fault::Reset => ("reset", WRONG_AT + 1),
        Some(cursor) if stub.fault == Fault::Forget => ("continued", cursor + 1),
        Some(cursor) if stub.fault == Fault::Repeat => ("continued", cursor.max(1) - 1),
        Some(cursor) => ("continued", cursor),
    };
    let hello = format!(
        ": hello\n\nretry: 20\nevent: resume\nid: {from}\ndata: {{\"status\":\"{status}\"}}\n\n"
    );
    let watching = Watching { stub, head, at: from, opened_at: from, is_first, hello: Some(hello) };
    let body = Body::from_stream(stream::unfold(watching, Watching::next));
    ([("content-type", "text/event-stream"), ("cache-control", "no-store")], body).into_response()
}

/// One open stream.
struct Watching {
    stub: Arc<Stub>,
    head: watch::Receiver<usize>,
    at: usize,
    opened_at: usize,
    is_first: bool,
    hello: Option<String>,
}

impl Watching {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(hello) = self.hello.take() {
            return Some((Ok(hello.into()), self));
        }
        if self.at == usize::MAX {
            return None;
        }
        let at = self.at;
        self.head.wait_for(|head| *head > at).await.ok()?;
        let (bytes, at) = self.stub.read(self.at, self.opened_at, self.is_first);
        self.at = at;
        Some((Ok(bytes.into()), self))
    }
}
