//! However a viewer connects, it gets the same bytes: over a socket that the gateway takes over
//! from hyper (HTTP/1.1), or as a response body (HTTP/1.0, HTTP/2, long polls).

use std::{net::SocketAddr, time::Duration};

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::tempdir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Barrier,
    time::{sleep, timeout},
};

use crate::{
    client::{Client, GUARD},
    server::Server,
};

const ORIGIN: &str = "https://a.example";
pub(crate) const LIST: &str =
    "GET /v1/videos/v/comments?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// The last comment before the streams are open, and the last one of all.
const THREE: &str = "three";
pub(crate) const LAST: &str = "the last one";

/// A response as it came: the head's lines that don't depend on the version, and the body.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: String,
    closes: bool,
}

/// Bytes of a connection, as far as they were read.
pub(crate) struct Raw<Socket> {
    socket: Socket,
    read: Vec<u8>,
}

impl Raw<TcpStream> {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<Socket: AsyncRead + AsyncWrite + Unpin> Raw<Socket> {
    pub(crate) fn over(socket: Socket) -> Self {
        Self { socket, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    async fn more(&mut self) {
        let len = timeout(GUARD, self.socket.read_buf(&mut self.read)).await.unwrap().unwrap();
        assert!(len > 0, "closed");
    }

    /// Takes the next head.
    async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.read.split_off(end + 4);
                let head = std::mem::replace(&mut self.read, rest);
                return String::from_utf8(head).unwrap();
            }
            self.more().await;
        }
    }

    /// Takes an answer that has a length.
    pub(crate) async fn answer(&mut self) -> Vec<u8> {
        let head = self.head().await.to_lowercase();
        let len = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let len = len.parse().unwrap();
        while self.read.len() < len {
            self.more().await;
        }
        let rest = self.read.split_off(len);
        std::mem::replace(&mut self.read, rest)
    }

    /// Takes a stream's head and its body up to the last comment, which comes once all are `open`.
    pub(crate) async fn stream(&mut self, open: &Barrier) -> Seen {
        let head = self.head().await;
        assert!(head.lines().next().unwrap().ends_with(" 200 OK"), "{head}");
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let fields: Vec<_> = fields.collect();
        let is_chunked = fields.contains(&("transfer-encoding".into(), "chunked".into()));
        let closes = fields.contains(&("connection".into(), "close".into()));
        let mut is_open = false;
        loop {
            let body = if is_chunked { dechunked(&self.read) } else { self.read.clone() };
            let body = String::from_utf8(body).unwrap();
            if !is_open && has_all(&body, THREE) {
                is_open = true;
                open.wait().await;
            }
            if has_all(&body, LAST) {
                return Seen { head: comparable(fields), body: without_retry(&body), closes };
            }
            self.more().await;
        }
    }
}

/// What whole chunks there are.
fn dechunked(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|pair| pair == b"\r\n") {
        let len = usize::from_str_radix(str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
        let Some(chunk) = raw.get(end + 2..end + 4 + len) else { break };
        body.extend_from_slice(&chunk[..len]);
        raw = &raw[end + 4 + len..];
    }
    body
}

fn has_all(body: &str, last: &str) -> bool {
    body.contains(last) && body.ends_with("\n\n")
}

