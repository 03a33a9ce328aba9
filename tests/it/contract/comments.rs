//! The section Comments: what is posted, and what comes of it.

use serde_json::{Value, json};

use super::{
    row::Row,
    shown::{event, resume},
    table::Table,
    who::Who,
};

pub(super) const SECTION: &str = "Comments";

pub(super) fn tables() -> Vec<Table> {
    vec![posted(), keys(), answers()]
}

/// A comment by somebody without a role, whose id is to be found in the hole `{id}`.
pub(super) fn comment(id: &str, author: &str, text: &str) -> Value {
    json!({
        "id": format!("{{{id}#id}}"),
        "video": "{video}",
        "author": {"id": format!("{{@{author}}}"), "name": format!("{{@{author}}}")},
        "text": text,
        "created_at": "{_#time}",
    })
}

/// What a row of somebody's comment gets.
pub(super) fn taken(row: Row, id: &str, author: &str, text: &str) -> Row {
    let comment = comment(id, author, text);
    row.gets_json(201, comment.clone()).seen([event("comment", comment)])
}

/// Somebody says something, and the audience gets it.
pub(super) fn says(id: &str, author: &'static str, text: &str) -> Row {
    taken(Row::new(format!("{author} says {text:?}")).by(author).says(text), id, author, text)
}

fn posted() -> Table {
    let mut whole = comment("b", "mo", "hi");
    whole["author"]["name"] = "Mo".into();
    whole["author"]["role"] = "moderator".into();
    whole["author"]["avatar"] = "https://a.example/mo.png".into();
    let shown = Who::from("moderator mo").shown_as("Mo").pictured("https://a.example/mo.png");
    Table::new(
        SECTION,
        "posted",
        vec![
            says("a", "ann", "hi").header("location", "/v1/videos/{video}/comments/{a}"),
            Row::new("Location leads to it")
                .get("/v1/videos/{video}/comments/{a}")
                .gets_json(200, comment("a", "ann", "hi")),
            Row::new("the author as the token says")
                .by(shown)
                .says("hi")
                .gets_json(201, whole.clone())
                .seen([event("comment", whole.clone())]),
            Row::new("one comment").get("comments/{b}").gets_json(200, whole),
            Row::new("deleted or unknown")
                .get("comments/0190163d-8694-739b-aea5-966c26f8ad91")
                .gets(404),
            Row::new("no comment's id").get("comments/nothing").gets(404),
            Row::new("another video has none of it").get("/v1/videos/other/comments/{a}").gets(404),
            Row::new("a viewer can't comment").by("viewer vic").says("hi").gets(403),
            Row::new("nobody can't").says("hi").gets(401),
        ],
    )
}

fn keys() -> Table {
    let long = "k".repeat(128);
    let keyed = |rule: &str, key: &str| Row::new(rule).by("ann").says("hi").key(key);
    let same = comment("a", "ann", "hi");
    let one = json!({"…": 0});
    let four = json!({"comments": [one, one, one, one], "next": null, "cursor": "{_}"});
    Table::new(
        SECTION,
        "keys",
        vec![
            taken(keyed("a key", "k-1"), "a", "ann", "hi"),
            keyed("the same key, at the other node", "k-1")
                .gets_json(201, same.clone())
                .header("location", "/v1/videos/{video}/comments/{a}"),
            keyed("quoted", "\"k-1\"").gets_json(201, same.clone()),
            Row::new("what is trimmed is the same text")
                .by("ann")
                .says(" hi\n")
                .key("k-1")
                .gets_json(201, same.clone()),
            Row::new("another text").by("ann").says("ho").key("k-1").gets(422),
            Row::new("another comment answered")
                .by("ann")
                .key("k-1")
                .post("comments", json!({"text": "hi", "reply_to": "{a}"}))
                .gets(422),
            Row::new("another video")
                .by("ann")
                .key("k-1")
                .post("/v1/videos/other/comments", json!({"text": "hi"}))
                .gets(422),
            taken(
                Row::new("the scope is the author").by("bob").says("hi").key("k-1"),
                "b",
                "bob",
                "hi",
            ),
            taken(keyed("128 letters", &long), "c", "ann", "hi"),
            keyed("quotes don't count", &format!("\"{long}\""))
                .gets_json(201, comment("c", "ann", "hi")),
            keyed("129 letters", &format!("{long}k")).gets(400),
            keyed("none", "\"\"").gets(400),
            keyed("a space within", "a b").gets(400),
            keyed("more than ASCII", "ä").gets(400),
            keyed("twice", "k-2").key("k-2").gets(400),
            keyed("many at once, at all nodes", "k-3")
                .at_once(8)
                .at_first(202)
                .gets_json(201, comment("d", "ann", "hi"))
                .seen([event("comment", comment("d", "ann", "hi"))]),
            Row::new("shown once: four of them").get("comments").gets_json(200, four),
            Row::new("its author deletes it")
                .by("ann")
                .delete("comments/{a}")
                .gets_nothing()
                .seen([event("delete", json!({"id": "{a}"}))]),
            keyed("a key of a deleted comment", "k-1").gets_json(201, same),
            Row::new("and nothing is back").get("comments/{a}").gets(404),
        ],
    )
}

fn answers() -> Table {
    let answering = |id: &str| json!({"text": "yes", "reply_to": id});
    let mut answer = comment("b", "bob", "yes");
    answer["reply_to"] = "{a}".into();
    let row = |rule: &str, id: &str| Row::new(rule).by("bob").post("comments", answering(id));
    let plain = comment("c", "bob", "no");
    Table::new(
        SECTION,
        "answers",
        vec![
            says("a", "ann", "what?"),
            row("an answer", "{a}").gets_json(201, answer.clone()).seen([event("comment", answer)]),
            Row::new("null is none")
                .by("bob")
                .post("comments", json!({"text": "no", "reply_to": null}))
                .gets_json(201, plain.clone())
                .seen([event("comment", plain)]),
            row("no id", "b").gets_invalid(&["reply_to"]),
            row("an unknown comment", "0190163d-8694-739b-aea5-966c26f8ad91")
                .gets_invalid(&["reply_to"]),
            Row::new("a comment of another video")
                .by("bob")
                .post("/v1/videos/other-{video}/comments", answering("{a}"))
                .gets_invalid(&["reply_to"]),
            Row::new("it is deleted")
                .by("ann")
                .delete("comments/{a}")
                .gets_nothing()
                .seen([event("delete", json!({"id": "{a}"}))]),
            row("a deleted comment", "{a}").gets_invalid(&["reply_to"]),
            Row::new("a late viewer").stream("?recent=0").shows([resume("new")]),
        ],
    )
}
