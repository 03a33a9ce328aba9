//! Comments that are posted at once, and ones that are far too large; everything else of them is in the
//! contract's tables.

use axum::http::StatusCode;
use futures_util::future::join_all;
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::timeout,
};

use crate::{client::GUARD, process::Process, server::Server};

#[tokio::test]
async fn the_same_key_32_times_at_once() {
    let folder = tempdir().unwrap();
    let server = Server::all(folder.path()).await;
    let client = server.client();
    let headers = [("x-chorus-user", "u1"), ("idempotency-key", "k")];
    let posts = (0..32).map(|_| client.comment_with("v", "hi", &headers));
    let answers = join_all(posts).await;
    let id = answers[0].json()["id"].clone();
    for answer in &answers {
        assert_eq!((answer.status, &answer.json()["id"]), (StatusCode::CREATED, &id));
    }
    assert_eq!(
        client.get("/v1/videos/v/comments").await.json()["comments"].as_array().unwrap().len(),
        1
    );
    server.stop().await;
}

/// It sends far more than sockets hold before it looks for the answer.
#[tokio::test]
async fn who_sends_far_too_much_is_told_so() {
    const LEN: usize = 1_000_000;
    let folder = tempdir().unwrap();
    let any = ["all", "--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
    let server = Process::start(folder.path(), &any).await;
    let head = "POST /v1/videos/v/comments HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/json\r\n";
    let body = " ".repeat(LEN);
    let with_length = format!("{head}Content-Length: {LEN}\r\n\r\n{body}");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{LEN:x}\r\n{body}\r\n0\r\n\r\n");
    for request in [with_length, chunked].iter().cycle().take(6) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(16 * 1024).unwrap(); // not even its own holds much
        let mut socket = socket.connect(server.public.unwrap()).await.unwrap();
        let mut answer = [0; 12];
        let asked = async {
            socket.write_all(request.as_bytes()).await?;
            socket.read_exact(&mut answer).await
        };
        timeout(GUARD, asked).await.expect("no answer").expect("cut off");
        assert_eq!(str::from_utf8(&answer), Ok("HTTP/1.1 413"));
    }
    server.kill().await;
}
