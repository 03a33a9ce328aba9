//! The sections Comments, Moderation and Auth while the store can't be reached, or has no room.

use serde_json::{Value, json};

use super::{
    comments::{SECTION, comment, says},
    parts::Part,
    roles::{Endpoint, endpoints},
    rooms,
    row::Row,
    shown::{event, resume},
    table::Table,
};

/// What becomes of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// The store is gone.
    Refused,
    /// Its disk is full.
    GoOn,
}

impl Reads {
    /// What a row gets that only reads.
    fn status(self) -> u16 {
        if self == Self::Refused { 503 } else { 200 }
    }
}

pub(super) fn tables(reads: Reads) -> Vec<Table> {
    let endpoints = endpoints().into_iter().enumerate();
    let endpoints = endpoints.map(|(nth, endpoint)| asked(nth, endpoint, reads));
    [posted(reads)].into_iter().chain(endpoints).collect()
}

/// 503: nothing was acknowledged, and the same key is safe to retry.
fn posted(reads: Reads) -> Table {
    let keyed = |rule: &str| Row::new(rule).by("ann").says("hi").key("k");
    let (first, same) = (comment("a", "ann", "before"), comment("b", "ann", "hi"));
    let page = |comments: &[&Value]| json!({"comments": comments, "next": null, "cursor": "{_}"});
    let meanwhile = vec![
        keyed("a key").gets(503).header("retry-after", "{_#int 1-60}"),
        keyed("again, at the other node").gets(503),
        Row::new("no key").by("bob").says("hi").gets(503),
        Row::new("what is refused as ever").says("hi").gets(401),
        Row::new("as well").by("ann").says("").gets_invalid(&["text"]),
        Row::new("a stream")
            .stream("?recent=20")
            .shows([resume("new"), event("comment", first.clone())])
            .stays("who comes meanwhile"),
        Row::new("history").get("comments").gets(reads.status()),
        Row::new("one").get("comments/{a}").gets(reads.status()),
        Row::new("a deletion").by("ann").delete("comments/{a}").gets(503),
    ];
    let afterwards = vec![
        keyed("the same key is safe to retry")
            .at_first(503)
            .gets_json(201, same.clone())
            .seen([event("comment", same.clone())])
            .seen_by("who comes meanwhile", [event("comment", same.clone())]),
        keyed("once").at_once(4).at_first(503).gets_json(201, same.clone()),
        Row::new("nothing else is there")
            .get("comments")
            .at_first(503)
            .gets_json(200, page(&[&same, &first])),
    ];
    Table::new(SECTION, "unstored", vec![says("a", "ann", "before")]).losing(
        Part::Store,
        meanwhile,
        afterwards,
    )
}

/// Each endpoint needs the store, but for tickets.
fn asked(nth: usize, (method, path, body, _, status): Endpoint, reads: Reads) -> Table {
    let row = |rule: &str| {
        let row = Row::new(format!("{method} {path} {rule}")).by("admin ada");
        let row = row.ask(method.parse().unwrap(), path);
        body.as_ref().map_or(row.clone(), |body| row.json(body))
    };
    let refused = match (method, path) {
        (_, "tickets") => status,
        ("GET", _) => reads.status(),
        _ => 503,
    };
    let first =
        Row::new("a comment").by("ann").says("hi").gets_json(201, comment("a", "ann", "hi"));
    let afterwards = vec![row("afterwards").at_first(503).gets(status)];
    Table::new(rooms::SECTION, format!("unstored{nth}"), vec![first]).unwatched().losing(
        Part::Store,
        vec![row("meanwhile").gets(refused)],
        afterwards,
    )
}
