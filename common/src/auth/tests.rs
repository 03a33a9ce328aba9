//! Who is let in: tokens of every kind, and development mode.

use std::{fs, slice::from_ref, time::Duration};

use axum::http::HeaderValue;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::*;
use crate::config::{Role as ProcessRole, Sources, load};

mod confusion;
mod documents;
mod issuer;
mod rotation;
mod signer;
mod silence;

use signer::Signer;

/// Of HS256 tokens.
const SECRET: &str = "a secret of tests";
/// Longer than anything here takes: a test that hangs fails.
const GUARD: Duration = Duration::from_secs(30);

fn config(text: &str) -> Config {
    let sources = Sources::default().with_file_text("c.toml", text);
    load(ProcessRole::All, sources).config.unwrap()
}

/// Of a configuration that is read once: nothing looks again within the test.
async fn authenticator(text: &str) -> Arc<Authenticator> {
    let config = config(text);
    tokio::time::timeout(GUARD, Authenticator::start(&config, &CancellationToken::new()))
        .await
        .unwrap()
        .unwrap()
}

/// A document with these keys.
fn document(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// A file with these keys, and the configuration that names it.
fn file_of(keys: &[Value]) -> (NamedTempFile, String) {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), document(keys)).unwrap();
    let named = format!("auth.jwks = {:?}\n", file.path().to_str().unwrap());
    (file, named)
}

fn with(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
}

impl Authenticator {
    /// What becomes of a token.
    async fn told(&self, token: &str) -> Result<Principal, Code> {
        let headers = with("authorization", &format!("Bearer {token}"));
        let identified = tokio::time::timeout(GUARD, self.identify(&headers)).await.unwrap();
        identified.map(Option::unwrap).map_err(|problem| problem.code())
    }
}

fn now_s() -> u64 {
    ambient::since_1970().as_secs()
}

fn good() -> Value {
    json!({"sub": "u", "exp": now_s() + 60})
}

#[tokio::test]
async fn a_good_token_names_its_bearer() {
    let mut claims = Claims::new("u1", Duration::from_secs(60));
    claims.role = Some(Role::Moderator);
    claims.videos = Some(vec!["v".into()]);
    let ours = authenticator(&format!("auth.hs256_secret = {SECRET:?}")).await;
    let principal = ours.told(&sign(SECRET, &claims).unwrap()).await.unwrap();
    assert_eq!(principal.author.name, "u1");
    assert_eq!(principal.author.role.as_deref(), Some("moderator"));
    assert_eq!(principal.expires_at(), Some(claims.exp));
    assert!(principal.check_moderator(&"v".parse().unwrap()).is_ok());
    assert!(principal.check_moderator(&"w".parse().unwrap()).is_err());
}

#[tokio::test]
async fn what_we_sign_others_can_read() {
    let claims = Claims::new("u1", Duration::from_secs(60));
    let token = sign(SECRET, &claims).unwrap();
    let key = jsonwebtoken::DecodingKey::from_secret(SECRET.as_bytes());
    let validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    let read = jsonwebtoken::decode::<Claims>(&token, &key, &validation).unwrap();
    assert_eq!(read.claims, claims);
}

#[tokio::test]
async fn tokens_of_every_kind_are_taken_side_by_side() {
    let signers = [Signer::eddsa("d"), Signer::es256("e"), Signer::rs256("r")];
    let (_file, named) = file_of(&signers.each_ref().map(|signer| signer.jwk.clone()));
    let ours = authenticator(&format!("{named}auth.hs256_secret = {SECRET:?}")).await;
    for signer in signers.iter().chain([&Signer::hs256(SECRET)]) {
        for kid in [true, false] {
            let token = signer.token(&good(), kid);
            assert_eq!(ours.told(&token).await.unwrap().author.id.as_str(), "u", "{signer:?}");
        }
    }
}

#[tokio::test]
async fn without_a_kid_the_first_eight_of_its_algorithm_are_tried() {
    let signers: Vec<_> = (0..10).map(|n| Signer::eddsa(&n.to_string())).collect();
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk.clone()).collect();
    let (_file, named) = file_of(&keys);
    let ours = authenticator(&named).await;
    for (nth, signer) in signers.iter().enumerate() {
        let taken = ours.told(&signer.token(&good(), false)).await.is_ok();
        assert_eq!(taken, nth < 8, "{nth}");
        assert!(ours.told(&signer.token(&good(), true)).await.is_ok(), "by its name");
    }
}

