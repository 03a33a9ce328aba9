//! The section Moderation: settings and bans.

use serde_json::{Value, json};

use super::{
    comments::{comment, says, taken},
    rooms::SECTION,
    row::{Row, Table, end, event, resume, snapshot},
};

const MO: &str = "moderator mo";

pub(super) fn tables() -> Vec<Table> {
    vec![
        settings(),
        who_can_comment("everyone", 201),
        who_can_comment("authenticated", 201),
        who_can_comment("nobody", 403),
        words(),
        slow_mode(),
        unique(),
        bans(),
        ban_times(),
        hidden(),
    ]
}

fn put(settings: Value) -> Row {
    Row::new(format!("settings {settings}")).by(MO).put("settings", settings)
}

/// What viewers are told of settings: all but the words.
fn shown(slow_mode_s: u32, who: &str, unique_s: u32) -> Value {
    json!({"slow_mode_s": slow_mode_s, "who_can_comment": who, "unique_s": unique_s})
}

fn all_of(shown: Value, words: Value) -> Value {
    let mut all = shown;
    all["blocked_words"] = words;
    all
}

fn settings() -> Table {
    let get = |rule: &str| Row::new(rule).by(MO).get("settings");
    let defaults = shown(0, "everyone", 0);
    let some = shown(5, "authenticated", 60);
    let sent = all_of(some.clone(), json!(["darn"]));
    let mut rows = vec![
        get("the defaults").gets_json(200, all_of(defaults.clone(), json!([]))),
        Row::new("joiners are told of none")
            .stream("?recent=0")
            .shows([resume("new")])
            .stays("an early one"),
        put(sent.clone())
            .gets_json(200, sent.clone())
            .seen([event("settings", some.clone())])
            .seen_by("an early one", [event("settings", some.clone())]),
        get("the same").gets_json(200, sent),
        Row::new("joiners are told")
            .stream("?recent=0")
            .shows([resume("new"), snapshot("settings", some)]),
        put(json!({"unique_s": 7}))
            .gets_json(200, all_of(shown(0, "everyone", 7), json!([])))
            .seen([event("settings", shown(0, "everyone", 7))])
            .seen_by("an early one", [event("settings", shown(0, "everyone", 7))]),
        put(json!({}))
            .gets_json(200, all_of(defaults.clone(), json!([])))
            .seen([event("settings", defaults.clone())])
            .seen_by("an early one", [event("settings", defaults)]),
    ];
    let refused = [
        (json!({"slow_mode_s": -1}), &["slow_mode_s"]),
        (json!({"slow_mode_s": "5"}), &["slow_mode_s"]),
        (json!({"unique_s": 1.5}), &["unique_s"]),
        (json!({"who_can_comment": "friends"}), &["who_can_comment"]),
        (json!({"blocked_words": "a"}), &["blocked_words"]),
    ];
    rows.extend(refused.map(|(settings, fields)| put(settings).is_invalid(fields)));
    rows.push(put(json!([])).gets(422));
    rows.push(Row::new("no JSON").by(MO).put("settings", "{").gets(400));
    Table::new(SECTION, "settings", rows)
}

fn who_can_comment(setting: &str, token: u16) -> Table {
    let mut rows = vec![put(json!({ "who_can_comment": setting })).gets(200)];
    rows.extend(
        [
            ("", 401),
            ("viewer vic", 403),
            ("ann", token),
            ("commenter cem", token),
            (MO, 201),
            ("producer pia", 201),
            ("admin ada", 201),
        ]
        .map(|(who, status)| Row::new(format!("{setting}: {who}")).by(who).says("hi").gets(status)),
    );
    Table::new(SECTION, setting, rows).unwatched()
}

fn words() -> Table {
    let set = put(json!({"blocked_words": ["Darn", "go  home"]}))
        .gets(200)
        .seen([event("settings", shown(0, "everyone", 0))]);
    let refused = ["darn", "DARN it", "ｄａｒｎ", "d\u{200b}arn", "dárn", "Go\nhome"];
    let refused =
        refused.map(|text| Row::new("a blocked word").by("ann").says(text).is_invalid(&["text"]));
    let mut rows = vec![set];
    rows.extend(refused);
    rows.push(says("_", "ann", "darning"));
    rows.push(put(json!({})).gets(200).seen([event("settings", shown(0, "everyone", 0))]));
    rows.push(says("_", "ann", "darn"));
    Table::new(SECTION, "words", rows)
}

fn slow_mode() -> Table {
    let row = |rule: &str| Row::new(rule).by("ann").says("again");
    Table::new(
        SECTION,
        "slow",
        vec![
            put(json!({"slow_mode_s": 2}))
                .gets(200)
                .seen([event("settings", shown(2, "everyone", 0))]),
            taken(Row::new("a first").by("ann").says("hi").key("k"), "a", "ann", "hi"),
            row("too soon, at the other node").gets(429).header("retry-after", "{wait#int 1-2}"),
            Row::new("a known key skips slow mode")
                .by("ann")
                .says("hi")
                .key("k")
                .gets_json(201, comment("a", "ann", "hi")),
            says("b", "bob", "others may"),
            taken(row("after Retry-After").after_s("{wait}"), "c", "ann", "again"),
            Row::new("it counts from there").by("ann").says("more").gets(429),
        ],
    )
}

