//! Every malformed token is refused, in a table.

use axum::http::HeaderValue;
use serde_json::json;

use super::*;

const SECRET: &str = "a secret of tests";

fn authenticator(key: Option<&str>, development: bool) -> Authenticator {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["exp", "sub"]);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let key = key.map(|key| DecodingKey::from_secret(key.as_bytes()));
    Authenticator { key, validation, development }
}

fn token(header: &Header, claims: &serde_json::Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

fn with(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
}

fn identify(token: &str) -> Result<Option<Principal>, Problem> {
    authenticator(Some(SECRET), false).identify(&with("authorization", &format!("Bearer {token}")))
}

#[test]
fn a_good_token_names_its_bearer() {
    let mut claims = Claims::new("u1", Duration::from_secs(60));
    claims.role = Some(Role::Moderator);
    claims.videos = Some(vec!["v".into()]);
    let principal = identify(&sign(SECRET, &claims).unwrap()).unwrap().unwrap();
    assert_eq!(principal.author.name, "u1");
    assert_eq!(principal.author.role.as_deref(), Some("moderator"));
    assert!(principal.check_commenter(&"v".parse().unwrap()).is_ok());
    let refusal = principal.check_commenter(&"w".parse().unwrap()).unwrap_err();
    assert_eq!(refusal.code(), Code::Forbidden);
}

#[test]
fn a_viewer_token_cannot_comment() {
    let mut claims = Claims::new("u1", Duration::from_secs(60));
    claims.role = Some(Role::Viewer);
    let principal = identify(&sign(SECRET, &claims).unwrap()).unwrap().unwrap();
    let refusal = principal.check_commenter(&"v".parse().unwrap()).unwrap_err();
    assert_eq!(refusal.code(), Code::Forbidden);
}

#[test]
fn bad_tokens_are_refused() {
    let now = jsonwebtoken::get_current_timestamp();
    let hs256 = Header::new(Algorithm::HS256);
    let good = json!({"sub": "u", "exp": now + 60});
    let cases = [
        ("another secret", token(&hs256, &good, "wrong")),
        ("HS512", token(&Header::new(Algorithm::HS512), &good, SECRET)),
        ("expired", token(&hs256, &json!({"sub": "u", "exp": now - 60}), SECRET)),
        ("no exp", token(&hs256, &json!({"sub": "u"}), SECRET)),
        ("no sub", token(&hs256, &json!({"exp": now + 60}), SECRET)),
        ("exp as text", token(&hs256, &json!({"sub": "u", "exp": "9999999999"}), SECRET)),
        ("not yet", token(&hs256, &json!({"sub": "u", "exp": now + 60, "nbf": now + 50}), SECRET)),
        (
            "unknown role",
            token(&hs256, &json!({"sub": "u", "exp": now + 60, "role": "king"}), SECRET),
        ),
        (
            "http avatar",
            token(&hs256, &json!({"sub": "u", "exp": now + 60, "avatar": "http://x"}), SECRET),
        ),
        (
            "line end in name",
            token(&hs256, &json!({"sub": "u", "exp": now + 60, "name": "a\nb"}), SECRET),
        ),
        ("alg none", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1IiwiZXhwIjo5OTk5OTk5OTk5fQ.".into()),
        ("not a token", "abc".into()),
        ("empty", String::new()),
    ];
    for (what, token) in cases {
        assert_eq!(identify(&token).unwrap_err().code(), Code::Unauthorized, "{what}");
    }
    assert!(identify(&token(&hs256, &good, SECRET)).unwrap().is_some(), "negative control");
}

#[test]
fn development_users_only_in_development() {
    let headers = with(DEVELOPMENT_USER, "uma");
    let named = authenticator(None, true).require(&headers, None).unwrap();
    assert_eq!(named.author.id.as_str(), "uma");
    assert!(authenticator(Some(SECRET), false).require(&headers, None).is_err());
}

#[test]
fn a_guest_who_repeats_a_request_is_the_same_guest() {
    let guests = authenticator(None, true);
    let guest = |seed: &[u8]| guests.require(&HeaderMap::new(), Some(seed)).unwrap();
    assert_eq!(guest(b"key"), guest(b"key"));
    assert_ne!(guest(b"key"), guest(b"other"));
}
