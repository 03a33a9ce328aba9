//! `chorus all --demo`: a room in which something happens.

use std::collections::BTreeSet;

use common::config::Role;
use tempfile::tempdir;

use crate::server::{Server, configured};

/// With tokens and without: whoever comes finds comments that go on, a pinned one and odds.
#[tokio::test]
async fn a_demo_lives() {
    for (auth, is_shown) in [("", false), ("auth.hs256_secret = 's3cret'", true)] {
        let folder = tempdir().unwrap();
        let mut server = Server::all_with(folder.path(), auth).await;
        server.system.start_demo(&configured(Role::All, auth)).unwrap();
        let mut stream = server.client().stream("demo", "?recent=200").await;
        let (mut comments, mut names, mut roles) = (0, BTreeSet::new(), BTreeSet::new());
        while comments < 40
            || !["pin", "odds", "reactions", "viewers"].iter().all(|name| names.contains(*name))
        {
            let block = stream.next().await.expect("the stream ended");
            if block.name == "comment" {
                comments += 1;
                let role = block.json()["author"]["role"].as_str().map(str::to_owned);
                roles.extend(role);
            }
            names.insert(block.name);
        }
        assert_eq!(roles.contains("moderator"), is_shown, "{roles:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn without_a_secret_to_sign_by_there_is_no_demo() {
    let folder = tempdir().unwrap();
    let mut server = Server::all(folder.path()).await;
    let jwks = configured(Role::All, "auth.jwks = 'https://id.example/keys.json'");
    let refused = server.system.start_demo(&jwks).unwrap_err().to_string();
    assert!(refused.contains("auth.hs256_secret"), "{refused}");
    server.stop().await;
}
