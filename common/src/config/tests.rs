//! The layers together: who wins, what goes together, what is shown.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use toml::de::DeValue;

use super::*;

mod chance;

/// What an operator gave: a file's text, variables, flags.
#[derive(Default)]
struct Given<'t> {
    file: &'t str,
    env: &'t [(&'t str, &'t str)],
    flags: &'t [(&'t str, &'t str)],
}

impl Given<'_> {
    fn load(&self, role: Role) -> Loaded {
        let env = self.env.iter().map(|(name, text)| (OsString::from(name), OsString::from(text)));
        let flags = self.flags.iter().filter_map(|(path, text)| Some((find(path)?, *text)));
        let sources = Sources::default().with_file_text("c.toml", self.file);
        load(role, sources.with_env(env).with_flags(flags))
    }

    fn mistakes(&self, role: Role) -> Vec<String> {
        match self.load(role).config {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.0.iter().map(ToString::to_string).collect(),
        }
    }
}

fn file(text: &str) -> Given<'_> {
    Given { file: text, ..Given::default() }
}

/// What every role apart needs.
const APART: &str = "internal.secret = 'i'\nlive.kind = 'redis'\nauth.hs256_secret = 's'\n";

/// The interface's own list of keys: `name = default`, a section at most at a line's start.
fn interface() -> Vec<(String, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in include_str!("interface.golden").lines() {
        let line = line.split('#').next().unwrap_or_default();
        for part in line.split("  ").map(str::trim).filter(|part| !part.is_empty()) {
            if let Some(name) = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((name, default)) = part.split_once(" = ") {
                keys.push((format!("{section}{name}"), default.to_owned()));
            }
        }
    }
    keys
}

#[test]
fn every_key_of_the_interface_is_known_with_its_default() {
    let interface = interface();
    let named: BTreeSet<_> = interface.iter().map(|(path, _)| path.as_str()).collect();
    let known: BTreeSet<_> = KEYS.iter().map(|key| key.path).collect();
    // "More are welcome": those that the interface leaves to us.
    let ours = [
        "auth.audience",
        "auth.issuer",
        "gateway.max_connections_per_address",
        "gateway.stream_max_age_s",
        "limits.comments_per_address_per_minute",
        "reactions.kinds",
        "trusted_proxies",
    ];
    assert!(ours.iter().all(|path| !named.contains(path)));
    assert_eq!(named.union(&ours.into()).copied().collect::<BTreeSet<_>>(), known);
    for (path, default) in &interface {
        // The interface only hints at this one.
        if path == "internal.secret" {
            continue;
        }
        let parsed = DeValue::parse(default).map_err(|error| error.to_string());
        let given = find(path).zip(parsed.ok()).map(|(key, value)| key.read_toml(value.get_ref()));
        let expected = find(path).map(|key| Ok(key.default_for(Role::All)));
        assert_eq!(given, expected, "{path} = {default}");
    }
}

#[test]
fn every_role_starts_from_defaults_and_what_it_needs() -> Result<(), Mistakes> {
    let all = Given::default().load(Role::All).config?;
    assert!(all.is_development());
    assert_eq!(all.listen.map(|socket| socket.port()), Some(8080));
    for (role, public, internal) in [
        (Role::Ingest, Some(8081), 9081),
        (Role::Dispatcher, None, 9080),
        (Role::Gateway, Some(8082), 9082),
        (Role::Tool, Some(8080), 9080),
    ] {
        let config = file(APART).load(role).config?;
        assert_eq!(config.role, role);
        assert_eq!(config.listen.map(|socket| socket.port()), public, "{role}");
        assert_eq!(config.internal_listen.port(), internal, "{role}");
        assert!(!config.is_development());
    }
    Ok(())
}

#[test]
fn the_later_source_wins_and_is_named() -> Result<(), Mistakes> {
    let given = Given {
        file: "[dc]\nname = 'file'\n[store]\npath = 'file'\nkeyspace = 'file'\n",
        env: &[("CHORUS_STORE__PATH", "env"), ("CHORUS_STORE__KEYSPACE", "env")],
        flags: &[("store.keyspace", "first"), ("store.keyspace", "flag")],
    };
    let loaded = given.load(Role::All);
    let shown = loaded.effective.to_string();
    for (line, source) in [
        ("name = \"file\"", "c.toml:2"),
        ("path = \"env\"", "env CHORUS_STORE__PATH"),
        ("keyspace = \"flag\"", "flag --store.keyspace"),
        ("user = \"\"", "default"),
    ] {
        let found =
            shown.lines().any(|l| l.starts_with(line) && l.ends_with(&format!("# {source}")));
        assert!(found, "{line} from {source} in\n{shown}");
    }
    let config = loaded.config?;
    assert_eq!(config.store.keyspace, "flag");
    assert_eq!(config.store.path, Path::new("env"));
    assert_eq!(config.dc.name, "file");
    Ok(())
}

