//! The section Comments: what is read later.

use serde_json::{Value, json};

use super::{
    comments::{SECTION, comment, says},
    row::Row,
    shown::{event, resume},
    table::Table,
};

pub(super) fn tables() -> Vec<Table> {
    vec![listed(), continued(), exported()]
}

pub(super) fn page(ids: &[(&str, &str)], next: Value) -> Value {
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
        Row::new(format!("comments?{query}")).get(format!("comments?{query}")).gets_invalid(fields)
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
