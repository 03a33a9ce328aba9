//! The section Comments: which texts and bodies are taken.

use axum::http::Method;

use super::{
    comments::{SECTION, taken},
    row::Row,
    table::Table,
};

pub(super) fn tables() -> Vec<Table> {
    vec![texts(), bodies(), bounds()]
}

/// Texts that are taken as another one, and those that are not.
fn texts() -> Table {
    let astronauts = "👩‍🚀".repeat(372); // of 11 bytes each
    let accents = "e\u{301}".repeat(500);
    let composed = "é".repeat(500);
    let spaced = format!(" \n{}\n ", "x".repeat(500));
    let longest = "x".repeat(500);
    let piled = format!("qé{}", "\u{301}".repeat(2_046));
    let piled_too_high = format!("q{}", "\u{301}".repeat(2_048));
    let taken_as = [
        ("trimmed", " hi\n", "hi"),
        ("NFC", "e\u{301}", "é"),
        ("newline", "a\nb", "a\nb"),
        ("any script", "שלום 你好 😀", "שלום 你好 😀"),
        ("markup is text", "<b>&amp;\"'", "<b>&amp;\"'"),
        ("4,092 bytes in 372 clusters", &astronauts, &astronauts),
        ("4,095 bytes of accents piled up", &piled, &piled),
        ("marks of direction are text", "a\u{202e}b\u{2066}c", "a\u{202e}b\u{2066}c"),
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
        ("4,097 bytes in one cluster", &piled_too_high),
        ("a control character", "a\u{7}b"),
        ("a tab", "a\tb"),
        ("NUL", "a\0b"),
        ("delete", "a\u{7f}b"),
        ("one of the second set", "a\u{85}b"),
        ("a carriage return", "a\r\nb"),
    ];
    let refused = refused.map(|(rule, text)| {
        Row::new(format!("text: {rule}")).by("ann").says(text).gets_invalid(&["text"])
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
        json_type("a lone surrogate").raw(r#"{"text":"\ud800"}"#).gets_invalid(&["text"]),
        json_type("a lone low one").raw(r#"{"text":"a\udc00b"}"#).gets_invalid(&["text"]),
        json_type("no object").raw("[]").gets_invalid(&["text"]),
        json_type("no text").raw("{}").gets_invalid(&["text"]),
        json_type("a number").raw(r#"{"text":5}"#).gets_invalid(&["text"]),
        json_type("two wrong fields")
            .raw(r#"{"text":"","reply_to":5}"#)
            .gets_invalid(&["text", "reply_to"]),
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
        row("far more", 100_000).gets(413),
    ];
    Table::new(SECTION, "bounds", rows.into_iter().flat_map(at_both).collect())
}
