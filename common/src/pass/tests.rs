//! What a pass opens, and everything that it does not.

use std::{collections::BTreeSet, time::Duration};

use axum::http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use serde_json::json;

use super::{seal::TEXT_LEN_MAX, *};
use crate::{
    auth::{Claims, Principal},
    config::{Role, Sources, load},
    ids::VideoId,
};

const NOW_S: u64 = 1_800_000_000;
/// When tokens of these tests expire.
const EXP_S: u64 = NOW_S + 3_600;

fn passes(secret: &str, previous: &str) -> Passes {
    let text = format!("[internal]\nsecret = {secret:?}\nsecret_previous = {previous:?}");
    Passes::new(
        &load(Role::All, Sources::default().with_file_text("c.toml", &text)).config.unwrap(),
    )
}

fn video(id: &str) -> VideoId {
    id.parse().unwrap()
}

fn principal(sub: &str, exp: u64) -> Principal {
    Principal::of_token(Claims { exp, ..Claims::new(sub, Duration::ZERO) }).unwrap()
}

fn ticket(passes: &Passes, id: &str) -> String {
    let issued = passes.ticket(&video(id), &principal("u", EXP_S), NOW_S);
    assert_eq!(issued.expires_in_s, 30);
    issued.ticket.expose().to_owned()
}

/// What `Set-Cookie` says, and the cookie as it comes back.
fn cookie(passes: &Passes, id: &str, expires_at: Option<u64>) -> (String, String) {
    let bearer = Bearer { user: "u".parse().unwrap(), expires_at };
    let value = passes.cookie(&video(id), &bearer, false, NOW_S);
    let text = value.to_str().unwrap().to_owned();
    let (cookie, attributes) = text.split_once("; ").unwrap();
    (attributes.to_owned(), cookie.to_owned())
}

fn sent(lines: &[&str]) -> HeaderMap {
    lines.iter().map(|line| (header::COOKIE, HeaderValue::from_str(line).unwrap())).collect()
}

fn text_of(cookie: &str) -> &str {
    cookie.strip_prefix("chorus_stream=").unwrap()
}

#[test]
fn a_ticket_opens_its_video_for_thirty_seconds() {
    let ours = passes("s", "");
    let text = ticket(&ours, "v");
    let check = |id, now_s| ours.check_ticket(&video(id), &text, now_s);
    let taken = check("v", NOW_S).unwrap();
    assert_eq!(taken.bearer, Bearer { user: "u".parse().unwrap(), expires_at: Some(EXP_S) });
    assert_eq!(check("v", NOW_S + 29), Ok(taken), "whether it was used is for others to know");
    assert_eq!(check("v", NOW_S + 30), Err(Refused::Expired));
    assert_eq!(check("v", u64::MAX), Err(Refused::Expired));
    assert_eq!(check("w", NOW_S), Err(Refused::OtherVideo));
    assert_eq!(Problem::from(Refused::OtherVideo).code(), Code::Unauthorized);
}

#[test]
fn a_ticket_ends_with_its_token() {
    let ours = passes("s", "");
    for (exp, now_s, good) in [
        (NOW_S + 5, NOW_S + 4, true),
        (NOW_S + 5, NOW_S + 5, false),
        (NOW_S, NOW_S, false),
        (u64::MAX, NOW_S, true),
    ] {
        let issued = ours.ticket(&video("v"), &principal("u", exp), NOW_S);
        let told = ours.check_ticket(&video("v"), issued.ticket.expose(), now_s);
        assert_eq!(told.map(|_| ()), if good { Ok(()) } else { Err(Refused::Expired) });
    }
}

#[tokio::test]
async fn development_mode_has_no_expiry() {
    let developers = crate::auth::Authenticator::development();
    let guest = developers.require(&HeaderMap::new(), Some(b"seed")).await.unwrap();
    let ours = passes("", "");
    let issued = ours.ticket(&video("v"), &guest, NOW_S);
    let taken = ours.check_ticket(&video("v"), issued.ticket.expose(), NOW_S).unwrap();
    assert_eq!(taken.bearer, Bearer { user: guest.author.id, expires_at: None });
}