/// Every viewer has a time of its own to come back after, and hears of how many there are at a time
/// of its own.
fn without_retry(body: &str) -> String {
    let blocks = body.split_inclusive("\n\n");
    let blocks: String = blocks.filter(|block| !block.starts_with("event: viewers\n")).collect();
    blocks
        .lines()
        .filter(|line| !line.starts_with("retry: "))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn comparable(fields: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let of_the_version = ["date", "connection", "transfer-encoding", "x-request-id"];
    let mut fields: Vec<_> =
        fields.into_iter().filter(|(name, _)| !of_the_version.contains(&name.as_str())).collect();
    fields.sort();
    fields
}

/// HTTP/2, from a client that knows that the server speaks it.
pub(crate) async fn h2<Socket>(socket: Socket, path: &str, open: &Barrier) -> Seen
where
    Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    common::task::spawn("test", connection);
    let request = hyper::Request::get(format!("http://localhost{path}"))
        .header("origin", ORIGIN)
        .body(Empty::<Bytes>::new())
        .unwrap();
    let (head, mut body) = sender.send_request(request).await.unwrap().into_parts();
    assert_eq!(head.status, StatusCode::OK);
    let mut read = String::new();
    for last in [THREE, LAST] {
        while !has_all(&read, last) {
            let frame = timeout(GUARD, body.frame()).await.unwrap().unwrap().unwrap();
            read.push_str(str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
        if last == THREE {
            open.wait().await;
        }
    }
    Seen { head: comparable(pairs(&head.headers)), body: without_retry(&read), closes: false }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

pub(crate) fn get(path: &str, version: &str) -> String {
    format!("GET {path} HTTP/{version}\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\n\r\n")
}

/// Posts four comments; the way to a stream that continues after the first.
pub(crate) async fn path_before_three(client: &Client) -> String {
    client.comment("v", "before").await;
    let cursor = client.get("/v1/videos/v/comments").await.json()["cursor"].clone();
    for text in ["one", "two", THREE] {
        client.comment("v", text).await;
    }
    format!("/v1/videos/v/stream?after={}", cursor.as_str().unwrap())
}

/// A server, its client, and the way to a stream that continues before three comments.
pub(crate) async fn before_three(folder: &std::path::Path) -> (Server, Client, String) {
    let cors = format!("[cors]\nallowed_origins = [\"{ORIGIN}\"]");
    let server = Server::all_with(folder, &cors).await;
    let client = server.client();
    let path = path_before_three(&client).await;
    (server, client, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_kinds_of_viewers_get_the_same() {
    let folder = tempdir().unwrap();
    let (server, client, path) = before_three(folder.path()).await;
    let address = server.public();
    let (mut fresh, mut reused, mut pipelined, mut old) = (
        Raw::connect(address).await,
        Raw::connect(address).await,
        Raw::connect(address).await,
        Raw::connect(address).await,
    );
    let multiplexed = TcpStream::connect(address).await.unwrap();
    fresh.send(&get(&path, "1.1")).await;
    reused.send(LIST).await;
    reused.answer().await;
    reused.send(&get(&path, "1.1")).await;
    pipelined.send(&[LIST, &get(&path, "1.1")].concat()).await;
    old.send(&get(&path, "1.0")).await;
    let open = Barrier::new(6);
    let post_more = async {
        open.wait().await;
        for text in ["four", LAST] {
            assert_eq!(client.comment("v", text).await.status, StatusCode::CREATED);
        }
    };
    pipelined.answer().await;
    let (fresh, reused, pipelined, old, h2, ()) = tokio::join!(
        fresh.stream(&open),
        reused.stream(&open),
        pipelined.stream(&open),
        old.stream(&open),
        h2(multiplexed, &path, &open),
        post_more
    );
    assert_eq!(fresh.body.matches("event: comment").count(), 5, "{}", fresh.body);
    let named = |name: &str| fresh.head.iter().any(|(field, _)| field == name);
    assert!(named("access-control-allow-origin") && !named("content-length"), "{:?}", fresh.head);
    for (kind, seen) in
        [("reused", &reused), ("pipelined", &pipelined), ("HTTP/1.0", &old), ("HTTP/2", &h2)]
    {
        assert_eq!((&seen.head, &seen.body), (&fresh.head, &fresh.body), "{kind}");
    }
    assert!(fresh.closes && reused.closes && pipelined.closes, "taken over");
    server.stop().await;
}

/// What a client asked for before on the same connection comes first, also when it is more than the
/// sockets hold and the client reads it only once the stream has begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_waits_for_earlier_answers() {
    const LISTS: usize = 4;
    let folder = tempdir().unwrap();
    let (server, client, path) = before_three(folder.path()).await;
    for _ in 0..200 {
        client.comment("v", &"👍🏽".repeat(400)).await;
    }
    client.comment("v", LAST).await;
    let one = client.get("/v1/videos/v/comments?limit=200").await.body;
    let mut raw = Raw::connect(server.public()).await;
    raw.send(&[LIST.repeat(LISTS), get(&path, "1.1")].concat()).await;
    sleep(Duration::from_millis(200)).await; // for the server to come to the stream
    for nth in 0..LISTS {
        assert_eq!(raw.answer().await.len(), one.len(), "answer {nth}");
    }
    let seen = raw.stream(&Barrier::new(1)).await;
    assert_eq!(seen.body.matches("event: comment").count(), 204);
    server.stop().await;
}
