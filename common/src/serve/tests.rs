//! Hypotheses on connections that say little, much at once, or nothing.

use axum::{
    http::StatusCode,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::sleep,
};

use super::{
    connection::{HEAD_LEN_MAX, HEADER_READ_TIMEOUT, HEADERS_MAX, OPENING_MAX},
    *,
};
use crate::tls::tests::some_acceptor;

fn listening() -> (TcpListener, SocketAddr) {
    let listener = bind("127.0.0.1:0".parse().unwrap(), "listen", Audience::Public).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn served() -> SocketAddr {
    serving(CancellationToken::new()).0
}

fn serving(stop: CancellationToken) -> (SocketAddr, JoinHandle<()>) {
    serving_with(None, stop)
}

fn serving_with(tls: Option<TlsAcceptor>, stop: CancellationToken) -> (SocketAddr, JoinHandle<()>) {
    let (listener, address) = listening();
    let router = Router::new().route("/", get(|| async { "hi" }));
    let router = router.route("/read", post(|read: String| async { read }));
    let router = router.route("/refuse", post(|| async { StatusCode::UNAUTHORIZED }));
    (address, task::spawn("test", serve(listener, router, Audience::Public, tls, stop)))
}

/// What is read until the server closes, and whether it did within ten times the limit.
async fn said(opening: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(served().await).await.unwrap();
    stream.write_all(opening).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let closed = tokio::time::timeout(HEADER_READ_TIMEOUT * 10, read).await.is_ok();
    closed.then(|| String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn who_asks_nothing_is_let_go() {
    let silent: [&[u8]; 4] = [b"", b"GET / HTTP/1.1\r\nHost:", b"PRI * HTTP/2", b"\r\n"];
    let answers = futures_util::future::join_all(silent.map(said)).await;
    for (opening, answer) in silent.iter().zip(answers) {
        let opening = String::from_utf8_lossy(opening);
        assert!(answer.is_some_and(|said| !said.contains("hi")), "{opening:?}");
    }
}

/// Sends the request, and once that is answered another one.
async fn answered_twice(head: &str, body: &str) -> Result<(), String> {
    let mut stream = TcpStream::connect(served().await).await.unwrap();
    stream.write_all(format!("POST {head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    for next in ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""] {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.map_err(|_| "lost".to_owned())?);
        }
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        if answer.contains("connection: close") {
            return Err("told".to_owned());
        }
        let len = answer.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let len: usize = len.map_or(0, |len| len.parse().unwrap());
        stream.read_exact(&mut vec![0; len]).await.unwrap();
        stream.write_all(next.as_bytes()).await.unwrap();
    }
    Ok(())
}

/// Who is refused before the body was read goes on with the connection, or is told that it ends.
#[tokio::test]
async fn nobody_loses_the_request_after_a_refusal() {
    let (some, much) = ("x".repeat(40_000), "x".repeat(100_000));
    let told = Err("told".to_owned());
    for (rest, body, expected) in [
        (format!("Content-Length: {}", some.len()), some.clone(), Ok(())),
        ("Transfer-Encoding: chunked".to_owned(), format!("9c40\r\n{some}\r\n0\r\n\r\n"), Ok(())),
        (format!("Content-Length: {}", much.len()), much.clone(), told.clone()),
        ("Content-Length: 0".to_owned(), String::new(), Ok(())),
        // It never comes.
        ("Content-Length: 9".to_owned(), String::new(), told.clone()),
        ("Expect: 100-continue\r\nContent-Length: 9".to_owned(), String::new(), told.clone()),
    ] {
        let answered =
            answered_twice(&format!("/refuse HTTP/1.1\r\nHost: h\r\n{rest}"), &body).await;
        assert_eq!(answered, expected, "{rest}");
    }
    let read = format!("/read HTTP/1.1\r\nHost: h\r\nContent-Length: {}", much.len());
    assert_eq!(answered_twice(&read, &much).await, Ok(()));
}

#[tokio::test]
async fn heads_that_are_too_long_are_refused() {
    let head = |fields: String| format!("GET / HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
    let fields = |count| "X: y\r\n".repeat(count);
    let usual = said(head(fields(HEADERS_MAX - 1)).as_bytes()).await.unwrap();
    assert!(usual.starts_with("HTTP/1.1 200") && usual.ends_with("hi"), "{usual}");
    let many = said(head(fields(HEADERS_MAX)).as_bytes()).await.unwrap();
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
    let long = said(head(format!("X: {}\r\n", "y".repeat(HEAD_LEN_MAX))).as_bytes()).await.unwrap();
    assert!(long.starts_with("HTTP/1.1 431"), "{long}");
}

/// More handshakes that are begun and not gone on with than may be new at a time: they hold up
/// nobody, and no end.
#[tokio::test]
async fn who_stalls_a_handshake_holds_up_nobody() {
    let stop = CancellationToken::new();
    let (address, serving) = serving_with(Some(some_acceptor(&stop)), stop.clone());
    let begun = async |_| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"\x16\x03\x01").await.unwrap();
        stream
    };
    let _begun = futures_util::future::join_all((0..OPENING_MAX + 8).map(begun)).await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut alert = Vec::new();
    let guard = HEADER_READ_TIMEOUT / 2; // after that the others are let go anyway
    timeout(guard, plain.read_to_end(&mut alert)).await.unwrap().unwrap();
    assert!(alert.starts_with(b"\x15\x03"), "told that this is no handshake: {alert:?}");
    stop.cancel();
    timeout(GRACE / 2, serving).await.unwrap().unwrap();
}

/// A connection that was opened and not used yet.
#[tokio::test]
async fn who_is_silent_holds_up_no_end() {
    let stop = CancellationToken::new();
    let (address, serving) = serving(stop.clone());
    let _silent = TcpStream::connect(address).await.unwrap();
    sleep(Duration::from_millis(50)).await; // for the server to accept it
    stop.cancel();
    timeout(GRACE / 2, serving).await.unwrap().unwrap(); // what holds it up, does so for all of GRACE
}

#[tokio::test]
async fn accepted_sockets_have_the_bounds_of_the_public_one() {
    let (listener, address) = listening();
    let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let accepted = accepted.unwrap().0;
    let socket = SockRef::from(&accepted);
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED_MAX));
    assert_eq!(socket.send_buffer_size().unwrap(), 2 * SEND_BUFFER_PUBLIC as usize);
    assert!(accepted.nodelay().unwrap());
}

/// More connections that never finish what they begin than may be new at a time.
#[tokio::test]
async fn who_does_not_finish_holds_nobody_up() {
    let address = served().await;
    let begun = async |_| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        stream
    };
    let _begun = futures_util::future::join_all((0..OPENING_MAX + 8).map(begun)).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let guard = HEADER_READ_TIMEOUT / 2; // after that the others are let go anyway
    timeout(guard, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with("hi"), "{answer}");
}

#[tokio::test]
async fn a_port_in_use_says_what_to_do() {
    let error = bind(served().await, "listen", Audience::Public).unwrap_err().to_string();
    assert!(error.contains("in use") && error.contains("`listen`"), "{error}");
}