#[test]
fn every_ticket_is_another() {
    let ours = passes("s", "");
    let ids = (0..100).map(|_| {
        let text = ticket(&ours, "v");
        ours.check_ticket(&video("v"), &text, NOW_S).unwrap().id
    });
    assert_eq!(ids.collect::<BTreeSet<_>>().len(), 100);
}

#[test]
fn roles_take_each_others_passes_while_secrets_change() {
    let of = |secret, previous| (passes(secret, previous), (secret, previous));
    let (first, second) = (of("one", ""), of("two", "one"));
    let (third, fourth) = (of("two", ""), of("one", "two"));
    for (from, to, good) in [
        (&first, &first, true),
        (&first, &second, true),
        (&first, &third, false),
        (&first, &fourth, true),
        (&second, &third, true),
        (&second, &first, false),
        (&second, &fourth, true),
    ] {
        let text = ticket(&from.0, "v");
        let told = to.0.check_ticket(&video("v"), &text, NOW_S);
        assert_eq!(told.is_ok(), good, "ticket of {:?} at {:?}", from.1, to.1);
        let (_, cookie) = cookie(&from.0, "v", None);
        let told = to.0.check_cookie(&video("v"), &sent(&[&cookie]), NOW_S);
        assert_eq!(told.is_some(), good, "cookie of {:?} at {:?}", from.1, to.1);
    }
}

#[test]
fn without_a_secret_a_process_takes_only_its_own() {
    let (one, other, with_previous) = (passes("", ""), passes("", ""), passes("", "p"));
    let text = ticket(&one, "v");
    assert!(one.check_ticket(&video("v"), &text, NOW_S).is_ok());
    for passes in [&other, &with_previous, &passes("s", "")] {
        assert_eq!(passes.check_ticket(&video("v"), &text, NOW_S), Err(Refused::Unknown));
    }
    let old = ticket(&passes("p", ""), "v");
    assert!(with_previous.check_ticket(&video("v"), &old, NOW_S).is_ok());
    assert!(one.check_ticket(&video("v"), &old, NOW_S).is_err());
}

#[test]
fn ticket_and_cookie_are_not_the_same() {
    let ours = passes("s", "");
    let ticket = ticket(&ours, "v");
    let (_, cookie) = cookie(&ours, "v", Some(EXP_S));
    let told = ours.check_ticket(&video("v"), text_of(&cookie), NOW_S);
    assert_eq!(told, Err(Refused::Unknown));
    let headers = sent(&[&format!("chorus_stream={ticket}")]);
    assert_eq!(ours.check_cookie(&video("v"), &headers, NOW_S), None);
    assert!(ours.check_cookie(&video("v"), &sent(&[&cookie]), NOW_S).is_some(), "negative control");
}

#[test]
fn a_browser_is_told_to_keep_it_for_that_stream_alone() {
    let ours = passes("s", "");
    let day = 24 * 3_600;
    for (expires_at, age_s) in [
        (Some(EXP_S), 3_600),
        (Some(NOW_S), 0),
        (Some(5), 0),
        (None, day),
        (Some(u64::MAX), 400 * day),
    ] {
        let (attributes, _) = cookie(&ours, "a-b_1", expires_at);
        let expected =
            format!("Path=/v1/videos/a-b_1/stream; Max-Age={age_s}; HttpOnly; SameSite=Strict");
        assert_eq!(attributes, expected);
    }
    let bearer = Bearer { user: "u".parse().unwrap(), expires_at: None };
    let value = ours.cookie(&video("v"), &bearer, true, NOW_S);
    assert!(value.to_str().unwrap().ends_with("; SameSite=Strict; Secure"));
    assert!(value.is_sensitive());
}

