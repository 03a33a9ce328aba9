//! The section Moderation: what becomes of a video.

use serde_json::{Value, json};

use super::{
    comments::{comment, says},
    rooms::{SECTION, UNKNOWN},
    row::Row,
    shown::{end, event, resume},
    table::{In, Table},
};

const MO: &str = "moderator mo";
const PIA: &str = "producer pia";

pub(super) fn tables() -> Vec<Table> {
    vec![states(), unregistered()]
}

/// `PUT /v1/videos/{video}`: ended means that posts are refused and streams end.
fn states() -> Table {
    let put = |rule: &str, body: Value| Row::new(rule).by(PIA).put("", body);
    Table::new(
        SECTION,
        "states",
        vec![
            put("live, with a title", json!({"title": "T", "state": "live"}))
                .gets_json(200, json!({"video": "{video}", "title": "T", "state": "live"})),
            says("a", "ann", "1"),
            put("no such state", json!({"state": "over"})).gets_invalid(&["state"]),
            put("no state", json!({})).gets_invalid(&["state"]),
            put("a title of two lines", json!({"state": "live", "title": "a\nb"}))
                .gets_invalid(&["title"]),
            put("ended", json!({"state": "ended"}))
                .gets_json(200, json!({"video": "{video}", "state": "ended"}))
                .seen([end("ended")]),
            Row::new("coming back").stream("").gets_nothing().header("chorus-end", "ended"),
            Row::new("posts").by("ann").says("2").gets(403),
            Row::new("a moderator's as well").by(MO).says("2").gets(403),
            Row::new("history stays").get("comments").gets_json(
                200,
                json!({"comments": [comment("a", "ann", "1")], "next": null, "cursor": "{_}"}),
            ),
            put("live again", json!({"state": "live"}))
                .gets_json(200, json!({"video": "{video}", "state": "live"})),
            Row::new("streams").stream("?recent=0").shows([resume("new")]).stays("a new one"),
            Row::new("and posts")
                .by("ann")
                .says("2")
                .gets_json(201, comment("b", "ann", "2"))
                .seen_by("a new one", [event("comment", comment("b", "ann", "2"))]),
        ],
    )
}

/// `videos.create = "registered"`: a video must be PUT first, else 404.
fn unregistered() -> Table {
    let row = |rule: &str| Row::new(rule).by("admin ada");
    let registers = row("registered").put("", json!({"state": "live"})).gets(200);
    Table::new(
        "Configuration keys",
        "unregistered",
        vec![
            row("a post").says("1").gets(404),
            row("its list").get("comments").gets(404),
            row("its export").get("comments?format=ndjson").gets(404),
            row("one").get(format!("comments/{UNKNOWN}")).gets(404),
            row("a deletion").delete(format!("comments/{UNKNOWN}")).gets(404),
            row("its stream").stream("").gets(404),
            row("a ticket").post("tickets", json!({})).gets(404),
            row("settings").put("settings", json!({})).gets(404),
            row("its settings").get("settings").gets(404),
            row("a ban").put("bans/bob", json!({})).gets(404),
            row("no ban").delete("bans/bob").gets(404),
            row("bans").get("bans").gets(404),
            row("a pin").put("pin", json!({"comment": UNKNOWN})).gets(404),
            row("no pin").delete("pin").gets(404),
            row("a report").post(format!("comments/{UNKNOWN}/reports"), json!({})).gets(404),
            row("reports").get("reports").gets(404),
            row("its log").get("moderation-log").gets(404),
            Row::new("who may not is told so").by("ann").put("settings", json!({})).gets(403),
            registers,
            row("then settings").get("settings").gets(200),
            row("a stream").stream("?recent=0").shows([resume("new")]).stays("a viewer"),
            Row::new("a post")
                .by("ann")
                .says("1")
                .gets_json(201, comment("a", "ann", "1"))
                .seen_by("a viewer", [event("comment", comment("a", "ann", "1"))]),
            row("and its list")
                .get("comments")
                .gets_json(200, json!({"comments": [{"…": 0}], "next": null, "cursor": "{_}"})),
        ],
    )
    .within(In::Strict)
}
