//! Command lines and what comes of them.

use super::*;

fn parsed(line: &[&str]) -> Result<Invocation, Stop> {
    with_env(line, &[])
}

fn with_env(line: &[&str], env: &[(&str, &str)]) -> Result<Invocation, Stop> {
    let args = std::iter::once("chorus").chain(line.iter().copied()).map(OsString::from);
    let env = env.iter().map(|(name, text)| (OsString::from(name), OsString::from(text)));
    parse(args, env.collect::<Vec<_>>())
}

fn mistakes(stop: Result<Invocation, Stop>) -> Vec<String> {
    match stop {
        Err(Stop::Mistakes(mistakes)) => mistakes.0.iter().map(ToString::to_string).collect(),
        other => vec![format!("{other:?}")],
    }
}

const APART: [&str; 6] =
    ["--internal.secret", "i", "--live.kind", "redis", "--auth.hs256_secret", "s"];

#[test]
fn clap_finds_nothing_wrong_with_the_commands() {
    commands::chorus().debug_assert();
}

#[test]
fn roles_and_the_default_one() {
    for (line, expected) in [
        (vec![], Role::All),
        (vec!["all"], Role::All),
        (vec!["ingest"], Role::Ingest),
        (vec!["dispatcher"], Role::Dispatcher),
        (vec!["gateway"], Role::Gateway),
    ] {
        let line: Vec<_> = line.into_iter().chain(APART).collect();
        match parsed(&line) {
            Ok(Invocation::Run { role, config, .. }) => {
                assert_eq!((role, config.role), (expected, expected));
            }
            other => panic!("{line:?}: {other:?}"),
        }
    }
}

#[test]
fn a_demo_is_for_all_roles_in_one_process() {
    for (line, expected) in [
        (vec!["--demo"], true),
        (vec!["all", "--demo"], true),
        (vec!["--demo", "all"], true),
        (vec!["all"], false),
        (vec![], false),
    ] {
        match parsed(&line) {
            Ok(Invocation::Run { demo, role: Role::All, .. }) => assert_eq!(demo, expected),
            other => panic!("{line:?}: {other:?}"),
        }
    }
    let line: Vec<_> = ["--demo", "gateway"].into_iter().chain(APART).collect();
    let told = mistakes(parsed(&line));
    assert!(told[0].contains("demo") && told[0].contains("gateway"), "{told:?}");
    assert!(parsed(&["gateway", "--demo"]).is_err());
}