#[test]
fn a_cookie_opens_its_video_until_the_token_expires() {
    let ours = passes("s", "");
    let (_, cookie) = cookie(&ours, "v", Some(EXP_S));
    let check = |id, now_s| ours.check_cookie(&video(id), &sent(&[&cookie]), now_s);
    let bearer = Bearer { user: "u".parse().unwrap(), expires_at: Some(EXP_S) };
    assert_eq!(check("v", NOW_S), Some(bearer.clone()));
    assert_eq!(check("v", EXP_S - 1), Some(bearer));
    assert_eq!(check("v", EXP_S), None);
    assert_eq!(check("w", NOW_S), None);
}

#[test]
fn it_is_found_among_others() {
    let ours = passes("s", "");
    let (_, good) = cookie(&ours, "v", None);
    let (_, other) = cookie(&ours, "w", None);
    let bad = "chorus_stream=abc.def";
    let found = |lines: &[&str]| {
        let mut headers = sent(lines);
        headers.append(header::COOKIE, HeaderValue::from_bytes(b"name=\xff").unwrap());
        ours.check_cookie(&video("v"), &headers, NOW_S).is_some()
    };
    assert!(found(&[&good]));
    assert!(found(&["a=b", &good]), "as HTTP/2 may send them");
    assert!(found(&[&format!("a=b; {good};c = d;e")]));
    assert!(found(&[&format!("{bad}; {other}; {good}")]));
    assert!(!found(&[&format!("{bad}; {other}")]));
    for (name, text) in [("x_chorus_stream", text_of(&good)), ("CHORUS_STREAM", text_of(&good))] {
        assert!(!found(&[&format!("{name}={text}")]), "{name}");
    }
    assert!(!found(&[&format!("chorus_stream=\"{}\"", text_of(&good))]));
    assert!(!found(&[]));
}

#[test]
fn what_is_sealed_but_not_understood_opens_nothing() {
    let ours = passes("s", "");
    let id = uuid::Uuid::nil();
    let known =
        json!({"v": 1, "id": id, "video": "v", "user": "u", "exp": EXP_S, "token_exp": null});
    let with = |name: &str, value: serde_json::Value| {
        let mut payload = known.clone();
        payload[name] = value;
        payload.to_string()
    };
    for (payload, good) in [
        (known.to_string(), true),
        (with("more", 5.into()), true),
        (with("v", 2.into()), false),
        (with("v", 0.into()), false),
        (with("id", "x".into()), false),
        (with("user", "".into()), false),
        (with("exp", "".into()), false),
        (String::new(), false),
        ("[]".into(), false),
    ] {
        let text = ours.tickets.close(payload.as_bytes());
        let told = ours.check_ticket(&video("v"), &text, NOW_S).map(|_| ());
        assert_eq!(told, if good { Ok(()) } else { Err(Refused::Unknown) }, "{payload}");
        let text = format!("chorus_stream={}", ours.cookies.close(payload.as_bytes()));
        let told = ours.check_cookie(&video("v"), &sent(&[&text]), NOW_S);
        let good = good || payload.contains("\"x\"") || payload.contains("\"exp\":\"\"");
        assert_eq!(told.is_some(), good, "a cookie has no id and no time of its own: {payload}");
    }
}

#[test]
fn the_longest_names_fit() {
    let ours = passes("s", "");
    let long = video(&"v".repeat(64));
    for user in ["\"".repeat(128), "é".repeat(64), "€".repeat(42)] {
        let issued = ours.ticket(&long, &principal(&user, u64::MAX), u64::MAX - 60);
        let text = issued.ticket.expose();
        assert!(text.len() < TEXT_LEN_MAX, "{}", text.len());
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{text}");
        let taken = ours.check_ticket(&long, text, u64::MAX - 60).unwrap();
        assert_eq!(taken.bearer.user.as_str(), user);
    }
}