#[test]
fn mistakes_of_all_sources_come_at_once() {
    let given = Given {
        file: "[store]\nkind = 'x'\npth = 1\n",
        env: &[("CHORUS_LIVE__KINDS", "redis"), ("CHORUS_DC__NAME", "DC 1")],
        flags: &[("live.dedup_s", "5"), ("dc.peers", "http://h:1")],
    };
    let told = given.mistakes(Role::All);
    let sources: Vec<_> = told.iter().filter_map(|line| line.split(": ").next()).collect();
    let expected = [
        "c.toml:2",
        "c.toml:3",
        "env CHORUS_DC__NAME",
        "env CHORUS_LIVE__KINDS",
        "flag --live.dedup_s",
        "flag --dc.peers",
    ];
    assert_eq!(sources, expected, "{told:#?}");
}

#[test]
fn values_that_do_not_go_together() {
    let rest = "internal.secret = 'i'\nauth.hs256_secret = 's'\n";
    for (role, text, line) in [
        (
            Role::Gateway,
            rest,
            "default: `live.kind` is \"memory\", which works only in `all`; set it to \"redis\", and live.url",
        ),
        (
            Role::Dispatcher,
            "live.kind = 'redis'",
            "default: `internal.secret` is empty; give every role the same secret; it may be empty only in `all`",
        ),
        (
            Role::Ingest,
            "internal.secret = 'i'\nlive.kind = 'redis'",
            "default: `auth.hs256_secret` and auth.jwks are empty, so that nobody could post; set one of them; development mode is only in `all`",
        ),
        (
            Role::Gateway,
            "internal.secret = 'i'\nlive.kind = 'redis'\nauth.viewers = 'required'",
            "c.toml:3: `auth.viewers` is \"required\", and without auth.hs256_secret or auth.jwks no token could be checked; set one of them, or auth.viewers = \"optional\"",
        ),
        (
            Role::All,
            "listen = '0.0.0.0:8080'",
            "c.toml:1: `listen` is 0.0.0.0:8080, and development mode (no auth.hs256_secret or auth.jwks) is for loopback only; set one of them, or listen on 127.0.0.1",
        ),
        (
            Role::All,
            "listen = ''",
            "c.toml:1: `listen` is empty; write an address and port like 127.0.0.1:8080",
        ),
        (
            Role::All,
            "listen = '127.0.0.1:9080'",
            "default: `internal_listen` is the same socket as `listen`; keep the internal socket apart from the public one",
        ),
        (
            Role::All,
            "store.kind = 'scylla'\nstore.nodes = []",
            "c.toml:2: `store.nodes` is empty; store.kind = \"scylla\" needs it",
        ),
        (
            Role::Tool,
            "store.kind = 'scylla'\nstore.replication = {}",
            "c.toml:2: `store.replication` is empty; store.kind = \"scylla\" needs it",
        ),
        (
            Role::Ingest,
            &format!("{APART}ingest.dispatchers = []"),
            "c.toml:4: `ingest.dispatchers` is empty; name at least one, like http://127.0.0.1:9080",
        ),
    ] {
        assert_eq!(file(text).mistakes(role), [line], "{role}: {text}");
    }
}

#[test]
fn values_that_go_together() {
    for (role, text) in [
        (Role::All, "listen = '[::ffff:127.0.0.1]:8080'"),
        (Role::All, "listen = '0.0.0.0:8080'\nauth.hs256_secret = 's'"),
        (Role::All, "listen = '0.0.0.0:8080'\nauth.jwks = 'keys.json'"),
        (
            Role::Gateway,
            "internal.secret = 'i'\nlive.kind = 'redis'\nauth.viewers = 'required'\nauth.jwks = 'k'",
        ),
        (Role::Ingest, "internal.secret = 'i'\nlive.kind = 'redis'\nauth.jwks = 'http://h/k'"),
        (Role::All, "listen = '127.0.0.1:0'\ninternal_listen = '127.0.0.1:0'"),
        (Role::All, "live.kind = 'redis'"),
        (Role::Dispatcher, "internal.secret = 'i'\nlive.kind = 'redis'\nlisten = ''"),
        (Role::Tool, "listen = '0.0.0.0:8081'\nlimits.reactions_per_user_per_minute = 5"),
        (Role::Ingest, &format!("{APART}store.kind = 'embedded'")),
    ] {
        assert_eq!(file(text).mistakes(role), [""; 0], "{role}: {text}");
    }
}

#[test]
fn keys_that_are_not_built_take_their_default_or_nothing() {
    let line = "c.toml:1: `dc.peers` is not built yet in this version; leave it at its default []";
    assert_eq!(file("dc.peers = ['http://h:1']").mistakes(Role::All), [line]);
    for text in [
        "limits.comments_per_user_per_minute = 31",
        "limits.comments_per_video_per_second = 1",
        "limits.comments_per_address_per_minute = 1",
        "limits.reactions_per_user_per_minute = 601",
        "limits.reactions_per_user_per_minute = 0",
        "gateway.max_connections = 5",
        "gateway.drain_window_s = 0",
        "gateway.compression = 'off'",
        "gateway.compression = 'gzip'",
        "videos.create = 'registered'",
        "tls.cert = ''",
        "cors.allowed_origins = ['https://a.example']",
    ] {
        assert_eq!(file(text).mistakes(Role::All), [""; 0], "{text}");
    }
    let tls = file("tls.cert = 'a.pem'").mistakes(Role::All);
    assert_eq!(tls, ["c.toml:1: `tls.cert` is set, and tls.key is not; set both or neither"]);
}

