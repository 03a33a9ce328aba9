//! Everything secret that a client can show, shown in every way, good and malformed.

use std::{net::SocketAddr, time::Duration};

use axum::http::Method;
use common::{
    auth::{self, Claims, Role},
    peer::{DELIVER_PATH, DISPATCH_PATH},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{HS256, INTERNAL};
use crate::{
    client::{Client, GUARD},
    tokens::Issuer,
};

/// Where the roles' public sockets are; of `all` both are one.
#[derive(Clone, Copy)]
pub(super) struct Doors {
    pub(super) ingest: SocketAddr,
    pub(super) gateway: SocketAddr,
}

/// Tokens, the first of which is good.
pub(super) fn tokens(issuer: &Issuer) -> Vec<String> {
    let mut claims = Claims::new("ann", Duration::from_secs(60));
    claims.role = Some(Role::Admin);
    let by = |secret: &str, claims: &Claims| auth::sign(secret, claims).unwrap();
    let good = by(HS256, &claims);
    let key = EncodingKey::from_secret(HS256.as_bytes());
    vec![
        issuer.token(),
        Issuer::new().token(),
        by("another", &claims),
        by(HS256, &Claims { exp: 1, ..claims.clone() }),
        by(HS256, &Claims { nbf: Some(u64::MAX), ..claims.clone() }),
        by(HS256, &Claims { avatar: Some("no-picture-9d1f".into()), ..claims.clone() }),
        jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &key).unwrap(),
        format!("{good}="),
        format!("{good}.{good}"),
        "opaque-hush-3c8e51".to_owned(),
        good,
    ]
}

/// Shows each token to every kind of endpoint; as `Authorization`, and where it doesn't belong.
pub(super) async fn show_tokens(doors: Doors, tokens: &[String]) {
    for speaks in [Client::new, Client::http2] {
        let (ingest, gateway) = (speaks(doors.ingest), speaks(doors.gateway));
        for token in tokens {
            for value in [format!("Bearer {token}"), format!("Basic {token}"), token.clone()] {
                let headers = [("authorization", value.as_str())];
                ingest.comment_with("v", "hi", &headers).await;
                for (method, path) in [
                    (Method::POST, "/v1/videos/v/tickets"),
                    (Method::PUT, "/v1/videos/v/settings"),
                    (Method::GET, "/v1/videos/v/comments?format=ndjson"),
                    (Method::GET, "/v1/nothing"),
                ] {
                    ingest.send(method, path, &headers, "").await;
                }
                gateway.stream_with("v", "?recent=0", &headers).await;
            }
            ingest.get(&format!("/v1/videos/v/comments?access_token={token}")).await;
            gateway.stream("v", &format!("?token={token}")).await;
        }
    }
}

/// Has tickets given, and uses them rightly and wrongly; gives back tickets and cookies.
pub(super) async fn show_passes(doors: Doors, token: &str) -> Vec<String> {
    let bearer = format!("Bearer {token}");
    let mut shown = Vec::new();
    for speaks in [Client::new, Client::http2] {
        let (ingest, gateway) = (speaks(doors.ingest), speaks(doors.gateway));
        let path = "/v1/videos/v/tickets";
        let issued = ingest.send(Method::POST, path, &[("authorization", &bearer)], "").await;
        let ticket = issued.json()["ticket"].as_str().unwrap().to_owned();
        let first = gateway.stream("v", &format!("?ticket={ticket}")).await;
        let cookie = first.headers["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        for (video, query) in [("v", ""), ("w", ""), ("%20", ""), ("v", "&recent=x"), ("v", "x")] {
            gateway.stream(video, &format!("?ticket={ticket}{query}")).await;
        }
        gateway.get(&format!("/v1/nothing?ticket={ticket}")).await;
        ingest.get(&format!("/v1/videos/v/comments?ticket={ticket}")).await;
        for cookie in [cookie.clone(), format!("{cookie}x"), format!("{cookie}; {cookie}")] {
            gateway.stream_with("v", "", &[("cookie", &cookie)]).await;
            ingest.comment_with("v", "hi", &[("cookie", &cookie)]).await;
        }
        for door in [doors.ingest, doors.gateway] {
            malformed(door, &ticket, token).await;
        }
        shown.extend([ticket, cookie.split_once('=').unwrap().1.to_owned()]);
    }
    shown
}

/// Requests that no client of ours can send.
async fn malformed(door: SocketAddr, ticket: &str, token: &str) {
    let path = format!("/v1/videos/v/stream?ticket={ticket}");
    let authorization = format!("Authorization: Bearer {token}");
    for head in [
        format!("GET {path} HTTP/9.9\r\n\r\n"),
        format!("GET {path}\u{1} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET http://[{path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GE T {path} HTTP/1.1\r\n{authorization}\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n{authorization}\u{0}\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n{authorization} : a\nb\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n{authorization}{}\r\n\r\n", "x".repeat(20_000)),
    ] {
        raw(door, head.as_bytes()).await;
    }
    for path in [format!("{path} "), format!("{path}\u{7f}"), format!("//[{path}")] {
        raw(door, &http2_get(&path)).await;
    }
}

/// Sends it, and waits for the answer's first bytes or the end.
async fn raw(door: SocketAddr, bytes: &[u8]) {
    let mut socket = TcpStream::connect(door).await.unwrap();
    // It may be refused before the last byte.
    let _ = socket.write_all(bytes).await;
    let _ = timeout(GUARD, socket.read(&mut [0; 1_024])).await.expect("no answer");
}

/// The bytes of an HTTP/2 connection that asks for a path as it is, then says goodbye.
fn http2_get(path: &str) -> Vec<u8> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // HPACK: GET, http, and literals for :authority and :path.
    let mut head = vec![0x82, 0x86, 0x01, 1, b'a', 0x04];
    let mut rest = path.len().checked_sub(127).expect("a ticket is longer");
    head.push(127);
    while rest >= 128 {
        head.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    head.push(u8::try_from(rest).unwrap());
    head.extend(path.as_bytes());
    let [.., high, low] = head.len().to_be_bytes();
    let frame = [0, high, low, 1, 5, 0, 0, 0, 1];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &SETTINGS[..], &frame, &head, &GOAWAY].concat()
}

/// Calls what only roles may call, with the secret and with another one; gives that back.
pub(super) async fn show_internal(door: SocketAddr) -> String {
    let wrong = "wrong-hush-60d4f2";
    for speaks in [Client::new, Client::http2] {
        for path in [DISPATCH_PATH, DELIVER_PATH] {
            for secret in [INTERNAL, wrong] {
                let headers = [("x-chorus-internal-secret", secret)];
                speaks(door).send(Method::POST, path, &headers, "junk").await;
            }
        }
    }
    wrong.to_owned()
}