#[test]
fn a_text_has_one_form() {
    let ours = passes("s", "");
    let good = ticket(&ours, "v");
    let (payload, mac) = good.split_once('.').unwrap();
    let short = &mac[..mac.len() - 1];
    for bad in [
        String::new(),
        ".".into(),
        payload.into(),
        format!("{payload}."),
        format!(".{mac}"),
        format!("{payload}.{short}"),
        format!("{good}="),
        format!("{payload}=.{mac}"),
        format!("{good}."),
        format!(".{good}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}.{mac}"),
        format!("{mac}.{payload}"),
        format!("{good}{}", "A".repeat(TEXT_LEN_MAX)),
    ] {
        assert_eq!(ours.check_ticket(&video("v"), &bad, NOW_S), Err(Refused::Unknown), "{bad}");
    }
}

/// The last letter of base64 may have bits that count for nothing; how many, depends on the length.
#[test]
fn a_payload_of_any_length_has_one_form() {
    let ours = passes("s", "").tickets;
    for len in 1..=3 {
        let good = ours.close(&vec![0; len]);
        assert!(ours.open(&good).is_some());
        let (payload, mac) = good.split_once('.').unwrap();
        for last in ["B", "g", "A=", "A=="] {
            let bad = format!("{}{last}.{mac}", &payload[..payload.len() - 1]);
            assert_eq!(ours.open(&bad), None, "{bad}");
        }
    }
    assert!(ours.open(&ours.close(&[0; 700])).is_some());
    assert_eq!(ours.open(&ours.close(&[0; 800])), None, "too long, though ours");
}

/// Neighbouring releases take each other's.
#[test]
fn golden_passes_of_version_1() {
    let ours = passes("s", "");
    let ticket = "eyJ2IjoxLCJpZCI6IjVlZDIxZjA3LTUyZGUtNGFjYS04YjNlLTczYWVkYmVjNjRkMCIsInZpZGVvIjoidi\
        IsInVzZXIiOiJ1IiwiZXhwIjoxODAwMDAwMDMwLCJ0b2tlbl9leHAiOjE4MDAwMDM2MDB9.b5wcD8mXpLUw5BRRAddM\
        BD6sC9BnulUR4fKfJuWp040";
    let taken = ours.check_ticket(&video("v"), ticket, NOW_S).unwrap();
    assert_eq!(taken.id.to_string(), "5ed21f07-52de-4aca-8b3e-73aedbec64d0");
    let (_, cookie) = cookie(&ours, "v", Some(EXP_S));
    let expected = "eyJ2IjoxLCJ2aWRlbyI6InYiLCJ1c2VyIjoidSIsInRva2VuX2V4cCI6MTgwMDAwMzYwMH0.\
        tP6HVdPqlpmh1U8YBcUmsjox5mlY7booQRGsGhWgSIE";
    assert_eq!(text_of(&cookie), expected);
}

proptest! {
    #[test]
    fn a_flipped_letter_is_refused(at in any::<prop::sample::Index>(), letter in "[ -~]") {
        let ours = passes("s", "");
        let (_, cookie) = cookie(&ours, "v", Some(EXP_S));
        for text in [ticket(&ours, "v"), text_of(&cookie).to_owned()] {
            let at = at.index(text.len());
            let mut flipped = text.clone();
            flipped.replace_range(at..=at, &letter);
            if flipped == text {
                continue;
            }
            prop_assert!(ours.tickets.open(&flipped).is_none());
            prop_assert!(ours.cookies.open(&flipped).is_none());
        }
    }

    #[test]
    fn no_text_panics(
        text in prop_oneof![any::<String>(), r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,43}"],
        payload in any::<Vec<u8>>(),
    ) {
        let ours = passes("s", "");
        prop_assert!(ours.check_ticket(&video("v"), &text, NOW_S).is_err());
        let sealed = ours.tickets.close(&payload);
        prop_assert!(ours.check_ticket(&video("v"), &sealed, NOW_S).is_err());
        let line = HeaderValue::from_bytes(format!("chorus_stream={text}").as_bytes());
        if let Ok(line) = line {
            let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
            prop_assert!(ours.check_cookie(&video("v"), &headers, NOW_S).is_none());
        }
    }
}
