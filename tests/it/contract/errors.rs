//! The section Errors, and pages of other origins. That each refusal is whole is looked at in every
//! table; here is how each kind comes about.

use axum::http::Method;
use serde_json::json;

use super::{
    row::{Row, To},
    shown::resume,
    table::Table,
    world::ORIGIN,
};

const SECTION: &str = "Errors";

pub(super) fn tables() -> Vec<Table> {
    vec![statuses(), ids(), pages()]
}

/// The row at each role.
fn at_both(row: &Row) -> [Row; 2] {
    [row.clone(), row.clone().at(To::Gateways)]
}

fn statuses() -> Table {
    let patch = Row::new("a method that is none").ask(Method::PATCH, "comments").gets(405);
    let post =
        Row::new("a stream is only read").at(To::Gateways).post("stream", json!({})).gets(405);
    let video = |rule: &str, video: &str| {
        let path = format!("/v1/videos/{video}");
        [
            Row::new(rule).by("ann").get(format!("{path}/comments")).gets(404),
            Row::new(rule)
                .by("ann")
                .post(format!("{path}/comments"), json!({"text": "hi"}))
                .gets(404),
            Row::new(rule).by("producer pia").put(&*path, json!({"state": "live"})).gets(404),
            Row::new(rule).by("moderator mo").put(format!("{path}/settings"), json!({})).gets(404),
            Row::new(rule).at(To::Gateways).get(format!("{path}/stream")).gets(404),
        ]
    };
    let mut rows = vec![patch.header("allow", "{_}"), post.header("allow", "{_}")];
    rows.extend(at_both(&Row::new("no such path").get("/v1/nothing").gets_json(
        404,
        json!({
            "type": "{_}", "title": "{_}", "status": 404, "detail": "{_}", "request_id": "{_}",
        }),
    )));
    rows.extend(video("65 letters", &"v".repeat(65)));
    rows.extend(video("a space", "a%20b"));
    rows.extend(video("a way up", "..%2fx"));
    rows.extend(video("beyond ASCII", "vid%C3%A9o"));
    rows.extend(video("no UTF-8", "%ff"));
    Table::new(SECTION, "statuses", rows).unwatched()
}

fn ids() -> Table {
    let named = |row: Row, id: &'static str| row.with("x-request-id", id);
    let found = Row::new("an answer").get("comments");
    let refused = Row::new("a refusal").get("comments?limit=0").gets(422);
    let stream = Row::new("a stream").stream("?recent=0").shows([resume("new")]);
    let mine = [found.clone(), refused, stream]
        .map(|row| named(row, "mine-1.a_b").header("x-request-id", "mine-1.a_b"));
    let page = Row::new("the page").at(To::Gateways).get("/");
    let other = named(found, "not a word").header("x-request-id", "{_#id}");
    Table::new(SECTION, "ids", mine.into_iter().chain([page, other]).collect()).unwatched()
}

/// CORS by allow-list, at both roles.
fn pages() -> Table {
    let ours = |row: Row| {
        row.with("origin", ORIGIN)
            .header("access-control-allow-origin", ORIGIN)
            .header("access-control-allow-credentials", "true")
    };
    let theirs = |row: Row| {
        row.with("origin", "https://other.example")
            .no_header("access-control-allow-origin")
            .no_header("access-control-allow-credentials")
    };
    let asks = |rule: &str| {
        Row::new(rule)
            .ask(Method::OPTIONS, "comments")
            .with("access-control-request-method", "POST")
            .with("access-control-request-headers", "authorization,content-type,idempotency-key")
    };
    let allowed = |row: Row| {
        row.header("access-control-allow-methods", "GET,POST,PUT,DELETE").header(
            "access-control-allow-headers",
            "authorization,content-type,idempotency-key,last-event-id,x-request-id,x-chorus-user",
        )
    };
    let exposed = "location,retry-after,x-request-id,chorus-end";
    let list = |rule: &str| Row::new(rule).get("comments");
    let refused = |rule: &str| Row::new(rule).get("/v1/nothing").gets(404);
    let stream = |rule: &str| Row::new(rule).stream("?recent=0").shows([resume("new")]);
    let mut rows = vec![
        ours(list("a page of ours reads")).header("access-control-expose-headers", exposed),
        theirs(list("another page does not")),
        list("no page").no_header("access-control-allow-origin"),
        ours(stream("its streams")),
        theirs(stream("another's streams")),
        ours(
            Row::new("a bad token's refusal")
                .with("authorization", "Bearer x")
                .says("hi")
                .gets(401),
        ),
        ours(
            Row::new("a bad token's refusal")
                .with("authorization", "Bearer x")
                .stream("")
                .gets(401),
        ),
        ours(list("an invalid one").get("comments?limit=0").gets(422)),
    ];
    rows.extend(at_both(&ours(refused("what is not there"))));
    rows.extend(at_both(&theirs(refused("what is not there"))));
    rows.extend(at_both(&allowed(ours(asks("a preflight")))));
    rows.extend(at_both(&theirs(asks("another's preflight"))));
    Table::new("Stream", "pages", rows).unwatched()
}