#[test]
fn a_refused_value_leads_to_no_second_mistake() {
    for text in [
        "internal.secret = 'a b'\nlive.kind = 'redis'\nauth.hs256_secret = 's'",
        "internal.secret = 'i'\nlive.kind = 'rediss'\nauth.hs256_secret = 's'",
        "internal.secret = 'i'\nlive.kind = 'redis'\nauth.hs256_secret = 5",
        "live.kind = ",
    ] {
        assert_eq!(file(text).mistakes(Role::Ingest).len(), 1, "{text}");
    }
    let missing = Sources::default().with_file(Path::new("/nowhere/chorus.toml"));
    let told = load(Role::Ingest, missing).config.map_err(|mistakes| mistakes.to_string());
    let start = "1 mistake in the configuration:\n  /nowhere/chorus.toml: the file can't be read";
    assert!(told.as_ref().is_err_and(|told| told.starts_with(start)), "{told:?}");
}

#[test]
fn files_that_are_not_utf8_have_a_line() -> std::io::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), b"listen = ''\n\xff")?;
    let told = load(Role::All, Sources::default().with_file(file.path())).config.err();
    let told = told.map(|mistakes| mistakes.to_string()).unwrap_or_default();
    assert!(told.ends_with(":2: this is not UTF-8; save the file as UTF-8"), "{told}");
    Ok(())
}

#[test]
fn a_moved_gateway_advertises_where_it_is() -> Result<(), Mistakes> {
    for (socket, advertised) in [
        ("127.0.0.1:9083", "http://127.0.0.1:9083"),
        ("[::1]:9083", "http://[::1]:9083"),
        ("0.0.0.0:9083", "http://127.0.0.1:9082"),
        ("127.0.0.1:0", "http://127.0.0.1:9082"),
    ] {
        let text = format!("{APART}internal_listen = '{socket}'");
        assert_eq!(file(&text).load(Role::Gateway).config?.gateway.advertise, advertised);
        let told = format!("{text}\ngateway.advertise = 'http://g'");
        assert_eq!(file(&told).load(Role::Gateway).config?.gateway.advertise, "http://g");
    }
    Ok(())
}

#[test]
fn secrets_are_masked_and_the_rest_can_be_pasted_back() {
    let text = "[internal]\nsecret = 'hush'\nsecret_previous = 'hush'\n[auth]\nhs256_secret = 'hush'\n\
                [store]\npassword = 'hush'\npath = \"a \\\" # \\\\ \\n b\"\nreplication = { 'x.y' = 2 }\n\
                [live]\nurl = 'redis://u:hush@h:1'\n[cors]\nallowed_origins = ['*']\n";
    let loaded = file(text).load(Role::All);
    let shown = loaded.effective.to_string();
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(shown.matches("\"****\"").count(), 4, "{shown}");
    assert!(shown.contains("redis://u:****@h:1"), "{shown}");
    assert!(!format!("{:?}", loaded.config).contains("hush"));
    let again = file(&shown).load(Role::All);
    assert_eq!(file(&shown).mistakes(Role::All), [""; 0]);
    for (first, second) in loaded.effective.0.iter().zip(&again.effective.0) {
        assert_eq!(first.shown, second.shown, "{}", first.key.path);
    }
}

#[test]
fn an_audience_is_a_text_or_a_list() -> Result<(), Mistakes> {
    for (text, expected) in [
        ("", &[][..]),
        ("auth.audience = ''", &[]),
        ("auth.audience = 'a,b'", &["a,b"]),
        ("auth.audience = ['a', 'b']", &["a", "b"]),
    ] {
        assert_eq!(file(text).load(Role::All).config?.auth.audience, expected, "{text}");
    }
    let env = &[("CHORUS_AUTH__AUDIENCE", "a, b"), ("CHORUS_AUTH__ISSUER", "https://id.example")];
    let auth = Given { env, ..Given::default() }.load(Role::All).config?.auth;
    assert_eq!(
        (auth.audience, &*auth.issuer),
        (vec!["a".into(), "b".into()], "https://id.example")
    );
    Ok(())
}

#[test]
fn origins_are_allowed_by_list() {
    let cors =
        |list: &[&str]| Cors { allowed_origins: list.iter().map(ToString::to_string).collect() };
    assert!(!cors(&[]).allows("https://a"));
    assert!(cors(&["https://a"]).allows("https://a"));
    assert!(!cors(&["https://a"]).allows("https://a.evil"));
    assert!(cors(&["*"]).allows("https://b"));
}
