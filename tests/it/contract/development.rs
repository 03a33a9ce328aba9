//! The section Auth: development mode, which believes whoever gives a name.

use serde_json::{Value, json};

use super::{
    auth::SECTION,
    comments::comment,
    row::{Row, To},
    shown::resume,
    table::{In, Table},
};

pub(super) fn tables() -> Vec<Table> {
    vec![authors(), who_can_comment(), hosts()]
}

fn named(row: Row) -> Row {
    row.with("x-chorus-user", "{@ann}")
}

/// A comment by a guest of random name.
fn by_guest(id: &str, name: &str) -> Value {
    let mut comment = comment(id, "ann", "hi");
    let name = format!("guest-{{{name}}}");
    comment["author"] = json!({"id": name, "name": name});
    comment
}

fn authors() -> Table {
    Table::new(
        SECTION,
        "authors",
        vec![
            named(Row::new("X-Chorus-User is the author"))
                .says("hi")
                .gets_json(201, comment("a", "ann", "hi")),
            Row::new("otherwise a random guest").says("hi").gets_json(201, by_guest("b", "one")),
            Row::new("a guest's key").says("hi").key("k").gets_json(201, by_guest("c", "two")),
            Row::new("is the same guest's")
                .says("hi")
                .key("k")
                .gets_json(201, by_guest("c", "two")),
            named(Row::new("they may moderate")).delete("comments/{b}").gets_nothing(),
            Row::new("no user id").with("x-chorus-user", " ").says("hi").gets(401),
            Row::new("a token, which nobody can check")
                .with("authorization", "Bearer a.b.c")
                .says("hi")
                .gets(401),
            Row::new("anybody watches").stream("?recent=0").shows([resume("new")]),
        ],
    )
    .within(In::Development)
}

fn who_can_comment() -> Table {
    let set =
        |who: &str| named(Row::new(who)).put("settings", json!({"who_can_comment": who})).gets(200);
    Table::new(
        SECTION,
        "guests",
        vec![
            set("authenticated"),
            Row::new("a guest").says("hi").gets(403),
            named(Row::new("somebody with a name")).says("hi").gets(201),
            set("nobody"),
            named(Row::new("nobody")).says("hi").gets(403),
            set("everyone"),
            Row::new("a guest").says("hi").gets(201),
        ],
    )
    .within(In::Development)
}

/// Only what was addressed to this machine is answered.
fn hosts() -> Table {
    let from = |host: &'static str| Row::new(host).get("comments").with("host", host);
    Table::new(
        SECTION,
        "hosts",
        vec![
            from("localhost").gets(200),
            from("127.0.0.1:8080").gets(200),
            from("[::1]").gets(200),
            from("rebound.example").gets(403),
            from("127.0.0.1.rebound.example").gets(403),
            from("10.0.0.1").gets(403),
            from("rebound.example").says("hi").gets(403),
            from("rebound.example").at(To::Gateways).get("stream").gets(403),
            from("rebound.example").at(To::Gateways).get("/").gets(403),
        ],
    )
    .within(In::Development)
}
