//! Wrong tables are noticed: each of these differs from what the server does in one thing.

use axum::http::Method;
use serde_json::json;

use super::{
    comments::{comment, says},
    drive::broken,
    parts::Part,
    row::Row,
    shown::{event, resume},
    table::Table,
    world::World,
};

/// What is wrong, the row, and a word of what should be said.
type WrongRow = (&'static str, Row, &'static str);

fn wrong_rows() -> Vec<WrongRow> {
    let row = |rule| Row::new(rule).by("ann").says("hi");
    let seen = |text| [event("comment", comment("_", "ann", text))];
    let mut more = comment("_", "ann", "hi");
    more["likes"] = 0.into();
    let mut fewer = comment("_", "ann", "hi");
    fewer.as_object_mut().unwrap().remove("created_at");
    let no_stream = Row::new("no stream").stream("?recent=0");
    vec![
        ("a status", row("w1").gets(202), "201 Created should be 202"),
        ("a field's value", row("w2").gets_json(201, comment("_", "ann", "ho")), "text"),
        ("a field too many", row("w3").gets_json(201, more), "likes"),
        ("a field too few", row("w4").gets_json(201, fewer), "created_at"),
        ("who it was", row("w5").gets_json(201, comment("_", "bob", "hi")), "author"),
        ("a header's value", row("w6").gets(201).header("location", "/elsewhere"), "location"),
        ("a header that is there", row("w7").gets(201).no_header("location"), "location"),
        ("a header that is not", row("w8").gets(201).header("retry-after", "1"), "retry-after"),
        ("a body", row("w9").gets_json(201, json!({})), "there should be no"),
        ("no body", Row { status: 201, ..row("w10").gets_nothing() }, "a body"),
        ("a refusal's field", row("w11").says("").gets_invalid(&["name"]), "field"),
        ("an event's data", row("w12").gets(201).seen(seen("ho")), "text"),
        (
            "an event's name",
            row("w13").gets(201).seen([event("reply", json!({"…": 0}))]),
            "instead of reply",
        ),
        ("an event too many", row("w14").gets(201), "viewers get nothing else"),
        (
            "an event twice",
            row("w15").gets(201).seen([seen("hi"), seen("hi")].concat()),
            "instead of comment",
        ),
        (
            "an event without a place",
            row("w16")
                .gets(201)
                .seen([super::shown::snapshot("comment", comment("_", "ann", "hi"))]),
            "instead of comment",
        ),
        ("a verdict", no_stream.clone().shows([resume("continued")]), "status"),
        (
            "a stream's status",
            no_stream.clone().by("ann").with("authorization", "Bearer x").shows([resume("new")]),
            "401",
        ),
        (
            "an end",
            no_stream
                .shows([resume("new")])
                .stays("eve")
                .seen_by("eve", [super::shown::end("banned")]),
            "banned",
        ),
        ("what stands there", Row::new("w20").get("comments?limit=1").lacks("cursor"), "stands in"),
        ("a method", Row::new("w21").ask(Method::PATCH, "comments").gets(200), "405"),
        (
            "several at once",
            row("w22").at_once(2).gets_json(201, comment("x", "ann", "hi")),
            "as x was",
        ),
        ("what never comes at first", row("w23").at_first(202).gets(422), "201 Created"),
        (
            "what comes at first",
            row("w24").at_first(201).gets_json(201, comment("_", "ann", "ho")),
            "text",
        ),
    ]
}

/// The same of tables that lose something, meanwhile.
fn wrong_rows_meanwhile() -> Vec<(Part, WrongRow)> {
    let row = |rule| Row::new(rule).by("ann").says("hi");
    let shown = event("comment", comment("_", "ann", "hi"));
    let deletes = Row::new("o4").by("zoe").delete("comments/{first}").gets_nothing();
    let ticket = Row::new("o5").stream("?ticket=x.y").shows([resume("new")]);
    vec![
        (Part::Redis, ("a status", row("o1").gets(201), "202 Accepted should be 201")),
        (Part::Redis, ("a place", row("o2").gets(202).seen([shown]), "instead of comment")),
        (Part::Redis, ("what is shown", row("o3").gets(202), "viewers get nothing else")),
        (Part::Redis, ("a deletion's status", deletes, "202 Accepted should be 204")),
        (Part::Redis, ("a ticket", ticket, "401")),
        (Part::Store, ("a status", row("o6").gets(201), "503 Service Unavailable should be 201")),
        (Part::Store, ("history", Row::new("o7").get("comments"), "should be 200")),
    ]
}

/// Each is found, and named by its row; none keeps the others from being run.
pub(super) async fn wrong_tables_are_noticed(world: &World) {
    let rows = wrong_rows();
    let table = |(nth, (_, row, _)): (usize, &WrongRow)| {
        Table::new("Control", format!("control{nth}"), vec![says("_", "zoe", "first"), row.clone()])
    };
    let tables = rows.iter().enumerate().map(table).collect();
    are_noticed(world, tables, &rows).await;
}

/// The same of what is wrong during an outage, or after it.
pub(super) async fn wrong_outages_are_noticed(world: &World) {
    let (parts, mut rows): (Vec<_>, Vec<_>) = wrong_rows_meanwhile().into_iter().unzip();
    let table = |name: String| Table::new("Control", name, vec![says("first", "zoe", "first")]);
    let meanwhile = parts.into_iter().zip(&rows).enumerate().map(|(nth, (part, (_, row, _)))| {
        table(format!("outage{nth}")).losing(part, vec![row.clone()], vec![])
    });
    let late = Row::new("o8").get("comments/{first}").gets(404);
    let afterwards = table("afterwards".into()).losing(Part::Store, vec![], vec![late.clone()]);
    let tables = meanwhile.chain([afterwards]).collect();
    rows.push(("what comes afterwards", late, "200 OK should be 404"));
    are_noticed(world, tables, &rows).await;
}

async fn are_noticed(world: &World, tables: Vec<Table>, rows: &[WrongRow]) {
    let told = broken(world, tables, 0).await;
    let told: Vec<_> = told.into_iter().map(|(_, why)| why).collect();
    assert_eq!(told.len(), rows.len(), "{told:#?}");
    for ((what, row, word), told) in rows.iter().zip(told) {
        let names_it = told.contains(&row.rule) || *word == "viewers get nothing else";
        assert!(names_it && told.contains(word), "{what}: {word:?} in {told}");
    }
}
