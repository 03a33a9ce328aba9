//! The section Auth: tickets, and the cookie that the first use of one brings.

use serde_json::json;

use super::{
    auth::SECTION,
    row::{Row, To},
    shown::{end, resume},
    table::{In, Table},
    who::Who,
};

const COOKIE: &str =
    "{cookie}; Path=/v1/videos/{video}/stream; Max-Age={_#int 500-600}; HttpOnly; SameSite=Strict";

pub(super) fn tables() -> Vec<Table> {
    vec![
        passes("passes").unwatched(),
        passes("strictpasses").within(In::Strict),
        banned(),
        late(),
        development(),
    ]
}

fn asks(rule: &str, who: &'static str) -> Row {
    Row::new(rule).by(who).post("tickets", json!({}))
}

fn opens(rule: &str, query: &str) -> Row {
    Row::new(rule).stream(query).shows([resume("new")])
}

fn passes(name: &str) -> Table {
    let issued = |name: &str| json!({"ticket": format!("{{{name}}}"), "expires_in": 30});
    let registers =
        Row::new("registered").by("producer pia").put("", json!({"state": "live"})).gets(200);
    let elsewhere = Row::new("another video")
        .by("producer pia")
        .put("/v1/videos/other-{video}", json!({"state": "live"}))
        .gets(200);
    let with_cookie = |row: Row| row.with("cookie", "theirs=1; {cookie}");
    let mut rows = vec![
        registers,
        elsewhere,
        asks("a ticket", "viewer vic")
            .gets_json(201, issued("ticket"))
            .header("cache-control", "no-store"),
        asks("nobody gets one", "").gets(401),
        Row::new("one for another video")
            .stream("")
            .get("/v1/videos/other-{video}/stream?ticket={ticket}")
            .gets(401),
        opens("the first use sets a cookie", "?recent=0&ticket={ticket}")
            .at(To::OneGateway)
            .header("set-cookie", COOKIE),
        Row::new("a used one").stream("?ticket={ticket}").gets(401),
        Row::new("one of nobody's").stream("?ticket=x.y").gets(401),
        with_cookie(opens("coming back with the same URL", "?recent=0&ticket={ticket}"))
            .no_header("set-cookie"),
        with_cookie(opens("the cookie alone", "?recent=0")).no_header("set-cookie"),
    ];
    rows.extend(no_writes());
    rows.extend([
        asks("another ticket", "viewer vic").gets_json(201, issued("other")),
        Row::new("a ticket is no token")
            .with("authorization", "Bearer {other}")
            .says("hi")
            .gets(401),
        Row::new("a ticket is no cookie")
            .stream("?ticket={ticket}")
            .with("cookie", "chorus_stream={other}")
            .gets(401),
        with_cookie(
            Row::new("a cookie of another video's")
                .stream("")
                .get("/v1/videos/other-{video}/stream?ticket={ticket}"),
        )
        .gets(401),
        opens("the other ticket is still good", "?recent=0&ticket={other}").at(To::OneGateway),
        Row::new("a token of another video")
            .by(Who::from("ann").only_for(&["other"]))
            .post("tickets", json!({}))
            .gets(403),
    ]);
    Table::new(SECTION, name, rows)
}

/// A cookie opens streams only.
fn no_writes() -> Vec<Row> {
    let with_cookie = |row: Row| row.with("cookie", "theirs=1; {cookie}");
    vec![
        with_cookie(Row::new("no write: a comment").says("hi")).gets(401),
        with_cookie(asks("no write: a ticket", "")).gets(401),
        with_cookie(Row::new("no write: settings").put("settings", json!({}))).gets(401),
        with_cookie(
            Row::new("no write: a deletion")
                .delete("comments/0190163d-8694-739b-aea5-966c26f8ad91"),
        )
        .gets(401),
        with_cookie(Row::new("no write: a ban").put("bans/bob", json!({}))).gets(401),
        with_cookie(Row::new("no write: a pin").put("pin", json!({"comment": "{_}"}))).gets(401),
        with_cookie(Row::new("no write: the video").put("", json!({"state": "ended"}))).gets(401),
        with_cookie(Row::new("no write: a reaction").post("reactions", json!({"kind": "like"})))
            .gets(401),
        with_cookie(
            Row::new("no write: an event").post("events", json!({"type": "odds", "data": 1})),
        )
        .gets(401),
    ]
}

fn banned() -> Table {
    Table::new(
        SECTION,
        "bannedpass",
        vec![
            asks("a ticket", "bob").gets_json(201, json!({"ticket": "{ticket}", "expires_in": 30})),
            opens("a stream", "?recent=0&ticket={ticket}")
                .at(To::OneGateway)
                .header("set-cookie", COOKIE)
                .stays("bob"),
            Row::new("a ban")
                .by("moderator mo")
                .put("bans/{@bob}", json!({}))
                .gets(200)
                .seen_by("bob", [end("banned")]),
            Row::new("coming back")
                .stream("?ticket={ticket}")
                .with("cookie", "{cookie}")
                .gets_nothing(),
        ],
    )
}

fn late() -> Table {
    let issued = json!({"ticket": "{ticket}", "expires_in": 30});
    let rows = vec![
        asks("a ticket", "viewer vic").gets_json(201, issued),
        Row::new("half a minute later").after_s("30").stream("?ticket={ticket}").gets(401),
    ];
    Table::new(SECTION, "latepass", rows).unwatched()
}

/// Nobody has a token, so the cookie lasts for a day.
fn development() -> Table {
    const A_DAY: &str =
        "{cookie}; Path=/v1/videos/{video}/stream; Max-Age=86400; HttpOnly; SameSite=Strict";
    Table::new(
        SECTION,
        "devpass",
        vec![
            asks("a guest's ticket", "")
                .gets_json(201, json!({"ticket": "{ticket}", "expires_in": 30})),
            opens("its stream", "?recent=0&ticket={ticket}")
                .at(To::OneGateway)
                .header("set-cookie", A_DAY),
            Row::new("again").stream("?ticket={ticket}").gets(401),
        ],
    )
    .within(In::Development)
}