fn unique() -> Table {
    let row = |rule: &str, text: &str| Row::new(rule).by("ann").says(text);
    Table::new(
        SECTION,
        "unique",
        vec![
            put(json!({"unique_s": 2}))
                .gets(200)
                .seen([event("settings", shown(0, "everyone", 2))]),
            taken(row("a first", "Hello"), "a", "ann", "Hello"),
            row("the same", "Hello").gets(429).header("retry-after", "{wait#int 1-2}"),
            row("the same when normalised", "ＨＥＬＬＯ").gets(429),
            says("b", "ann", "hello there"),
            says("c", "bob", "Hello"),
            taken(row("after Retry-After", "Hello").after_s("{wait}"), "d", "ann", "Hello"),
        ],
    )
}

/// Who is banned may not post, and their stream ends; others go on.
fn bans() -> Table {
    let ban = json!({"user": "{@bob}", "by": "{@mo}", "since": "{_#time}", "hide_comments": false});
    let viewer = |rule: &str, who: &'static str| Row::new(rule).by(who).stream("?recent=0");
    Table::new(
        SECTION,
        "bans",
        vec![
            viewer("bob watches", "bob").shows([resume("new")]).stays("bob"),
            viewer("so does ann", "ann").shows([resume("new")]).stays("ann"),
            taken(Row::new("bob posts").by("bob").says("hi").key("k"), "a", "bob", "hi")
                .seen_by("bob", [event("comment", comment("a", "bob", "hi"))])
                .seen_by("ann", [event("comment", comment("a", "bob", "hi"))]),
            Row::new("no bans")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [], "next": null})),
            Row::new("a ban for ever, without a body")
                .by(MO)
                .ask(axum::http::Method::PUT, "bans/{@bob}")
                .gets_json(200, ban.clone())
                .seen_by("bob", [end("banned")]),
            viewer("coming back", "bob").gets_nothing(),
            viewer("a video alone", "bob")
                .get("/v1/videos/other/stream?recent=0")
                .shows([resume("new")]),
            Row::new("a post").by("bob").says("ho").gets(403),
            Row::new("a known key gives the same comment")
                .by("bob")
                .says("hi")
                .key("k")
                .gets_json(201, comment("a", "bob", "hi")),
            Row::new("the bans")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [ban], "next": null})),
            Row::new("what was posted stays").get("comments/{a}").gets(200),
            says("b", "ann", "still here")
                .seen_by("ann", [event("comment", comment("b", "ann", "still here"))]),
            Row::new("lifted").by(MO).delete("bans/{@bob}").gets_nothing(),
            Row::new("lifted again").by(MO).delete("bans/{@bob}").gets_nothing(),
            Row::new("no bans")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [], "next": null})),
            viewer("bob watches again", "bob").shows([resume("new")]).stays("bob"),
            says("c", "bob", "thanks")
                .seen_by("bob", [event("comment", comment("c", "bob", "thanks"))])
                .seen_by("ann", [event("comment", comment("c", "bob", "thanks"))]),
        ],
    )
}

fn ban_times() -> Table {
    let put = |body: Value| Row::new(format!("a ban of {body}")).by(MO).put("bans/{@bob}", body);
    Table::new(
        SECTION,
        "bantimes",
        vec![
            put(json!({"ttl_s": 0})).is_invalid(&["ttl_s"]),
            put(json!({"ttl_s": "1"})).is_invalid(&["ttl_s"]),
            put(json!({"hide_comments": 1})).is_invalid(&["hide_comments"]),
            put(json!({"ttl": 1})).gets(422),
            Row::new("nobody that could be").by(MO).put("bans/%20", json!({})).gets(404),
            put(json!({"ttl_s": 1})).gets_json(
                200,
                json!({"user": "{@bob}", "by": "{@mo}",
            "since": "{_#time}", "until": "{until#time}", "hide_comments": false}),
            ),
            Row::new("meanwhile").by("bob").says("hi").gets(403),
            taken(Row::new("afterwards").after_s("1").by("bob").says("hi"), "a", "bob", "hi"),
            Row::new("it is over")
                .by(MO)
                .get("bans")
                .gets_json(200, json!({"bans": [], "next": null})),
        ],
    )
}

/// One event hides all that the banned one had posted.
fn hidden() -> Table {
    let left = json!({"comments": [comment("b", "ann", "2")], "next": null, "cursor": "{_}"});
    Table::new(SECTION, "hidden", vec![
        says("a", "bob", "1"),
        says("b", "ann", "2"),
        says("c", "bob", "3"),
        Row::new("a ban that hides").by(MO).put("bans/{@bob}", json!({"hide_comments": true}))
            .gets_json(200, json!({"user": "{@bob}", "by": "{@mo}", "since": "{_#time}", "hide_comments": true}))
            .seen([event("hide", json!({"author": "{@bob}"}))]),
        Row::new("history hides").get("comments").gets_json(200, left),
        Row::new("one as well").get("comments/{a}").gets(404),
        Row::new("a page as well").get("comments?limit=1").gets_json(200,
            json!({"comments": [comment("b", "ann", "2")], "next": null, "cursor": "{_}"})),
        Row::new("lifted").by(MO).delete("bans/{@bob}").gets_nothing(),
        Row::new("shown again").get("comments/{a}").gets_json(200, comment("a", "bob", "1")),
    ])
}
