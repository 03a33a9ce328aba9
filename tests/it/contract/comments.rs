//! The section Comments: what may be posted, and what comes of it.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    row::{Row, Table, event, resume},
    who::Who,
};

pub(super) const SECTION: &str = "Comments";

pub(super) fn tables() -> Vec<Table> {
    vec![posted(), keys(), texts(), bodies(), bounds(), answers()]
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
                .by(Who::from("ann"))
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
            Row::new("shown once: three of them").get("comments").gets_json(
                200,
                json!({"comments": [{"…": 0}, {"…": 0}, {"…": 0}],
 "next": null, "cursor": "{_#cursor}"}),
            ),
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

/// Texts that are taken as another one, and those that are not.
fn texts() -> Table {
    let astronauts = "👩‍🚀".repeat(372); // of 11 bytes each
    let accents = "e\u{301}".repeat(500);
    let composed = "é".repeat(500);
    let spaced = format!(" \n{}\n ", "x".repeat(500));
    let longest = "x".repeat(500);
    let taken_as = [
        ("trimmed", " hi\n", "hi"),
        ("NFC", "e\u{301}", "é"),
        ("newline", "a\nb", "a\nb"),
        ("any script", "שלום 你好 😀", "שלום 你好 😀"),
        ("markup is text", "<b>&amp;\"'", "<b>&amp;\"'"),
        ("4,092 bytes in 372 clusters", &astronauts, &astronauts),
        ("500 clusters after NFC", &accents, &composed),
        ("500 clusters after trimming", &spaced, &longest),
    ];
    // Of several authors: no video takes more in a second.
    let taken = taken_as.into_iter().map(|(rule, text, expected)| {
        taken(Row::new(rule).by("ann").says(text), "_", "ann", expected)
    });
    let too_long = "x".repeat(501);
    let too_many_bytes = "👩‍🚀".repeat(373);
    let refused = [
        ("empty", ""),
        ("nothing but space", " \n\u{3000}"),
        ("501 clusters", &too_long),
        ("4,103 bytes", &too_many_bytes),
        ("a control character", "a\u{7}b"),
        ("a tab", "a\tb"),
        ("NUL", "a\0b"),
        ("delete", "a\u{7f}b"),
        ("one of the second set", "a\u{85}b"),
        ("a carriage return", "a\r\nb"),
    ];
    let refused = refused.map(|(rule, text)| {
        Row::new(format!("text: {rule}")).by("ann").says(text).is_invalid(&["text"])
    });
    Table::new(SECTION, "texts", taken.chain(refused).collect())
}

fn bodies() -> Table {
    let row = |rule: &str| Row::new(rule).by("ann").ask(Method::POST, "comments");
    let json_type = |rule: &str| row(rule).with("content-type", "application/json");
    let good = r#"{"text":"hi"}"#;
    let refused = [
        row("no content type").raw(good).gets(415),
        row("another content type").with("content-type", "text/plain").raw(good).gets(415),
        row("a form")
            .with("content-type", "application/x-www-form-urlencoded")
            .raw("text=hi")
            .gets(415),
        json_type("gzip").with("content-encoding", "gzip").raw(good).gets(415),
        json_type("even of no encoding").with("content-encoding", "identity").raw(good).gets(415),
        json_type("no JSON").raw(r#"{"text":"#).gets(400),
        json_type("nothing").raw("").gets(400),
        json_type("more than JSON").raw(format!("{good}{good}")).gets(400),
        json_type("no UTF-8").raw(&b"{\"text\":\"\xff\"}"[..]).gets(400),
        json_type("a surrogate as bytes").raw(&b"{\"text\":\"\xed\xa0\x80\"}"[..]).gets(400),
        json_type("a lone surrogate").raw(r#"{"text":"\ud800"}"#).is_invalid(&["text"]),
        json_type("a lone low one").raw(r#"{"text":"a\udc00b"}"#).is_invalid(&["text"]),
        json_type("no object").raw("[]").is_invalid(&["text"]),
        json_type("no text").raw("{}").is_invalid(&["text"]),
        json_type("a number").raw(r#"{"text":5}"#).is_invalid(&["text"]),
        json_type("two wrong fields")
            .raw(r#"{"text":"","reply_to":5}"#)
            .is_invalid(&["text", "reply_to"]),
    ];
    let pair = json_type("a pair of surrogates").raw(r#"{"text":"\ud83d\ude00"}"#);
    let charset =
        row("a charset").with("content-type", "application/json; charset=utf-8").raw(good);
    let taken = [taken(pair, "a", "ann", "😀"), taken(charset, "b", "ann", "hi")];
    Table::new(SECTION, "bodies", refused.into_iter().chain(taken).collect())
}

/// Bodies of 16 KiB and a byte more, with their length and without.
fn bounds() -> Table {
    let of_len = |len: usize| {
        let mut body = br#"{"text":"hi"}"#.to_vec();
        body.resize(len, b' ');
        body
    };
    let row = |rule: &str, len| {
        let row = Row::new(rule).by("ann").ask(Method::POST, "comments");
        row.with("content-type", "application/json").raw(of_len(len))
    };
    let at_both = |row: Row| [row.clone(), row];
    // HTTP/2 has no such thing: of two nodes, one is told no length.
    let chunked = |row: Row| row.with("transfer-encoding", "chunked");
    let rows = [
        taken(row("16 KiB", 16_384), "_", "ann", "hi"),
        taken(chunked(row("16 KiB of unknown length", 16_384)), "_", "ann", "hi"),
        row("a byte more", 16_385).gets(413),
        chunked(row("a byte more of unknown length", 16_385)).gets(413),
        row("far more", 1_000_000).gets(413),
    ];
    Table::new(SECTION, "bounds", rows.into_iter().flat_map(at_both).collect())
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
            row("no id", "b").is_invalid(&["reply_to"]),
            row("an unknown comment", "0190163d-8694-739b-aea5-966c26f8ad91")
                .is_invalid(&["reply_to"]),
            Row::new("a comment of another video")
                .by("bob")
                .post("/v1/videos/other-{video}/comments", answering("{a}"))
                .is_invalid(&["reply_to"]),
            Row::new("it is deleted")
                .by("ann")
                .delete("comments/{a}")
                .gets_nothing()
                .seen([event("delete", json!({"id": "{a}"}))]),
            row("a deleted comment", "{a}").is_invalid(&["reply_to"]),
            Row::new("a late viewer").stream("?recent=0").shows([resume("new")]),
        ],
    )
}
