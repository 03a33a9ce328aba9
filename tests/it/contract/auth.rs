//! The section Auth: what stands in tokens, for how long, and where one is needed.

use std::time::Duration;

use serde_json::json;

use super::{
    comments::{comment, taken},
    row::{Row, To},
    shown::{end, event, resume},
    table::{In, Table},
    tokens::{now_s, token},
    who::Who,
};

pub(super) const SECTION: &str = "Auth";

pub(super) fn tables() -> Vec<Table> {
    vec![claims(), expiry(), viewers_required()]
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
                .at(To::OneGateway)
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
