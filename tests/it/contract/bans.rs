//! The section Moderation: bans.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    comments::{comment, says, taken},
    rooms::SECTION,
    row::Row,
    shown::{end, event, resume},
    table::Table,
};

const MO: &str = "moderator mo";

pub(super) fn tables() -> Vec<Table> {
    vec![bans(), ban_times(), banned_list(), hidden()]
}

/// Who is banned may not post, and their stream ends; others go on.
fn bans() -> Table {
    let ban = json!({"user": "{@bob}", "by": "{@mo}", "since": "{_#time}", "hide_comments": false});
    let viewer = |rule: &str, who: &'static str| Row::new(rule).by(who).stream("?recent=0");
    Table::new(
        SECTION,
        "bans",
        vec![
            viewer("bob watches", "bob").shows([resume("new")]).stays("bob"),
            viewer("so does ann", "ann").shows([resume("new")]).stays("ann"),
            taken(Row::new("bob posts").by("bob").says("hi").key("k"), "a", "bob", "hi")
                .seen_by("bob", [event("comment", comment("a", "bob", "hi"))])
                .seen_by("ann", [event("comment", comment("a", "bob", "hi"))]),
            Row::new("no bans")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [], "next": null})),
            Row::new("a ban for ever, without a body")
                .by(MO)
                .ask(Method::PUT, "bans/{@bob}")
                .gets_json(200, ban.clone())
                .seen_by("bob", [end("banned")]),
            viewer("coming back", "bob").gets_nothing().header("chorus-end", "banned"),
            viewer("a video alone", "bob")
                .get("/v1/videos/other/stream?recent=0")
                .shows([resume("new")]),
            Row::new("a post").by("bob").says("ho").gets(403),
            Row::new("a known key gives the same comment")
                .by("bob")
                .says("hi")
                .key("k")
                .gets_json(201, comment("a", "bob", "hi")),
            Row::new("the bans")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [ban], "next": null})),
            Row::new("what was posted stays").get("comments/{a}").gets(200),
            says("b", "ann", "still here")
                .seen_by("ann", [event("comment", comment("b", "ann", "still here"))]),
            Row::new("lifted").by(MO).delete("bans/{@bob}").gets_nothing(),
            Row::new("lifted again").by(MO).delete("bans/{@bob}").gets_nothing(),
            Row::new("no bans")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [], "next": null})),
            viewer("bob watches again", "bob").shows([resume("new")]).stays("bob"),
            says("c", "bob", "thanks")
                .seen_by("bob", [event("comment", comment("c", "bob", "thanks"))])
                .seen_by("ann", [event("comment", comment("c", "bob", "thanks"))]),
        ],
    )
}

fn ban_times() -> Table {
    let put = |body: Value| Row::new(format!("a ban of {body}")).by(MO).put("bans/{@bob}", body);
    Table::new(
        SECTION,
        "bantimes",
        vec![
            put(json!({"ttl_s": 0})).gets_invalid(&["ttl_s"]),
            put(json!({"ttl_s": "1"})).gets_invalid(&["ttl_s"]),
            put(json!({"hide_comments": 1})).gets_invalid(&["hide_comments"]),
            put(json!({"ttl": 1})).gets(422),
            Row::new("nobody that could be").by(MO).put("bans/%20", json!({})).gets(404),
            put(json!({"ttl_s": 5})).gets_json(
                200,
                json!({"user": "{@bob}", "by": "{@mo}",
            "since": "{_#time}", "until": "{until#time}", "hide_comments": false}),
            ),
            Row::new("meanwhile").by("bob").says("hi").gets(403),
            taken(Row::new("afterwards").after_s("5").by("bob").says("hi"), "a", "bob", "hi"),
            Row::new("it is over")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [], "next": null})),
        ],
    )
}

/// By user, whatever they are called.
fn banned_list() -> Table {
    let put = |user: &str| {
        Row::new(format!("a ban of {user}")).by(MO).put(format!("bans/{user}"), json!({}))
    };
    let ban = |user: &str| json!({"user": user, "…": 0});
    Table::new(
        SECTION,
        "banned",
        vec![
            put("b%C3%BC%2F1.{video}").gets_json(200, ban("bü/1.{video}")),
            Row::new("a post by them").by("bü/1").says("hi").gets(403),
            put("a").gets(200),
            put("c").gets(200),
            Row::new("a page").by(MO).get("bans?limit=2").gets_json(
                200,
                json!({"bans": [ban("a"), ban("bü/1.{video}")], "next": "bü/1.{video}"}),
            ),
            Row::new("the next page")
                .by(MO)
                .get("bans?limit=2&after=b%C3%BC%2F1.{video}")
                .gets_json(200, json!({"bans": [ban("c")], "next": null})),
            Row::new("no such page").by(MO).get("bans?limit=0").gets_invalid(&["limit"]),
        ],
    )
    .unwatched()
}

/// One event hides all that the banned one had posted.
fn hidden() -> Table {
    let left = json!({"comments": [comment("b", "ann", "2")], "next": null, "cursor": "{_}"});
    Table::new(SECTION, "hidden", vec![
        says("a", "bob", "1"),
        says("b", "ann", "2"),
        says("c", "bob", "3"),
        Row::new("a ban that hides").by(MO).put("bans/{@bob}", json!({"hide_comments": true}))
            .gets_json(200, json!({"user": "{@bob}", "by": "{@mo}", "since": "{_#time}", "hide_comments": true}))
            .seen([event("hide", json!({"author": "{@bob}"}))]),
        Row::new("history hides").get("comments").gets_json(200, left),
        Row::new("one as well").get("comments/{a}").gets(404),
        Row::new("a page as well").get("comments?limit=1").gets_json(200,
            json!({"comments": [comment("b", "ann", "2")], "next": null, "cursor": "{_}"})),
        Row::new("the export has all").by(MO).get("comments?format=ndjson").gets_lines(
            [comment("a", "bob", "1"), comment("b", "ann", "2"), comment("c", "bob", "3")]),
        Row::new("lifted").by(MO).delete("bans/{@bob}").gets_nothing(),
        Row::new("shown again").get("comments/{a}").gets_json(200, comment("a", "bob", "1")),
    ])
}
