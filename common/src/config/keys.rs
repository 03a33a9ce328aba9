//! The table of every key; adding one here gives it a place in file, environment, flags and help.

use super::key::{Fallback, Key, Kind};
use super::shape::{
    ANY, CLAIM, CQL_DC, DC_NAME, HTTP_ORIGIN, HTTP_PEER, INTERNAL_SECRET, JWKS, KEYSPACE, NETWORK,
    NODE, NOT_EMPTY, OPTIONAL_CLAIM, OPTIONAL_ORIGIN, OPTIONAL_SOCKET, REACTION, REDIS_URL,
    SIGNING_SECRET, SOCKET,
};
use crate::live_log::DEDUP_S_MAX;

const YEAR_S: i64 = 365 * 24 * 3_600;
/// CQL takes no time to live above 20 years.
const CQL_TTL_MAX_DAYS: i64 = 7_300;

const fn up_to(max: i64) -> Kind {
    Kind::Integer { min: 0, max }
}

const fn text(path: &'static str, kind: Kind, fallback: &'static str, doc: &'static str) -> Key {
    Key::new(path, kind, Fallback::Text(fallback), doc)
}

const fn integer(path: &'static str, kind: Kind, fallback: i64, doc: &'static str) -> Key {
    Key::new(path, kind, Fallback::Integer(fallback), doc)
}

const fn list(
    path: &'static str,
    kind: Kind,
    fallback: &'static [&'static str],
    doc: &'static str,
) -> Key {
    Key::new(path, kind, Fallback::List(fallback), doc)
}

