//! The section Auth: which tokens are believed, and what stands in them.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{
    comments::{comment, taken},
    row::{In, Row, Table, end, event, resume},
    who::Who,
    world::{AUDIENCE, ISSUER},
};
use crate::roles::SECRET;

pub(super) const SECTION: &str = "Auth";

/// `{"alg":"none","typ":"JWT"}`
const NO_ALGORITHM: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

pub(super) fn tables() -> Vec<Table> {
    vec![bad_tokens(), claims(), aims(), expiry(), viewers_required()]
}

fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn signed(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

/// A token of claims that are good but for those given; null takes one away.
fn token(differ: &Value) -> String {
    let mut claims = json!({"sub": "eve", "exp": now_s() + 600});
    for (name, value) in differ.as_object().unwrap() {
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value.clone(),
        }
    }
    signed(&claims, SECRET, Algorithm::HS256)
}

/// Refused at a post, at a ticket and at the stream.
fn refused(rule: &str, authorization: &str) -> [Row; 3] {
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
    let claims = json!({"sub": "eve", "exp": now_s() + 600});
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

fn claims() -> Table {
    let shown = Who::from("ann").shown_as("Ann <b>").pictured("https://a.example/a.png");
    let mut named = comment("a", "ann", "hi");
    named["author"]["name"] = "Ann <b>".into();
    named["author"]["avatar"] = "https://a.example/a.png".into();
    let role = |id: &str, role: &str| {
        let mut comment = comment(id, role, "hi");
        comment["author"]["role"] = role.into();
        comment
    };
    let mut rows = vec![
        Row::new("name, avatar")
            .by(shown)
            .says("hi")
            .gets_json(201, named.clone())
            .seen([event("comment", named)]),
        taken(Row::new("neither").by("bob").says("hi"), "b", "bob", "hi"),
    ];
    for (who, name) in [
        ("commenter commenter", "commenter"),
        ("moderator moderator", "moderator"),
        ("producer producer", "producer"),
        ("admin admin", "admin"),
    ] {
        let comment = role("_", name);
        rows.push(
            Row::new(format!("the role {name}"))
                .by(who)
                .says("hi")
                .gets_json(201, comment.clone())
                .seen([event("comment", comment)]),
        );
    }
    rows.extend([
        Row::new("for this video")
            .by(Who::from("ann").only_for(&["other", "{video}"]))
            .stream("?recent=0")
            .shows([resume("new")]),
        Row::new("not for this video: a post")
            .by(Who::from("ann").only_for(&["other"]))
            .says("hi")
            .gets(403),
        Row::new("not for this video: a stream")
            .by(Who::from("ann").only_for(&["other"]))
            .stream("")
            .gets(403),
        Row::new("not for this video: a ticket")
            .by(Who::from("ann").only_for(&["other"]))
            .post("tickets", json!({}))
            .gets(403),
    ]);
    Table::new(SECTION, "claims", rows)
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

/// Streams end at token expiry, after which coming back gives 401.
fn expiry() -> Table {
    const TTL: Duration = Duration::from_secs(6);
    let bearer = format!("Bearer {}", token(&json!({"exp": now_s() + TTL.as_secs()})));
    let row = |rule: &str| Row::new(rule).with("authorization", &*bearer);
    Table::new(
        SECTION,
        "expiry",
        vec![
            row("a stream").stream("?recent=0").shows([resume("new")]).stays("eve"),
            row("a ticket")
                .post("tickets", json!({}))
                .gets_json(201, json!({"ticket": "{ticket}", "expires_in": 30})),
            Row::new("its stream")
                .get("stream?recent=0&ticket={ticket}")
                .at(super::row::To::OneGateway)
                .header(
                    "set-cookie",
                    "{cookie}; Path={_}; Max-Age={_#int 1-6}; HttpOnly; SameSite=Strict",
                )
                .shows([resume("new")])
                .stays("eve's browser"),
            Row::new("at its end")
                .get("comments")
                .seen_by("eve", [end("expired")])
                .seen_by("eve's browser", [end("expired")]),
            row("the token").stream("").gets(401),
            Row::new("the ticket, and the cookie")
                .stream("?ticket={ticket}")
                .with("cookie", "{cookie}")
                .gets(401),
        ],
    )
}

/// `auth.viewers = "required"`.
fn viewers_required() -> Table {
    Table::new(
        SECTION,
        "required",
        vec![
            Row::new("registered").by("producer pia").put("", json!({"state": "live"})).gets(200),
            Row::new("nobody").stream("").gets(401),
            Row::new("a cookie that is none")
                .stream("")
                .with("cookie", "chorus_stream=x.y")
                .gets(401),
            Row::new("a viewer").by("viewer vic").stream("").shows([resume("new")]),
            Row::new("a comment").by("ann").says("hi").gets_json(201, comment("a", "ann", "hi")),
            Row::new("nobody reports").post("comments/{a}/reports", json!({})).gets(401),
            Row::new("a viewer reports")
                .by("viewer vic")
                .post("comments/{a}/reports", json!({}))
                .gets(202),
        ],
    )
    .within(In::Strict)
}
