//! The section Moderation: settings, and what they keep from being posted.

use serde_json::{Value, json};

use super::{
    comments::{comment, says, taken},
    rooms::SECTION,
    row::Row,
    shown::{event, resume, snapshot},
    table::Table,
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
    rows.extend(refused.map(|(settings, fields)| put(settings).gets_invalid(fields)));
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
        refused.map(|text| Row::new("a blocked word").by("ann").says(text).gets_invalid(&["text"]));
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
            taken(row("a first", "Hello").key("k"), "a", "ann", "Hello"),
            row("the same", "Hello").gets(429).header("retry-after", "{wait#int 1-2}"),
            row("the same when normalised", "ＨＥＬＬＯ").gets(429),
            row("a known key skips it", "Hello")
                .key("k")
                .gets_json(201, comment("a", "ann", "Hello")),
            says("b", "ann", "hello there"),
            says("c", "bob", "Hello"),
            taken(row("after Retry-After", "Hello").after_s("{wait}"), "d", "ann", "Hello"),
        ],
    )
}
