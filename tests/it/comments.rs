//! Comments that are posted at once; everything else of them is in the contract's tables.

use axum::http::StatusCode;
use futures_util::future::join_all;
use tempfile::tempdir;

use crate::server::Server;

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
