//! The section Comments: what is read later, and what deleting takes away.

use serde_json::{Value, json};

use super::{
    comments::{SECTION, comment, says},
    row::{Row, Table, To, event, resume},
    who::Who,
};

pub(super) fn tables() -> Vec<Table> {
    vec![listed(), continued(), exported(), deleted(), deleters()]
}

fn page(ids: &[(&str, &str)], next: Value) -> Value {
    let comments: Vec<_> = ids.iter().map(|(id, text)| comment(id, "ann", text)).collect();
    json!({"comments": comments, "next": next, "cursor": "{_#cursor}"})
}

fn list(query: &str, ids: &[(&str, &str)], next: Value) -> Row {
    Row::new(format!("comments?{query}"))
        .get(format!("comments?{query}"))
        .gets_json(200, page(ids, next))
}

fn listed() -> Table {
    let [a, b, c, d] = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")];
    let mut rows = vec![list("", &[], json!(null))];
    rows.extend([a, b, c, d].map(|(id, text)| says(id, "ann", text)));
    rows.extend([
        list("", &[d, c, b, a], json!(null)),
        list("limit=4", &[d, c, b, a], json!(null)),
        list("limit=2", &[d, c], json!("{c}")),
        list("limit=2&before={c}", &[b, a], json!(null)),
        list("limit=1&before={c}", &[b], json!("{b}")),
        list("before={a}", &[], json!(null)),
        list("limit=2&after={a}", &[b, c], json!("{c}")),
        list("after={c}", &[d], json!(null)),
        list("limit=200", &[d, c, b, a], json!(null)),
    ]);
    let refused = [
        ("limit=0", &["limit"]),
        ("limit=201", &["limit"]),
        ("limit=x", &["limit"]),
        ("limit=-1", &["limit"]),
        ("before=x", &["before"]),
        ("after=x", &["after"]),
        ("before={a}&after={a}", &["after"]),
        ("format=xml", &["format"]),
    ];
    rows.extend(refused.map(|(query, fields)| {
        Row::new(format!("comments?{query}")).get(format!("comments?{query}")).is_invalid(fields)
    }));
    Table::new(SECTION, "listed", rows)
}

/// `stream?after=<cursor>` misses nothing.
fn continued() -> Table {
    let with_cursor = |mut page: Value| {
        page["cursor"] = "{cursor#cursor}".into();
        page
    };
    let comment = |id, text| event("comment", comment(id, "ann", text));
    Table::new(
        SECTION,
        "continued",
        vec![
            Row::new("a quiet room has a cursor")
                .get("comments")
                .gets_json(200, json!({"comments": [], "next": null, "cursor": "{empty#cursor}"})),
            says("a", "ann", "1"),
            Row::new("a list and its cursor")
                .get("comments")
                .gets_json(200, with_cursor(page(&[("a", "1")], json!(null)))),
            says("b", "ann", "2"),
            Row::new("the stream after it")
                .stream("?after={cursor}")
                .shows([resume("continued"), comment("b", "2")]),
            Row::new("the stream after a quiet room's").stream("?after={empty}").shows([
                resume("continued"),
                comment("a", "1"),
                comment("b", "2"),
            ]),
            Row::new("as Last-Event-ID")
                .stream("")
                .with("last-event-id", "{cursor}")
                .shows([resume("continued"), comment("b", "2")]),
            Row::new("the header counts first")
                .stream("?after={empty}")
                .with("last-event-id", "{cursor}")
                .shows([resume("continued"), comment("b", "2")]),
            Row::new("as lastEventId")
                .stream("?lastEventId={cursor}")
                .shows([resume("continued"), comment("b", "2")]),
        ],
    )
}

fn exported() -> Table {
    let path = "comments?format=ndjson";
    Table::new(
        "Moderation",
        "exported",
        vec![
            Row::new("nothing yet").by("moderator mo").get(path).gets_lines([]),
            says("a", "ann", "1"),
            says("b", "ann", "a\nb"),
            Row::new("oldest first")
                .by("moderator mo")
                .get(path)
                .header("content-type", "application/x-ndjson")
                .gets_lines([comment("a", "ann", "1"), comment("b", "ann", "a\nb")]),
            Row::new("an author's token").by("ann").get(path).gets(403),
            Row::new("no token").get(path).gets(401),
        ],
    )
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
