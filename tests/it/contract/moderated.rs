//! The section Moderation, and limits, while Redis is away: what a moderator was answered holds for
//! posts at once, at every node.

use serde_json::json;

use super::{
    comments::{comment, says},
    parts::Part,
    roles::endpoints,
    rooms::SECTION,
    row::Row,
    shown::{end, event, resume, snapshot},
    table::Table,
};

const MO: &str = "moderator mo";
const PIA: &str = "producer pia";

pub(super) fn tables() -> Vec<Table> {
    vec![settings(), banned(), pinned(), ended(), limited(), everything()]
}

fn settings() -> Table {
    let told = json!({"slow_mode_s": 0, "who_can_comment": "nobody", "unique_s": 0});
    let mut all = told.clone();
    all["blocked_words"] = json!([]);
    let meanwhile = vec![
        Row::new("nobody may")
            .by(MO)
            .put("settings", json!({"who_can_comment": "nobody"}))
            .gets_json(200, all.clone())
            .seen([snapshot("settings", told.clone())]),
        Row::new("the same").by(MO).get("settings").gets_json(200, all),
        Row::new("a post").by("ann").says("hi").gets(403),
        Row::new("at the other node").by("ann").says("hi").gets(403),
    ];
    let afterwards = vec![
        Row::new("joiners are told")
            .stream("?recent=0")
            .shows([resume("new"), snapshot("settings", told)]),
    ];
    Table::new(SECTION, "awaysettings", vec![]).losing(Part::Redis, meanwhile, afterwards)
}

fn banned() -> Table {
    let ban = json!({"user": "{@bob}", "by": "{@mo}", "since": "{_#time}", "hide_comments": true});
    let watches = Row::new("bob watches").by("bob").stream("?recent=0");
    let before = vec![
        watches.clone().shows([resume("new")]).stays("bob"),
        says("a", "bob", "hi").seen_by("bob", [event("comment", comment("a", "bob", "hi"))]),
    ];
    let meanwhile = vec![
        Row::new("a ban")
            .by(MO)
            .put("bans/{@bob}", json!({}))
            .gets(200)
            .seen_by("bob", [end("banned")]),
        Row::new("one that hides")
            .by(MO)
            .put("bans/{@bob}", json!({"hide_comments": true}))
            .gets_json(200, ban.clone())
            .seen([snapshot("hide", json!({"author": "{@bob}"}))]),
        Row::new("a post").by("bob").says("ho").gets(403),
        Row::new("at the other node").by("bob").says("ho").gets(403),
        Row::new("history hides").get("comments/{a}").gets(404),
        Row::new("the bans")
            .by(MO)
            .get("bans")
            .gets_json(200, json!({"bans": [ban], "next": null})),
    ];
    let afterwards = vec![watches.gets_nothing()];
    Table::new(SECTION, "awaybanned", before).losing(Part::Redis, meanwhile, afterwards)
}

fn pinned() -> Table {
    let pin = json!({"comment": "{a}"});
    let meanwhile = vec![
        Row::new("a pin")
            .by(MO)
            .put("pin", &pin)
            .gets_json(200, pin.clone())
            .seen([snapshot("pin", pin.clone())]),
        Row::new("a report").post("comments/{a}/reports", json!({"reason": "spam"})).gets(202),
        Row::new("the reports").by(MO).get("reports").gets_json(
            200,
            json!({"reports": [{"comment": "{a}", "reason": "spam", "…": 0}], "next": null}),
        ),
        Row::new("the log").by(MO).get("moderation-log").gets_json(
            200,
            json!({"actions": [{"action": "pin", "comment": "{a}", "…": 0}], "next": null}),
        ),
    ];
    let afterwards = vec![
        Row::new("joiners are told")
            .stream("?recent=0")
            .shows([resume("new"), snapshot("pin", pin)]),
    ];
    Table::new(SECTION, "awaypinned", vec![says("a", "ann", "hi")]).losing(
        Part::Redis,
        meanwhile,
        afterwards,
    )
}

fn ended() -> Table {
    let meanwhile = vec![
        Row::new("ended")
            .by(PIA)
            .put("", json!({"state": "ended"}))
            .gets_json(200, json!({"video": "{video}", "state": "ended"}))
            .seen([end("ended")]),
        Row::new("a post").by("ann").says("hi").gets(403),
        Row::new("at the other node").by("ann").says("hi").gets(403),
    ];
    let afterwards = vec![Row::new("coming back").stream("").gets_nothing()];
    Table::new(SECTION, "awayended", vec![]).losing(Part::Redis, meanwhile, afterwards)
}

/// Each node counts by itself, and from nothing.
fn limited() -> Table {
    let post = |rule: &str, who: &'static str| Row::new(rule).by(who).says("hi");
    let before =
        vec![Row::new("slow").by(MO).put("settings", json!({"slow_mode_s": 600})).gets(200)];
    let meanwhile = vec![
        post("a first", "ann").key("k").gets_json(202, comment("a", "ann", "hi")),
        post("others may", "bob").gets_json(202, comment("b", "bob", "hi")),
        post("too soon, at the same node", "ann").gets(429).header("retry-after", "{_#int 1-600}"),
        post("a known key skips slow mode", "ann")
            .key("k")
            .gets_json(202, comment("a", "ann", "hi")),
    ];
    let afterwards = vec![
        post("accepted", "ann").key("k").at_first(202).gets_json(201, comment("a", "ann", "hi")),
    ];
    Table::new(SECTION, "awayslow", before).unwatched().losing(Part::Redis, meanwhile, afterwards)
}

/// Whatever is asked is answered as ever, but that what is posted is yet to be accepted.
fn everything() -> Table {
    let meanwhile = endpoints().into_iter().map(|(method, path, body, _, status)| {
        let row = Row::new(format!("{method} {path}")).by("admin ada");
        let row = row.ask(method.parse().unwrap(), path);
        let row = body.map_or(row.clone(), |body| row.json(body));
        row.gets(if (method, path) == ("POST", "comments") { 202 } else { status })
    });
    let first =
        Row::new("a comment").by("ann").says("hi").gets_json(201, comment("a", "ann", "hi"));
    Table::new(SECTION, "awayall", vec![first]).unwatched().losing(
        Part::Redis,
        meanwhile.collect(),
        vec![],
    )
}
