//! Tokens of an issuer whose keys are at an address, and those that `chorus token` prints.

use std::time::Duration;

use axum::{Router, http::StatusCode, routing::get};
use common::{
    auth::Claims,
    config::Tls,
    serve::{self, Audience},
    task, tls,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Answer, Client},
    process::{self, Process, stderr},
    server::Server,
    tls::Identity,
};

const ANY_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];

/// Signs by P-256.
pub(crate) struct Issuer {
    pair: KeyPair,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self { pair: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap() }
    }

    pub(crate) fn token(&self) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("one".into());
        let claims = Claims::new("u1", Duration::from_secs(60));
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    /// The public key as it is given away.
    pub(crate) fn document(&self) -> String {
        let private = EncodingKey::from_ec_der(&self.pair.serialize_der());
        let mut key =
            jsonwebtoken::jwk::Jwk::from_encoding_key(&private, Algorithm::ES256).unwrap();
        key.common.key_id = Some("one".into());
        serde_json::json!({ "keys": [key] }).to_string()
    }

    /// Gives it away over TLS.
    fn serve(&self, identity: &Identity, stop: &CancellationToken) -> String {
        let listener =
            serve::bind("127.0.0.1:0".parse().unwrap(), "here", Audience::Public).unwrap();
        let url = format!("https://{}/keys.json", listener.local_addr().unwrap());
        let [cert, key] = identity.files.each_ref().map(Into::into);
        let tls = tls::acceptor(&Tls { cert, key }, stop).unwrap();
        let document = self.document();
        let routes = Router::new().route("/keys.json", get(async || document));
        task::spawn("issuer", serve::serve(listener, routes, Audience::Public, tls, stop.clone()));
        url
    }
}

async fn post(client: &Client, token: &str) -> Answer {
    client.comment_with("v", "hi", &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn keys_come_over_tls_from_whom_the_system_trusts() {
    let folder = tempdir().unwrap();
    let (issuer, stop) = (Issuer::new(), CancellationToken::new());
    let identity = Identity::in_folder(folder.path());
    let url = issuer.serve(&identity, &stop);
    let args = [&ANY_PORTS[..], &["--auth.jwks", &url]].concat();
    let mut trusting = process::command(folder.path(), &args);
    trusting.env("SSL_CERT_FILE", &identity.files[0]);
    let server = Process::start_command(trusting).await;
    let client = server.client();
    assert_eq!(post(&client, &issuer.token()).await.status, StatusCode::CREATED);
    assert_eq!(post(&client, &Issuer::new().token()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.comment("v", "hi").await.status, StatusCode::UNAUTHORIZED);
    server.kill().await;

    let elsewhere = tempdir().unwrap();
    let log = elsewhere.path().join("log");
    let mut doubting = process::command(elsewhere.path(), &args);
    doubting.stderr(std::fs::File::create(&log).unwrap());
    let server = Process::start_command(doubting).await;
    let refused = post(&server.client(), &issuer.token()).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "5");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("can't read the keys of tokens") && log.contains(&url), "{log}");
    server.kill().await;
    stop.cancel();
}

#[tokio::test]
async fn a_printed_token_is_for_whom_and_from_whom_it_must_be() {
    let folder = tempdir().unwrap();
    let auth = "auth.hs256_secret = 's3cret'\nauth.audience = ['a', 'b']\nauth.issuer = 'i'";
    let server = Server::all_with(folder.path(), auth).await;
    let ours = ["token", "--sub", "u1", "--auth.hs256_secret", "s3cret"];
    let expected = ["--auth.audience", "a,b", "--auth.issuer", "i"];
    for (args, status) in [
        ([&ours[..], &expected].concat(), StatusCode::CREATED),
        (ours.to_vec(), StatusCode::UNAUTHORIZED),
    ] {
        let printed = process::run(folder.path(), &args).await;
        assert!(printed.status.success(), "{}", stderr(&printed));
        let token = String::from_utf8(printed.stdout).unwrap();
        assert_eq!(post(&server.client(), token.trim()).await.status, status, "{args:?}");
    }
    server.stop().await;
}
