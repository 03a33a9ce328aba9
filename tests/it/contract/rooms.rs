//! The section Moderation: pins, reports, the log.

use serde_json::{Value, json};

use super::{
    comments::{comment, says},
    row::Row,
    shown::{event, resume, snapshot},
    table::Table,
};

pub(super) const SECTION: &str = "Moderation";

const MO: &str = "moderator mo";
const PIA: &str = "producer pia";
pub(super) const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

pub(super) fn tables() -> Vec<Table> {
    vec![pins(), reports(), log()]
}

fn pins() -> Table {
    let pin = |id: &str| Row::new("a pin").by(MO).put("pin", json!({ "comment": id }));
    let pinned = |id: &str| json!({ "comment": id });
    let comment = |id, text| event("comment", comment(id, "ann", text));
    Table::new(
        SECTION,
        "pins",
        vec![
            says("a", "ann", "1"),
            says("b", "ann", "2"),
            pin("{a}").gets_json(200, pinned("{a}")).seen([event("pin", pinned("{a}"))]),
            Row::new("joiners are told")
                .stream("?recent=0")
                .shows([resume("new"), snapshot("pin", pinned("{a}"))]),
            pin("{b}").gets_json(200, pinned("{b}")).seen([event("pin", pinned("{b}"))]),
            Row::new("the later one")
                .stream("?recent=0")
                .shows([resume("new"), snapshot("pin", pinned("{b}"))]),
            pin(UNKNOWN).gets_invalid(&["comment"]),
            pin("x").gets_invalid(&["comment"]),
            Row::new("none named").by(MO).put("pin", json!({})).gets_invalid(&["comment"]),
            Row::new("unpinned")
                .by(MO)
                .delete("pin")
                .gets_nothing()
                .seen([event("pin", json!({"comment": null}))]),
            Row::new("joiners are told of none")
                .stream("?recent=4")
                .shows([
                    resume("new"),
                    comment("b", "2"),
                    event("pin", pinned("{a}")),
                    event("pin", pinned("{b}")),
                    event("pin", json!({"comment": null})),
                ])
                .stays("a joiner"),
            pin("{a}")
                .gets(200)
                .seen([event("pin", pinned("{a}"))])
                .seen_by("a joiner", [event("pin", pinned("{a}"))]),
            Row::new("a deleted comment's pin goes")
                .by("ann")
                .delete("comments/{a}")
                .gets_nothing()
                .seen([
                    event("pin", json!({"comment": null})),
                    event("delete", json!({"id": "{a}"})),
                ])
                .seen_by(
                    "a joiner",
                    [event("pin", json!({"comment": null})), event("delete", json!({"id": "{a}"}))],
                ),
            pin("{a}").gets_invalid(&["comment"]),
        ],
    )
}

fn reports() -> Table {
    let row = |rule: &str| Row::new(rule);
    let path = "comments/{a}/reports";
    let report = |by: Option<&str>, reason: Option<&str>| {
        let mut report = json!({"id": "{_#id}", "at": "{_#time}", "comment": "{a}"});
        let given = [("by", by), ("reason", reason)];
        for (name, value) in given.into_iter().filter_map(|(n, value)| Some((n, value?))) {
            report[name] = value.into();
        }
        report
    };
    Table::new(SECTION, "reports", vec![
        says("a", "ann", "1"),
        row("no reports yet").by(MO).get("reports").gets_json(200, json!({"reports": [], "next": null})),
        row("anybody, without a body").ask(axum::http::Method::POST, path).gets(202),
        row("anybody, with a reason").post(path, json!({"reason": "spam"})).gets(202),
        row("a viewer").by("viewer vic").post(path, json!({})).gets(202),
        row("an unknown comment").post(format!("comments/{UNKNOWN}/reports"), json!({})).gets(404),
        row("too long a reason").post(path, json!({"reason": "x".repeat(1_025)})).gets_invalid(&["reason"]),
        row("a bad token").with("authorization", "Bearer x").post(path, json!({})).gets(401),
        row("a moderator lists them, newest first").by(MO).get("reports").gets_json(200, json!({
            "reports": [report(Some("{@vic}"), None), report(None, Some("spam")), report(None, None)],
            "next": null,
        })),
        row("a page of them").by(MO).get("reports?limit=2").gets_json(200, json!({
            "reports": [{"…": 0}, {"id": "{next#id}", "…": 0}], "next": "{next}",
        })),
        row("the next page").by(MO).get("reports?limit=2&before={next}").gets_json(200, json!({
            "reports": [report(None, None)], "next": null,
        })),
    ])
}

/// Who, what, when.
fn log() -> Table {
    let entry = |who: &str, action: Value| {
        let by = json!({"id": format!("{{@{who}}}"), "name": format!("{{@{who}}}")});
        let mut entry = json!({"id": "{_#id}", "at": "{_#time}", "by": by});
        let fields = action.as_object().unwrap().clone();
        entry.as_object_mut().unwrap().extend(fields);
        entry
    };
    Table::new(SECTION, "log", vec![
        Row::new("nothing done yet").by(MO).get("moderation-log")
            .gets_json(200, json!({"actions": [], "next": null})),
        Row::new("a comment").by("ann").says("1").gets_json(201, comment("a", "ann", "1")),
        Row::new("a pin").by(MO).put("pin", json!({"comment": "{a}"})).gets(200),
        Row::new("no pin").by("admin ada").delete("pin").gets(204),
        Row::new("a ban").by(MO).put("bans/{@bob}", json!({"ttl_s": 60})).gets(200),
        Row::new("no ban").by(MO).delete("bans/{@bob}").gets(204),
        Row::new("settings").by(MO).put("settings", json!({"unique_s": 5})).gets(200),
        Row::new("a title").by(PIA).put("", json!({"title": "T", "state": "live"})).gets(200),
        Row::new("a deletion").by("ann").delete("comments/{a}").gets(204),
        Row::new("all of it, newest first").by(MO).get("moderation-log").gets_json(200, json!({
            "actions": [
                entry("ann", json!({"action": "delete", "comment": "{a}"})),
                entry("pia", json!({"action": "video", "title": "T", "state": "live"})),
                entry("mo", json!({"action": "settings", "slow_mode_s": 0,
                    "who_can_comment": "everyone", "blocked_words": [], "unique_s": 5})),
                entry("mo", json!({"action": "unban", "user": "{@bob}"})),
                entry("mo", json!({"action": "ban", "user": "{@bob}", "ttl_s": 60, "hide_comments": false})),
                entry("ada", json!({"action": "unpin"})),
                entry("mo", json!({"action": "pin", "comment": "{a}"})),
            ],
            "next": null,
        })),
    ]).unwatched()
}