/// Every key: the top level first, then section by section, as `config print` shows them.
pub const KEYS: &[Key] = &[
    Key::new(
        "listen",
        Kind::Text(&OPTIONAL_SOCKET),
        Fallback::PerRole {
            all: "127.0.0.1:8080",
            ingest: "127.0.0.1:8081",
            dispatcher: "",
            gateway: "127.0.0.1:8082",
        },
        "public socket, address:port",
    ),
    Key::new(
        "internal_listen",
        Kind::Text(&SOCKET),
        Fallback::PerRole {
            all: "127.0.0.1:9080",
            ingest: "127.0.0.1:9081",
            dispatcher: "127.0.0.1:9080",
            gateway: "127.0.0.1:9082",
        },
        "internal socket, address:port: calls between roles, health, metrics; never public",
    ),
    list(
        "trusted_proxies",
        Kind::List(&NETWORK),
        &[],
        "proxies, as addresses or networks, whose X-Forwarded-For says who a client is",
    ),
    text(
        "internal.secret",
        Kind::Text(&INTERNAL_SECRET),
        "",
        "shared by all roles; empty only in `all`",
    )
    .secret(),
    text(
        "internal.secret_previous",
        Kind::Text(&INTERNAL_SECRET),
        "",
        "also accepted, for rotation; empty = none",
    )
    .secret(),
    text(
        "tls.cert",
        Kind::Text(&ANY),
        "",
        "PEM file of the public socket's certificate chain, read again every minute; empty = no TLS",
    ),
    text("tls.key", Kind::Text(&ANY), "", "PEM file of the certificate's private key"),
    text(
        "store.kind",
        Kind::Choice(&["embedded", "scylla"]),
        "embedded",
        "where comments are kept: inside the process, or ScyllaDB/Cassandra",
    ),
    text(
        "store.path",
        Kind::Text(&NOT_EMPTY),
        "chorus-data",
        "directory of the embedded store; one process per directory",
    ),
    list("store.nodes", Kind::List(&NODE), &["127.0.0.1:9042"], "first CQL nodes to ask"),
    text("store.keyspace", Kind::Text(&KEYSPACE), "chorus", "CQL keyspace"),
    Key::new(
        "store.replication",
        Kind::Table { names: &CQL_DC, min: 1, max: 100 },
        Fallback::Table(&[("dc1", 3)]),
        "replicas per CQL data centre",
    ),
    text("store.user", Kind::Text(&ANY), "", "CQL user; empty = no login"),
    text("store.password", Kind::Text(&ANY), "", "CQL password").secret(),
    integer(
        "store.retention_days",
        up_to(CQL_TTL_MAX_DAYS),
        0,
        "days after which CQL rows expire; 0 = for ever",
    ),
    text(
        "live.kind",
        Kind::Choice(&["memory", "redis"]),
        "memory",
        "endpoint store and live log: inside the process (only `all`), or Redis",
    ),
    text(
        "live.url",
        Kind::Text(&REDIS_URL),
        "redis://127.0.0.1:6379",
        "Redis address: redis://[user:password@]host:port[/db], \
         redis+sentinel://[user:password@]host:port,host:port/master[/db] with the sentinels' hosts \
         and, if they want it, ?sentinel_user=&sentinel_password=, or \
         redis+cluster://[user:password@]host:port,host:port with some of the cluster's; rediss… \
         for TLS, which trusts the system's certificates or those in SSL_CERT_FILE",
    ),
    integer(
        "live.replay_max",
        Kind::Integer { min: 1, max: 10_000_000 },
        20_000,
        "newest events kept per video for viewers that come back",
    ),
    integer(
        "live.replay_ttl_s",
        Kind::Integer { min: 1, max: YEAR_S },
        600,
        "seconds for which they are kept",
    ),
    integer(
        "live.dedup_s",
        Kind::Integer { min: 10, max: DEDUP_S_MAX.cast_signed() },
        120,
        "seconds for which ids are remembered, so that a repeat shows once",
    ),
    list(
        "ingest.dispatchers",
        Kind::List(&HTTP_PEER),
        &["http://127.0.0.1:9080"],
        "dispatchers' internal sockets; a name with several addresses means all of them",
    ),
    text(
        "gateway.advertise",
        Kind::Text(&HTTP_PEER),
        "http://127.0.0.1:9082",
        "how dispatchers reach this gateway's internal socket",
    ),
    text(
        "gateway.ingest_url",
        Kind::Text(&OPTIONAL_ORIGIN),
        "",
        "origin the page uses for everything but streams; empty = its own",
    ),
    integer(
        "gateway.max_connections",
        up_to(10_000_000),
        100_000,
        "streams served at once; 0 = no limit",
    ),
    integer(
        "gateway.max_connections_per_address",
        up_to(10_000_000),
        0,
        "streams served at once to one IPv4 address, or one IPv6 network of 64 bits; 0 = no limit",
    ),
    integer(
        "gateway.stream_max_age_s",
        up_to(YEAR_S),
        3_600,
        "seconds, or up to a quarter less, after which a stream ends and its viewer comes back, so \
         that new gateways get their share; 0 = never",
    ),
    integer(
        "gateway.drain_window_s",
        up_to(3_600),
        20,
        "seconds over which streams are ended while draining",
    ),
    text(
        "gateway.slow_viewer",
        Kind::Choice(&["skip", "disconnect"]),
        "skip",
        "a viewer that is too slow is moved forward and told so, or disconnected",
    ),
    integer(
        "gateway.flush_interval_ms_max",
        up_to(1_000),
        50,
        "longest pause in milliseconds between two passes to a busy video's viewers; 0 = none",
    ),
    text(
        "gateway.compression",
        Kind::Choice(&["gzip", "off"]),
        "gzip",
        "of streams, once the encoder is built",
    )
    .unbuilt(),
    list(
        "cors.allowed_origins",
        Kind::List(&HTTP_ORIGIN),
        &[],
        "origins whose pages may read answers; `*` = every one",
    ),
    text(
        "auth.hs256_secret",
        Kind::Text(&SIGNING_SECRET),
        "",
        "secret of HS256 tokens; without it and auth.jwks `all` is in development mode",
    )
    .secret(),
    text(
        "auth.jwks",
        Kind::Text(&JWKS),
        "",
        "file or http(s) URL of the public keys of tokens (JSON Web Key Set: EdDSA, RS256, ES256), \
         read again every minute, and when a token names another key; https trusts the system's \
         certificates or those in SSL_CERT_FILE; empty = none",
    ),
    list(
        "auth.audience",
        Kind::List(&CLAIM),
        &[],
        "whom tokens must be for, at least one of these (claim aud); empty = not looked at",
    ),
    text(
        "auth.issuer",
        Kind::Text(&OPTIONAL_CLAIM),
        "",
        "who must have made tokens (claim iss); empty = not looked at",
    ),
    text(
        "auth.viewers",
        Kind::Choice(&["optional", "required"]),
        "optional",
        "whether streams need a token",
    ),
    integer(
        "limits.comments_per_user_per_minute",
        up_to(1_000_000),
        30,
        "comments one author may post per minute, all of them at once after a pause; 0 = no limit",
    ),
    integer(
        "limits.reactions_per_user_per_minute",
        up_to(1_000_000),
        600,
        "reactions one author may send per minute, each press counted; 0 = no limit",
    ),
    integer(
        "limits.comments_per_video_per_second",
        up_to(1_000_000),
        0,
        "comments one video takes per second; 0 = no limit",
    ),
    integer(
        "limits.comments_per_address_per_minute",
        up_to(1_000_000),
        0,
        "comments that may come per minute from one IPv4 address, or one IPv6 network of 64 bits; \
         0 = no limit",
    ),
    text(
        "videos.create",
        Kind::Choice(&["open", "registered"]),
        "open",
        "a video exists by its first use, or must be PUT first",
    ),
    list(
        "reactions.kinds",
        Kind::List(&REACTION),
        &["like", "love", "laugh", "wow", "applause"],
        "kinds of reactions that viewers may send",
    ),
    text("dc.name", Kind::Text(&DC_NAME), "dc1", "name of this data centre"),
    list("dc.peers", Kind::List(&HTTP_PEER), &[], "dispatchers of other data centres").unbuilt(),
];

/// The key of that path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Role;

    #[test]
    fn paths_are_unique_and_sections_stay_together() {
        let paths: BTreeSet<_> = KEYS.iter().map(|key| key.path).collect();
        assert_eq!(paths.len(), KEYS.len());
        let mut sections: Vec<_> = KEYS.iter().map(Key::section).collect();
        sections.dedup();
        assert_eq!(sections.first(), Some(&""), "the top level comes first");
        let apart: BTreeSet<_> = sections.iter().collect();
        assert_eq!(apart.len(), sections.len(), "a section is in two places: {sections:?}");
    }

    #[test]
    fn every_default_is_a_value_that_could_be_given() {
        for key in KEYS {
            for role in Role::ALL {
                let value = key.default_for(role);
                let again = key.kind.read_text(&value.to_text(), key.secret);
                assert_eq!(again.ok(), Some(value), "{} in {role:?}", key.path);
            }
        }
    }
}
