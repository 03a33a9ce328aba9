//! The section Auth: which tokens are believed.

use std::time::SystemTime;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{
    auth::SECTION,
    row::Row,
    table::{In, Table},
    world::{AUDIENCE, ISSUER},
};
use crate::roles::{SECRET, unique_name};

pub(super) fn tables() -> Vec<Table> {
    vec![bad_tokens(), aims()]
}

/// `{"alg":"none","typ":"JWT"}`
pub(super) const NO_ALGORITHM: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

pub(super) fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn signed(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

/// Claims that are good but for those given; null takes one away. They are somebody's whom no other
/// token names: nobody may post too much.
pub(super) fn claims(differ: &Value) -> Value {
    let mut claims = json!({"sub": unique_name(), "exp": now_s() + 600});
    for (name, value) in differ.as_object().unwrap() {
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// A token of such claims.
pub(super) fn token(differ: &Value) -> String {
    signed(&claims(differ), SECRET, Algorithm::HS256)
}

/// Refused at a post, at a ticket and at the stream.
pub(super) fn refused(rule: &str, authorization: &str) -> [Row; 3] {
    let row = |what: &str| Row::new(format!("{rule}, {what}")).with("authorization", authorization);
    [
        row("posting").says("hi").gets(401).header("www-authenticate", "Bearer"),
        row("a ticket").post("tickets", json!({})).gets(401),
        row("a stream").stream("").gets(401),
    ]
}

fn bad_tokens() -> Table {
    let good = token(&json!({}));
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let claims_part = signed_part.split_once('.').unwrap().1;
    let by = |differ: Value| format!("Bearer {}", token(&differ));
    let claims = claims(&json!({}));
    let other_secret = signed(&claims, "another secret", Algorithm::HS256);
    let other_algorithm = signed(&claims, SECRET, Algorithm::HS512);
    let table = [
        ("no bearer", "Bearer".to_owned()),
        ("no token", "Bearer ".to_owned()),
        ("another scheme", "Basic ZXZlOmV2ZQ==".to_owned()),
        ("no JWT", "Bearer x".to_owned()),
        ("alg none", format!("Bearer {NO_ALGORITHM}.{claims_part}.")),
        ("alg none with a signature", format!("Bearer {NO_ALGORITHM}.{claims_part}.{signature}")),
        ("no signature", format!("Bearer {signed_part}.")),
        ("cut", format!("Bearer {}", &good[..good.len() - 1])),
        ("wrong secret", format!("Bearer {other_secret}")),
        ("an algorithm that is none of ours", format!("Bearer {other_algorithm}")),
        ("expired", by(json!({"exp": now_s() - 60}))),
        ("nbf in the future", by(json!({"nbf": now_s() + 60}))),
        ("exp a text", by(json!({"exp": (now_s() + 600).to_string()}))),
        ("exp negative", by(json!({"exp": -1}))),
        ("no exp", by(json!({"exp": null}))),
        ("no sub", by(json!({"sub": null}))),
        ("sub empty", by(json!({"sub": ""}))),
        ("sub a number", by(json!({"sub": 5}))),
        ("sub of two lines", by(json!({"sub": "a\nb"}))),
        ("a role that is none", by(json!({"role": "king"}))),
        ("an avatar over http", by(json!({"avatar": "http://a.example/x.png"}))),
        ("an avatar that is a script", by(json!({"avatar": "javascript:alert(1)"}))),
        ("a name of two lines", by(json!({"name": "a\nb"}))),
        ("videos no list", by(json!({"videos": "v"}))),
        ("huge", by(json!({"name": "x".repeat(9_000)}))),
    ];
    let rows = table.iter().flat_map(|(rule, authorization)| refused(rule, authorization));
    let others = [
        Row::new("development mode's header").with("x-chorus-user", "ann").says("hi").gets(401),
        Row::new("the same token, whole")
            .with("authorization", format!("bearer {good}"))
            .says("hi")
            .gets(201),
        Row::new("one that bears what is not looked at")
            .with(
                "authorization",
                by(json!({"nbf": now_s() - 60, "iat": 5, "jti": "x", "aud": "any", "iss": "any"})),
            )
            .says("hi")
            .gets(201),
    ];
    Table::new(SECTION, "badtokens", rows.chain(others).collect()).unwatched()
}

/// `aud` and `iss`, where they are configured.
fn aims() -> Table {
    let by = |differ: Value| format!("Bearer {}", token(&differ));
    let bad = [
        ("no aud", json!({"iss": ISSUER})),
        ("another aud", json!({"iss": ISSUER, "aud": "theirs"})),
        ("no iss", json!({"aud": AUDIENCE})),
        ("another iss", json!({"iss": "them", "aud": AUDIENCE})),
    ];
    let registers =
        Row::new("registered").by("producer pia").put("", json!({"state": "live"})).gets(200);
    let bad = bad.into_iter().flat_map(|(rule, differ)| refused(rule, &by(differ)));
    let good = [
        json!({"iss": ISSUER, "aud": AUDIENCE}),
        json!({"iss": ISSUER, "aud": ["theirs", AUDIENCE]}),
    ];
    let good = good.map(|differ| {
        Row::new(format!("{differ}")).with("authorization", by(differ)).says("hi").gets(201)
    });
    let rows = [registers].into_iter().chain(bad).chain(good).collect();
    Table::new(SECTION, "aims", rows).within(In::Strict)
}
