//! Who may ask each endpoint: what API.md says in brackets, `(moderator)`, `(producer)`, `(any viewer)`.

use axum::http::Method;
use serde_json::{Value, json};

use super::{comments::says, rooms::SECTION, row::Row, table::Table, who::Who};

/// Who may, beside admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum May {
    Viewers,
    Commenters,
    Moderators,
    Producers,
}

/// Method, path, body, who may, and what they get.
pub(super) type Endpoint = (&'static str, &'static str, Option<Value>, May, u16);
/// Who that is, and whether they are among those who may.
type Asker = (&'static str, Who, fn(May) -> bool);

pub(super) fn endpoints() -> Vec<Endpoint> {
    use May::{Commenters, Moderators, Producers, Viewers};
    vec![
        ("POST", "comments", Some(json!({"text": "hi"})), Commenters, 201),
        ("POST", "tickets", Some(json!({})), Viewers, 201),
        ("GET", "settings", None, Moderators, 200),
        ("PUT", "settings", Some(json!({})), Moderators, 200),
        ("GET", "bans", None, Moderators, 200),
        ("PUT", "bans/troll", Some(json!({})), Moderators, 200),
        ("DELETE", "bans/troll", None, Moderators, 204),
        ("PUT", "pin", Some(json!({"comment": "{a}"})), Moderators, 200),
        ("DELETE", "pin", None, Moderators, 204),
        ("GET", "reports", None, Moderators, 200),
        ("POST", "comments/{a}/reports", Some(json!({})), Viewers, 202),
        ("GET", "moderation-log", None, Moderators, 200),
        ("GET", "comments?format=ndjson", None, Moderators, 200),
        ("PUT", "", Some(json!({"state": "live"})), Producers, 200),
    ]
}

fn askers() -> Vec<Asker> {
    let everything = Who::from("admin ada");
    vec![
        ("a viewer", "viewer vic".into(), |may| may == May::Viewers),
        ("a token without a role", "ann".into(), |may| may <= May::Commenters),
        ("a commenter", "commenter cem".into(), |may| may <= May::Commenters),
        ("a moderator", "moderator mo".into(), |may| may <= May::Moderators),
        ("a producer", "producer pia".into(), |may| {
            may <= May::Commenters || may == May::Producers
        }),
        ("an admin", everything.clone(), |_| true),
        ("an admin of this video", everything.clone().only_for(&["other", "{video}"]), |_| true),
        ("an admin of another video", everything.clone().only_for(&["other"]), |_| false),
        ("an admin of no video", everything.only_for(&[]), |_| false),
    ]
}

pub(super) fn tables() -> Vec<Table> {
    endpoints().into_iter().enumerate().map(|(nth, endpoint)| table(nth, endpoint)).collect()
}

fn table(nth: usize, (method, path, body, may, status): Endpoint) -> Table {
    let ask = |rule: String| {
        let row = Row::new(rule).ask(method.parse::<Method>().unwrap(), path);
        body.as_ref().map_or(row.clone(), |body| row.json(body))
    };
    let mut rows = vec![says("a", "someone", "hi")];
    rows[0].seen.clear();
    for (who, asker, is_among) in askers() {
        let row = ask(format!("{method} {path} by {who}")).by(asker);
        rows.push(row.gets(if is_among(may) { status } else { 403 }));
    }
    let nobody = |what: &str| ask(format!("{method} {path} by {what}"));
    let anonymous = if path.ends_with("/reports") { 202 } else { 401 };
    rows.extend([
        nobody("nobody").gets(anonymous),
        nobody("a bad token").with("authorization", "Bearer a.b.c").gets(401),
    ]);
    Table::new(SECTION, format!("role{nth}"), rows).unwatched()
}
