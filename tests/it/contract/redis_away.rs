//! The sections Comments and Auth while Redis is away: what is answered at once, and what follows
//! when it is back. What moderators do meanwhile is in [`moderated`](super::moderated).
//!
//! What was shown without a place stays so for the bytes of a gateway: whoever comes later gets it
//! where it was shown, and its position by itself.

use serde_json::{Value, json};

use super::{
    auth,
    comments::{SECTION, comment, says},
    parts::Part,
    row::{Row, To},
    shown::{Shown, event, resume, snapshot},
    table::Table,
};

pub(super) fn tables() -> Vec<Table> {
    vec![posted(), listed(), answered(), deleted(), forgotten(), tickets()]
}

/// What viewers get of a comment at once, without a place.
fn at_once(comment: &Value) -> [Shown; 1] {
    [snapshot("comment", comment.clone())]
}

/// A page of history that has these, newest first.
fn page(comments: &[&Value]) -> Value {
    json!({"comments": comments, "next": null, "cursor": "{_#cursor}"})
}

/// 202 until accepted, 201 from then on: one comment, shown once.
fn posted() -> Table {
    let keyed = |rule: &str| Row::new(rule).by("ann").says("hi").key("k");
    let [first, same, later] = [("a", "ann", "before"), ("b", "ann", "hi"), ("c", "bob", "later")]
        .map(|(id, who, text)| comment(id, who, text));
    let location = "/v1/videos/{video}/comments/{b}";
    let cursor = json!({"comments": [], "next": null, "cursor": "{before#cursor}"});
    let before =
        vec![Row::new("before").get("comments").gets_json(200, cursor), says("a", "ann", "before")];
    let meanwhile = vec![
        keyed("stored, and live delivery on record")
            .gets_json(202, same.clone())
            .header("location", location)
            .seen(at_once(&same)),
        keyed("the same key, at the other node")
            .gets_json(202, same.clone())
            .header("location", location),
        keyed("many at once").at_once(6).gets_json(202, same.clone()),
        Row::new("another text").by("ann").says("ho").key("k").gets(422),
        Row::new("no text").by("ann").says("").gets_invalid(&["text"]),
        Row::new("nobody").says("hi").gets(401),
        Row::new("history has it").get("comments").gets_json(200, page(&[&same, &first])),
        Row::new("one").get("comments/{b}").gets_json(200, same.clone()),
    ];
    let afterwards = vec![
        keyed("accepted").at_first(202).gets_json(201, same.clone()).header("location", location),
        keyed("at the other node as well").gets_json(201, same.clone()),
        says("c", "bob", "later"),
        Row::new("once in history").get("comments").gets_json(200, page(&[&later, &same, &first])),
        Row::new("once in replay").stream("?after={before}").shows([
            resume("continued"),
            event("comment", first),
            snapshot("comment", same),
            event("comment", later),
        ]),
    ];
    Table::new(SECTION, "away", before).losing(Part::Redis, meanwhile, afterwards)
}

/// History has no position to give: who begins there is told so.
fn listed() -> Table {
    let comment = comment("a", "ann", "1");
    let mut list = page(&[&comment]);
    list["cursor"] = "{away}".into();
    let mut reset = resume("reset");
    reset.data["wait_ms"] = "{_#int}".into();
    let meanwhile = vec![Row::new("a list").get("comments").gets_json(200, list)];
    let afterwards = vec![
        Row::new("the stream after it")
            .stream("?after={away}")
            .shows([reset, event("comment", comment)]),
    ];
    Table::new(SECTION, "awaylist", vec![says("a", "ann", "1")]).losing(
        Part::Redis,
        meanwhile,
        afterwards,
    )
}

/// Whoever comes meanwhile is shown what comes after them.
fn answered() -> Table {
    let first = comment("a", "ann", "hi");
    let mut answer = comment("b", "bob", "yes");
    answer["reply_to"] = "{a}".into();
    let answers = |rule: &str| {
        let body = json!({"text": "yes", "reply_to": "{a}"});
        Row::new(rule).by("bob").key("k").post("comments", body)
    };
    let meanwhile = vec![
        Row::new("a comment")
            .by("ann")
            .says("hi")
            .gets_json(202, first.clone())
            .seen(at_once(&first)),
        Row::new("a new viewer").stream("?recent=0").shows([resume("new")]).stays("eve"),
        answers("an answer to it")
            .gets_json(202, answer.clone())
            .seen(at_once(&answer))
            .seen_by("eve", at_once(&answer)),
    ];
    let later = comment("c", "cem", "later");
    let afterwards = vec![
        answers("accepted").at_first(202).gets_json(201, answer),
        Row::new("shown once")
            .by("cem")
            .says("later")
            .gets_json(201, later.clone())
            .seen([event("comment", later.clone())])
            .seen_by("eve", [event("comment", later)]),
    ];
    Table::new(SECTION, "awayanswer", vec![]).losing(Part::Redis, meanwhile, afterwards)
}