#[test]
fn flags_before_and_after_the_command_and_twice() {
    let line = [
        "--dc.name",
        "a",
        "--store.path=p",
        "all",
        "--dc.name",
        "b",
        "--dc.name",
        "c",
        "--internal-listen",
        "127.0.0.1:1",
    ];
    match with_env(&line, &[("CHORUS_DC__NAME", "env")]) {
        Ok(Invocation::Run { config, .. }) => {
            assert_eq!(config.dc.name, "c");
            assert_eq!(config.store.path.to_str(), Some("p"));
            assert_eq!(config.internal_listen.port(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_file_is_found_before_and_after_the_command() {
    for line in [["--config", "/nowhere", "all"], ["all", "--config", "/nowhere"]] {
        let told = mistakes(parsed(&line));
        assert!(
            told.len() == 1 && told[0].starts_with("/nowhere: the file can't be read"),
            "{told:?}"
        );
    }
}

#[test]
fn all_mistakes_of_flags_and_environment_at_once() {
    let line = ["--stor.path", "x", "config", "check", "--dc.nam=y", "--live.dedup_s", "-5"];
    let loaded = match with_env(&line, &[("CHORUS_ZEBRA", "1")]) {
        Ok(Invocation::ConfigCheck(loaded)) => loaded,
        other => panic!("{other:?}"),
    };
    let told = loaded.config.unwrap_err().0.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            "env CHORUS_ZEBRA: `CHORUS_ZEBRA` is not a key of the configuration; `chorus config print` lists every key",
            "flag --live.dedup_s: `live.dedup_s` is \"-5\"; write a whole number from 10 to 3600",
            "flag --stor.path: `stor.path` is not a key of the configuration; did you mean `store.path`?",
            "flag --dc.nam: `dc.nam` is not a key of the configuration; did you mean `dc.name`?",
        ]
    );
}

#[test]
fn unknown_keys_are_refused_also_where_there_is_no_configuration() {
    assert_eq!(mistakes(parsed(&["tail", "v", "--stor.path", "x"])).len(), 1);
    assert!(matches!(parsed(&["tail", "v", "--store.path", "x"]), Err(Stop::Usage(_))));
    assert!(matches!(parsed(&["post", "v", "--", "--a.b"]), Ok(Invocation::Post(_))));
}

#[test]
fn check_and_print_take_a_role() {
    match parsed(&["config", "print", "gateway"]) {
        Ok(Invocation::ConfigPrint(loaded)) => {
            assert!(loaded.effective.to_string().contains("127.0.0.1:8082"));
            assert!(loaded.config.is_err());
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        parsed(&["config", "print"]),
        Ok(Invocation::ConfigPrint(Loaded { config: Ok(_), .. }))
    ));
    assert!(matches!(parsed(&["config", "check", "zebra"]), Err(Stop::Usage(_))));
    assert!(matches!(parsed(&["config"]), Err(Stop::Usage(_))));
}

#[test]
fn tokens() {
    let line = [
        "token",
        "--sub",
        "ann",
        "--role",
        "moderator",
        "--video",
        "a",
        "--video",
        "b",
        "--ttl",
        "90s",
        "--auth.hs256_secret",
        "s",
    ];
    match parsed(&line) {
        Ok(Invocation::Token { request, config }) => {
            assert_eq!(request.sub.as_str(), "ann");
            assert_eq!(request.role, common::auth::Role::Moderator);
            assert_eq!(request.videos.iter().map(|v| v.as_str()).collect::<Vec<_>>(), ["a", "b"]);
            assert_eq!(request.ttl.as_secs(), 90);
            assert_eq!(config.auth.hs256_secret.expose(), "s");
        }
        other => panic!("{other:?}"),
    }
    let told = mistakes(parsed(&["token", "--sub", "ann"]));
    assert!(told[0].starts_with("default: `auth.hs256_secret` is empty"), "{told:?}");
    for bad in [
        &["token"][..],
        &["token", "--sub", ""],
        &["token", "--sub", "a", "--ttl", "0s"],
        &["token", "--sub", "a", "--ttl", "soon"],
        &["token", "--sub", "a", "--role", "king"],
    ] {
        assert!(matches!(parsed(bad), Err(Stop::Usage(_))), "{bad:?}");
    }
}

#[test]
fn tail_and_post() {
    match parsed(&["tail", "v", "--url", "http://h:1/", "--recent", "0"]) {
        Ok(Invocation::Tail(tail)) => {
            assert_eq!(
                (tail.video.as_str(), tail.url.as_str(), tail.recent),
                ("v", "http://h:1", 0)
            );
        }
        other => panic!("{other:?}"),
    }
    match parsed(&["post", "v", "hello there", "--user", "ann", "--key", "k1"]) {
        Ok(Invocation::Post(post)) => {
            assert_eq!(post.text, "hello there");
            assert_eq!(post.url, "http://127.0.0.1:8080");
            assert_eq!(post.user.map(String::from), Some("ann".to_owned()));
            assert!(post.key.is_some() && post.token.is_none());
        }
        other => panic!("{other:?}"),
    }
    for bad in [
        &["tail"][..],
        &["tail", "a/b"],
        &["tail", "v", "--recent", "201"],
        &["post", "v"],
        &["tail", "v", "--url", "h:1"],
        &["post", "v", "t", "--user", "a", "--token", "b"],
        &["post", "v", "t", "--key", ""],
    ] {
        assert!(matches!(parsed(bad), Err(Stop::Usage(_))), "{bad:?}");
    }
}

#[test]
fn help_lists_every_key_and_short_help_none() {
    let Err(Stop::Asked(long)) = parsed(&["--help"]) else { panic!("no help") };
    for key in common::config::KEYS {
        assert!(long.contains(&format!("--{} ", key.path)), "{}", key.path);
    }
    let Err(Stop::Asked(short)) = parsed(&["gateway", "-h"]) else { panic!("no help") };
    assert!(!short.contains("--store.path"), "{short}");
    let Err(Stop::Asked(tail)) = parsed(&["tail", "--help"]) else { panic!("no help") };
    assert!(!tail.contains("--store.path"), "{tail}");
}

#[test]
fn a_repair_or_a_look() {
    for (line, expected) in [
        (&["repair", "--store.path", "p"][..], false),
        (&["--store.path", "p", "repair", "--check"], true),
    ] {
        match parsed(line) {
            Ok(Invocation::Repair { config, check }) => {
                assert_eq!((config.store.path.to_str(), check), (Some("p"), expected));
            }
            other => panic!("{line:?}: {other:?}"),
        }
    }
    let told = mistakes(parsed(&["repair", "--store.pth", "p"]));
    assert!(told.len() == 1 && told[0].contains("store.pth"), "{told:?}");
}