#[tokio::test]
async fn claims_that_are_no_good_are_refused() {
    let now = now_s();
    let hs256 = Signer::hs256(SECRET);
    let ed = Signer::eddsa("d");
    let (_file, named) = file_of(from_ref(&ed.jwk));
    let ours = authenticator(&format!("{named}auth.hs256_secret = {SECRET:?}")).await;
    for (what, claims) in [
        ("expired", json!({"sub": "u", "exp": now - 60})),
        ("no exp", json!({"sub": "u"})),
        ("no sub", json!({"exp": now + 60})),
        ("exp as text", json!({"sub": "u", "exp": "9999999999"})),
        ("sub as number", json!({"sub": 5, "exp": now + 60})),
        ("empty sub", json!({"sub": "", "exp": now + 60})),
        ("long sub", json!({"sub": "u".repeat(129), "exp": now + 60})),
        ("not yet", json!({"sub": "u", "exp": now + 60, "nbf": now + 50})),
        ("nbf as text", json!({"sub": "u", "exp": now + 60, "nbf": "0"})),
        ("unknown role", json!({"sub": "u", "exp": now + 60, "role": "king"})),
        ("roles", json!({"sub": "u", "exp": now + 60, "role": ["admin"]})),
        ("http avatar", json!({"sub": "u", "exp": now + 60, "avatar": "http://x"})),
        ("line end in name", json!({"sub": "u", "exp": now + 60, "name": "a\nb"})),
        ("videos as text", json!({"sub": "u", "exp": now + 60, "videos": "v"})),
        ("no videos known", json!({"sub": "u", "exp": now + 60, "videos": null})),
        ("aud as number", json!({"sub": "u", "exp": now + 60, "aud": 5})),
        ("iss as list", json!({"sub": "u", "exp": now + 60, "iss": ["i"]})),
        ("a list", json!([])),
        ("a list of the right values", json!(["u", now + 60])),
        ("a text", json!("u")),
    ] {
        for signer in [&hs256, &ed] {
            let told = ours.told(&signer.token(&claims, true)).await;
            assert_eq!(told, Err(Code::Unauthorized), "{what}");
        }
    }
    let doubled = format!(r#"{{"sub":"u","sub":"w","exp":{}}}"#, now + 60);
    let told = ours.told(&hs256.sign(&json!({"alg": "HS256"}).to_string(), &doubled)).await;
    assert_eq!(told, Err(Code::Unauthorized), "who is it?");
    assert!(ours.told(&hs256.token(&good(), true)).await.is_ok(), "negative control");
}

#[tokio::test]
async fn audience_and_issuer_count_once_they_are_configured() {
    let hs256 = Signer::hs256(SECRET);
    let secret = format!("auth.hs256_secret = {SECRET:?}\n");
    let anybody = authenticator(&secret).await;
    let ours =
        authenticator(&format!("{secret}auth.audience = ['a', 'b']\nauth.issuer = 'i'")).await;
    for (more, good) in [
        (json!({"aud": "a", "iss": "i"}), true),
        (json!({"aud": ["x", "b"], "iss": "i"}), true),
        (json!({"aud": "x", "iss": "i"}), false),
        (json!({"aud": ["x"], "iss": "i"}), false),
        (json!({"aud": [], "iss": "i"}), false),
        (json!({"aud": "", "iss": "i"}), false),
        (json!({"aud": null, "iss": "i"}), false),
        (json!({"iss": "i"}), false),
        (json!({"aud": "a", "iss": "I"}), false),
        (json!({"aud": "a", "iss": "i/"}), false),
        (json!({"aud": "a", "iss": null}), false),
        (json!({"aud": "a"}), false),
        (json!({}), false),
    ] {
        let mut claims = more.clone();
        claims["sub"] = "u".into();
        claims["exp"] = (now_s() + 60).into();
        let token = hs256.token(&claims, false);
        assert_eq!(ours.told(&token).await.is_ok(), good, "{more}");
        assert!(anybody.told(&token).await.is_ok(), "{more}");
    }
}

#[tokio::test]
async fn development_users_only_in_development() {
    let headers = with(DEVELOPMENT_USER, "uma");
    let open = authenticator("").await;
    let named = open.require(&headers, None).await.unwrap();
    assert_eq!((named.author.id.as_str(), named.is_guest()), ("uma", false));
    assert!(open.require(&with(DEVELOPMENT_USER, " "), None).await.is_err());
    assert_eq!(open.told(&Signer::hs256("").token(&good(), false)).await, Err(Code::Unauthorized));
    let (_file, named) = file_of(&[Signer::eddsa("d").jwk]);
    for closed in [format!("auth.hs256_secret = {SECRET:?}"), named] {
        let closed = authenticator(&closed).await;
        assert!(closed.require(&headers, None).await.is_err());
        assert_eq!(closed.identify(&headers).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_guest_who_repeats_a_request_is_the_same_guest() {
    let guests = Authenticator::development();
    let guest = async |seed: &[u8]| {
        let guest = guests.require(&HeaderMap::new(), Some(seed)).await.unwrap();
        assert!(guest.is_guest());
        guest
    };
    assert_eq!(guest(b"key").await, guest(b"key").await);
    assert_ne!(guest(b"key").await, guest(b"other").await);
}

#[tokio::test]
async fn the_header_is_a_bearers() {
    let token = Signer::hs256(SECRET).token(&good(), false);
    let ours = authenticator(&format!("auth.hs256_secret = {SECRET:?}")).await;
    for (value, good) in [
        (format!("Bearer {token}"), true),
        (format!("bearer  {token} "), true),
        (format!("Basic {token}"), false),
        (format!("Bearer{token}"), false),
        (format!("Bearer {token} {token}"), false),
        (format!("Bearer {token},"), false),
        (token, false),
        ("Bearer".into(), false),
        ("Bearer ".into(), false),
        (String::new(), false),
    ] {
        let told = ours.identify(&with("authorization", &value)).await;
        assert_eq!(told.is_ok(), good, "{value}");
    }
}