const TEXT: &str = "to be forgotten";

fn deletes(rule: &str, who: &'static str) -> Row {
    Row::new(rule).by(who).delete("comments/{b}")
}

/// Nothing of the text is in what a viewer gets who comes now.
fn no_byte_left() -> Row {
    Row::new("every byte of the newest").get("stream?recent=20&poll=1").at(To::Gateways).lacks(TEXT)
}

/// 202: history hides it at once, the rest follows.
fn deleted() -> Table {
    let gone = snapshot("delete", json!({"id": "{b}"}));
    let stays = comment("a", "ann", "stays");
    let before = vec![says("a", "ann", "stays"), says("b", "ann", TEXT)];
    let meanwhile = vec![
        deletes("another author", "bob").gets(403),
        deletes("its author", "ann").gets_bare(202).seen([gone.clone()]),
        Row::new("gone from the list").get("comments").lacks(TEXT).gets_json(200, page(&[&stays])),
        Row::new("one").get("comments/{b}").gets(404),
        Row::new("the export")
            .by("moderator mo")
            .get("comments?format=ndjson")
            .lacks(TEXT)
            .gets_lines([stays.clone()]),
        deletes("a moderator, again", "moderator mo").gets_bare(202),
    ];
    let afterwards = vec![
        deletes("the rest has followed", "ann").at_first(202).gets_nothing(),
        Row::new("the newest").stream("?recent=20").shows([
            resume("new"),
            event("comment", stays),
            gone,
        ]),
        no_byte_left(),
    ];
    Table::new(SECTION, "awaydeleted", before).losing(Part::Redis, meanwhile, afterwards)
}

/// Posted and deleted meanwhile: it never comes.
fn forgotten() -> Table {
    let comment = comment("b", "ann", TEXT);
    let keyed = |rule: &str| Row::new(rule).by("ann").says(TEXT).key("k");
    let meanwhile = vec![
        keyed("a comment").gets_json(202, comment.clone()).seen(at_once(&comment)),
        deletes("its author", "ann")
            .gets_bare(202)
            .seen([snapshot("delete", json!({"id": "{b}"}))]),
        Row::new("gone from the list").get("comments").gets_json(200, page(&[])),
        Row::new("one").get("comments/{b}").gets(404),
    ];
    let afterwards = vec![
        deletes("the rest has followed", "ann").at_first(202).gets_nothing(),
        keyed("its key").at_first(202).gets_json(201, comment),
        Row::new("nothing is back").get("comments/{b}").gets(404),
        no_byte_left(),
        says("c", "bob", "later"),
    ];
    Table::new(SECTION, "awayforgotten", vec![]).losing(Part::Redis, meanwhile, afterwards)
}

/// Checked by signature alone: one use is not counted.
fn tickets() -> Table {
    let asks = |rule: &str, name: &str| {
        Row::new(rule)
            .by("viewer vic")
            .post("tickets", json!({}))
            .gets_json(201, json!({"ticket": format!("{{{name}}}"), "expires_in": 30}))
    };
    let opens = |rule: &str, query: &str| Row::new(rule).stream(query).shows([resume("new")]);
    let before = vec![asks("a ticket", "early")];
    let meanwhile = vec![
        opens("of before", "?recent=0&ticket={early}"),
        asks("another", "ticket"),
        opens("at each gateway", "?recent=0&ticket={ticket}").header("set-cookie", "{cookie};{_}"),
        opens("the cookie alone", "?recent=0").with("cookie", "{cookie}"),
        Row::new("one of nobody's").stream("?ticket=x.y").gets(401),
        Row::new("nobody gets one").post("tickets", json!({})).gets(401),
    ];
    let afterwards = vec![
        asks("one more", "late"),
        opens("the first use", "?recent=0&ticket={late}").at(To::OneGateway),
        Row::new("a used one").stream("?ticket={late}").gets(401),
    ];
    Table::new(auth::SECTION, "awaytickets", before).unwatched().losing(
        Part::Redis,
        meanwhile,
        afterwards,
    )
}
