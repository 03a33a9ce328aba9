//! Rules: which values go together, and which aren't built yet.

use std::net::{IpAddr, SocketAddr};

use super::Role;
use super::layer::Given;
use super::merged::Merged;
use super::mistake::{Mistake, Source, Wrong};

const APART: &[Role] = &[Role::Ingest, Role::Dispatcher, Role::Gateway];
const SERVING: &[Role] = &[Role::All, Role::Ingest, Role::Dispatcher, Role::Gateway];
const PUBLIC: &[Role] = &[Role::All, Role::Ingest, Role::Gateway];
const STREAMING: &[Role] = &[Role::All, Role::Gateway];
const STORING: &[Role] = &[Role::All, Role::Ingest, Role::Tool];

/// One way in which values don't go together.
struct Rule {
    /// Where it matters.
    roles: &'static [Role],
    /// The key that a mistake is told under.
    key: &'static str,
    /// Every other key it looks at.
    reads: &'static [&'static str],
    /// What is wrong, if anything.
    broken: fn(&Merged) -> Option<Wrong>,
}

const RULES: &[Rule] = &[
    Rule {
        roles: PUBLIC,
        key: "listen",
        reads: &[],
        broken: |merged| {
            when(
                merged.is_off("listen"),
                "is empty",
                "write an address and port like 127.0.0.1:8080",
            )
        },
    },
    Rule { roles: PUBLIC, key: "internal_listen", reads: &["listen"], broken: one_socket_for_both },
    Rule {
        roles: APART,
        key: "internal.secret",
        reads: &[],
        broken: |merged| {
            let right = "give every role the same secret; it may be empty only in `all`";
            when(merged.is_off("internal.secret"), "is empty", right)
        },
    },
    Rule {
        roles: SERVING,
        key: "tls.cert",
        reads: &["tls.key"],
        broken: |m| half(m, "tls.cert", "tls.key"),
    },
    Rule {
        roles: SERVING,
        key: "tls.key",
        reads: &["tls.cert"],
        broken: |m| half(m, "tls.key", "tls.cert"),
    },
    Rule {
        roles: STORING,
        key: "store.nodes",
        reads: &["store.kind"],
        broken: |m| needed_by_scylla(m, "store.nodes"),
    },
    Rule {
        roles: STORING,
        key: "store.replication",
        reads: &["store.kind"],
        broken: |m| needed_by_scylla(m, "store.replication"),
    },
    Rule {
        roles: APART,
        key: "live.kind",
        reads: &[],
        broken: |merged| {
            let right = "set it to \"redis\", and live.url";
            when(
                merged.text("live.kind") == "memory",
                "is \"memory\", which works only in `all`",
                right,
            )
        },
    },
    Rule {
        roles: &[Role::Ingest],
        key: "ingest.dispatchers",
        reads: &[],
        broken: |merged| {
            let right = "name at least one, like http://127.0.0.1:9080";
            when(merged.is_off("ingest.dispatchers"), "is empty", right)
        },
    },
    Rule {
        roles: &[Role::Ingest],
        key: "auth.hs256_secret",
        reads: &["auth.jwks"],
        broken: no_way_to_post,
    },
    Rule {
        roles: STREAMING,
        key: "auth.viewers",
        reads: &["auth.hs256_secret", "auth.jwks"],
        broken: no_way_to_watch,
    },
    Rule {
        roles: &[Role::All],
        key: "listen",
        reads: &["auth.hs256_secret", "auth.jwks"],
        broken: development_in_public,
    },
];

/// Every mistake in how the values of `merged` go together in `role`. A rule that looks at a key
/// with a mistake of its own stays silent: it would judge a value that nobody meant.
pub(super) fn check(role: Role, merged: &Merged) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if SERVING.contains(&role) {
        mistakes.extend(merged.values.iter().filter_map(|given| not_built(role, given)));
    }
    let rules = RULES.iter().filter(|rule| rule.roles.contains(&role));
    for rule in rules.filter(|rule| merged.is_sure(&[rule.key]) && merged.is_sure(rule.reads)) {
        if let Some(wrong) = (rule.broken)(merged) {
            let source = merged.get(rule.key).map_or(Source::Default, |given| given.source.clone());
            mistakes.push(Mistake::new(source, rule.key, wrong));
        }
    }
    mistakes
}

fn when(broken: bool, why: &str, right: &str) -> Option<Wrong> {
    broken.then(|| Wrong::new(why, right))
}

fn not_built(role: Role, given: &Given) -> Option<Mistake> {
    let default = given.key.default_for(role);
    if given.key.built || given.value == default || given.value.is_off() {
        return None;
    }
    let off = match default {
        super::Value::Integer(0) | super::Value::List(_) => String::new(),
        super::Value::Integer(_) => " or set it to 0".to_owned(),
        super::Value::Text(_) | super::Value::Table(_) => String::new(),
    };
    let wrong = Wrong::new(
        "is not built yet in this version",
        format!("leave it at its default {default}{off}"),
    );
    Some(Mistake::new(given.source.clone(), given.key.path, wrong))
}

fn one_socket_for_both(merged: &Merged) -> Option<Wrong> {
    let socket = merged.text("internal_listen");
    // Port 0 is a free port each time.
    let same = socket == merged.text("listen") && !socket.ends_with(":0");
    when(
        same,
        "is the same socket as `listen`",
        "keep the internal socket apart from the public one",
    )
}

fn half(merged: &Merged, set: &str, missing: &str) -> Option<Wrong> {
    let why = format!("is set, and {missing} is not");
    when(!merged.is_off(set) && merged.is_off(missing), &why, "set both or neither")
}

fn needed_by_scylla(merged: &Merged, key: &str) -> Option<Wrong> {
    let empty = merged.text("store.kind") == "scylla" && merged.is_off(key);
    when(empty, "is empty", "store.kind = \"scylla\" needs it")
}

fn no_token(merged: &Merged) -> bool {
    merged.is_off("auth.hs256_secret") && merged.is_off("auth.jwks")
}

fn no_way_to_post(merged: &Merged) -> Option<Wrong> {
    let why = "and auth.jwks are empty, so that nobody could post";
    when(no_token(merged), why, "set one of them; development mode is only in `all`")
}

fn no_way_to_watch(merged: &Merged) -> Option<Wrong> {
    let broken = merged.text("auth.viewers") == "required" && no_token(merged);
    let why =
        "is \"required\", and without auth.hs256_secret or auth.jwks no token could be checked";
    when(broken, why, "set one of them, or auth.viewers = \"optional\"")
}

fn development_in_public(merged: &Merged) -> Option<Wrong> {
    let socket = merged.text("listen").parse::<SocketAddr>().ok()?;
    let loopback = match socket.ip() {
        IpAddr::V6(ip) => ip.to_canonical().is_loopback(),
        IpAddr::V4(ip) => ip.is_loopback(),
    };
    let why = format!(
        "is {socket}, and development mode (no auth.hs256_secret or auth.jwks) is for loopback only"
    );
    when(no_token(merged) && !loopback, &why, "set one of them, or listen on 127.0.0.1")
}
