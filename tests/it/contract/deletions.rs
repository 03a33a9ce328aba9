//! The section Comments: what deleting takes away, and who may.

use serde_json::json;

use super::{
    comments::{SECTION, comment, says},
    history::page,
    row::{Row, To},
    shown::{event, resume},
    table::Table,
    who::Who,
};

pub(super) fn tables() -> Vec<Table> {
    vec![deleted(), deleters()]
}

/// The text is gone from history, replay and every stream.
fn deleted() -> Table {
    const TEXT: &str = "to be forgotten";
    let gone = event("delete", json!({"id": "{b}"}));
    let comment = |id, text| event("comment", comment(id, "ann", text));
    Table::new(
        SECTION,
        "deleted",
        vec![
            Row::new("before")
                .get("comments")
                .gets_json(200, json!({"comments": [], "next": null, "cursor": "{before#cursor}"})),
            says("a", "ann", "stays"),
            says("b", "ann", TEXT),
            Row::new("by its author")
                .by("ann")
                .delete("comments/{b}")
                .gets_nothing()
                .seen([gone.clone()]),
            Row::new("gone from the list")
                .get("comments")
                .lacks(TEXT)
                .gets_json(200, page(&[("a", "stays")], json!(null))),
            Row::new("one").get("comments/{b}").gets(404),
            Row::new("the export")
                .by("moderator mo")
                .get("comments?format=ndjson")
                .lacks(TEXT)
                .gets_lines([self::comment("a", "ann", "stays")]),
            Row::new("the newest").stream("?recent=20").shows([
                resume("new"),
                comment("a", "stays"),
                gone.clone(),
            ]),
            Row::new("replay").stream("?after={before}").shows([
                resume("continued"),
                comment("a", "stays"),
                gone,
            ]),
            Row::new("every byte of the newest")
                .get("stream?recent=20&poll=1")
                .at(To::Gateways)
                .lacks(TEXT),
            Row::new("and of replay")
                .get("stream?after={before}&poll=1")
                .at(To::Gateways)
                .lacks(TEXT),
        ],
    )
}

fn deleters() -> Table {
    let deletes = |rule: &str, who: &'static str, id: &str| {
        Row::new(rule).by(who).delete(format!("comments/{{{id}}}"))
    };
    let gone = |id: &str| [event("delete", json!({"id": format!("{{{id}}}")}))];
    let elsewhere = Who::from("moderator mo").only_for(&["other"]);
    Table::new(
        SECTION,
        "deleters",
        vec![
            says("a", "ann", "1"),
            says("b", "ann", "2"),
            says("c", "ann", "3"),
            deletes("another author", "bob", "a").gets(403),
            deletes("a producer", "producer pia", "a").gets(403),
            deletes("a viewer", "viewer vic", "a").gets(403),
            deletes("nobody", "", "a").gets(401),
            Row::new("a moderator of another video").by(elsewhere).delete("comments/{a}").gets(403),
            Row::new("unknown")
                .by("ann")
                .delete("comments/0190163d-8694-739b-aea5-966c26f8ad91")
                .gets(404),
            Row::new("unknown to a moderator")
                .by("moderator mo")
                .delete("comments/0190163d-8694-739b-aea5-966c26f8ad91")
                .gets(404),
            Row::new("no id").by("ann").delete("comments/a").gets(404),
            Row::new("in another video")
                .by("moderator mo")
                .delete("/v1/videos/other/comments/{a}")
                .gets(404),
            deletes("its author", "ann", "a").gets_nothing().seen(gone("a")),
            deletes("a moderator", "moderator mo", "b").gets_nothing().seen(gone("b")),
            deletes("an admin", "admin ada", "c").gets_nothing().seen(gone("c")),
            deletes("another author, of what is deleted", "bob", "a").gets(403),
            deletes("its author, again", "ann", "a").gets_nothing(),
        ],
    )
}
