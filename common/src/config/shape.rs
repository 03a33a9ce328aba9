//! Shape: what a configured text must look like.

use std::net::SocketAddr;

use http::Uri;

use crate::{client_address::network, totals::is_reaction};

/// A form of text, and how to tell somebody who got it wrong.
#[derive(Debug)]
pub struct Shape {
    /// What to write instead, after "write".
    pub right: &'static str,
    /// Whether a text has this form.
    pub fits: fn(&str) -> bool,
}

/// No form at all.
pub(super) const ANY: Shape = Shape { right: "a text", fits: |_| true };

pub(super) const NOT_EMPTY: Shape = Shape {
    right: "a text that is not empty",
    fits: |text| !text.trim().is_empty() && !text.contains('\0'),
};

pub(super) const SOCKET: Shape =
    Shape { right: "an address and port like 127.0.0.1:9080", fits: is_socket };

pub(super) const OPTIONAL_SOCKET: Shape = Shape {
    right: "an address and port like 127.0.0.1:8080",
    fits: |text| text.is_empty() || is_socket(text),
};

/// Another process of ours; calls between roles are plain HTTP/2.
pub(super) const HTTP_PEER: Shape = Shape {
    right: "http:// with host and port and nothing after it, like http://127.0.0.1:9080",
    fits: |text| is_origin(text, &["http"]),
};

pub(super) const HTTP_ORIGIN: Shape = Shape {
    right: "an origin without a path, like https://example.org, or *",
    fits: |text| text == "*" || is_public_url(text),
};

pub(super) const OPTIONAL_ORIGIN: Shape = Shape {
    right: "an origin without a path, like https://example.org, or nothing",
    fits: |text| text.is_empty() || is_public_url(text),
};

pub(super) const REDIS_URL: Shape = Shape {
    right: "a Redis address like redis://127.0.0.1:6379 or redis+cluster://10.0.0.1:6379,10.0.0.2:6379",
    fits: is_redis_url,
};

/// It travels in a header, and a line break at the end of a mounted secret is a classic.
pub(super) const INTERNAL_SECRET: Shape = Shape {
    right: "visible ASCII characters without spaces or line breaks",
    fits: |text| text.bytes().all(|byte| byte.is_ascii_graphic()),
};

pub(super) const SIGNING_SECRET: Shape =
    Shape { right: "a text without line breaks, and without spaces at its ends", fits: is_plain };

pub(super) const JWKS: Shape = Shape {
    right: "a file, or an address like https://id.example/keys without a user in it",
    fits: |text| if text.contains("://") { is_url(text) } else { !text.contains('\0') },
};

/// What a token says is compared with it as it stands.
pub(super) const CLAIM: Shape = Shape {
    right: "a text that is not empty, without line breaks and without spaces at its ends",
    fits: |text| !text.is_empty() && is_plain(text),
};

pub(super) const OPTIONAL_CLAIM: Shape =
    Shape { right: "a text without line breaks, and without spaces at its ends", fits: is_plain };

/// Unquoted in CQL, hence lower case.
pub(super) const KEYSPACE: Shape = Shape {
    right: "1 to 48 of a-z, 0-9 and _, a letter first",
    fits: |text| {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && made_of(text, 48, |c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    },
};

/// It stands in quotes in CQL and must not end them.
pub(super) const CQL_DC: Shape = Shape {
    right: "a data centre's name of 1 to 48 letters, digits, `_`, `-` and `.`",
    fits: |text| made_of(text, 48, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')),
};

pub(super) const DC_NAME: Shape = Shape {
    right: "1 to 16 of a-z, 0-9 and -",
    fits: |text| made_of(text, 16, |c| matches!(c, 'a'..='z' | '0'..='9' | '-')),
};

pub(super) const NETWORK: Shape = Shape {
    right: "an address or a network like 10.0.0.0/8",
    fits: |text| network(text).is_some(),
};

pub(super) const REACTION: Shape =
    Shape { right: "1 to 32 of a-z, 0-9, _ and -, a letter first", fits: is_reaction };

pub(super) const NODE: Shape =
    Shape { right: "host:port like 127.0.0.1:9042", fits: |text| is_origin_of(text, "cql") };

/// Whether `text` is `http://host[:port]` or `https://host[:port]` and nothing more.
#[must_use]
pub fn is_public_url(text: &str) -> bool {
    is_origin(text, &["http", "https"])
}

/// Whether `text` begins like an address of HTTP, and so is no file.
#[must_use]
pub fn is_http_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn is_plain(text: &str) -> bool {
    text.trim() == text && !text.contains(char::is_control)
}

fn made_of(text: &str, len_max: usize, allowed: fn(char) -> bool) -> bool {
    !text.is_empty() && text.len() <= len_max && text.chars().all(allowed)
}

fn is_socket(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok()
}

fn is_origin_of(authority: &str, scheme: &str) -> bool {
    is_origin(&format!("{scheme}://{authority}"), &[scheme])
}

/// `scheme://host[:port]` and nothing more: no user, path, query or fragment.
fn is_origin(text: &str, schemes: &[&str]) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(host), Some(parsed)) = (uri.host(), uri.authority()) else { return false };
    // The parser lets a port through that is no number below 65536.
    let port_good = parsed.as_str() == host || parsed.port_u16().is_some();
    // What the parser took as host and port is all there is, so nothing follows them.
    let nothing_else = authority == parsed.as_str() && !authority.contains('@');
    schemes.contains(&scheme) && !host.is_empty() && port_good && nothing_else
}

/// An address of HTTP with whatever path and query. A user would be left out without a word.
fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let authority = uri.authority().is_some_and(|found| is_origin_of(found.as_str(), "http"));
    is_http_url(text) && authority && !text.contains('#')
}

/// One host, or several before the name of a master that sentinels know; the rest is for whoever
/// connects to judge.
fn is_redis_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (tls, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let right = match kind {
        "" => !hosts.contains(','),
        "sentinel" => rest[authority.len()..].len() > 1,
        "cluster" => true,
        _ => false,
    };
    let hosts_good = hosts.split(',').all(|host| is_origin_of(host, "redis"));
    right && hosts_good && ["redis", "rediss"].contains(&tls) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(shape: &Shape, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!((shape.fits)(text), "{text:?} should be {}", shape.right);
        }
        for text in bad {
            assert!(!(shape.fits)(text), "{text:?} should not be {}", shape.right);
        }
    }

    #[test]
    fn sockets_and_peers() {
        table(&SOCKET, &["127.0.0.1:0", "[::1]:80", "0.0.0.0:9"], &["", "localhost:1", "1.2.3.4"]);
        table(
            &HTTP_PEER,
            &["http://127.0.0.1:9080", "http://dispatcher", "http://[::1]:9080", "http://a.b-c:1"],
            &[
                "",
                "http://",
                "127.0.0.1:9080",
                "https://h:1",
                "http://h:1/",
                "http://h:99999",
                "http://u@h:1",
                "http://h:1?q",
                "http://h:1#f",
                "http://h:",
                "http://a b",
                "HTTP://h",
            ],
        );
        table(
            &HTTP_ORIGIN,
            &["*", "https://a.example", "http://localhost:3000"],
            &["", "null", "a"],
        );
        table(&NODE, &["127.0.0.1:9042", "cassandra", "[::1]:9042"], &["", "h:x", "a/b", "u@h"]);
    }

    #[test]
    fn redis_urls() {
        table(
            &REDIS_URL,
            &[
                "redis://127.0.0.1:6379",
                "redis://h",
                "rediss://:p@h:1/2",
                "redis://u:p%40@[::1]:1",
                "redis+sentinel://a:1,b:2/mymaster",
                "redis+cluster://a:1",
                "rediss+cluster://:p@a,b:2",
                "rediss+sentinel://u:p@a,[::1]:7/mymaster/1?sentinel_password=x",
            ],
            &[
                "",
                "redis://",
                "http://h",
                "redis://h:99999",
                "h:6379",
                "redis://a b",
                "redis:///0",
                "redis://a,b",
                "redis+sentinel://a:1",
                "redis+sentinel://a:1/",
                "redis+sentinel://a:1,,b:1/m",
                "redis+sentinel://a:1,b:x/m",
                "redis+cluster://a:1,b:x",
                "redis+other://a/m",
            ],
        );
    }

    #[test]
    fn names_and_secrets() {
        table(&KEYSPACE, &["chorus", "c_1"], &["", "Chorus", "1c", "_c", "c-1", &"k".repeat(49)]);
        table(&REACTION, &["like", "r2-d_2"], &["", "Like", "2", "a b", &"k".repeat(33)]);
        table(&DC_NAME, &["dc1", "eu-west-1"], &["", "DC1", "a_b", "a.b", &"d".repeat(17)]);
        table(&CQL_DC, &["datacenter1", "AWS_US.EAST-1"], &["", "a'b", "a b"]);
        table(&INTERNAL_SECRET, &["", "s3cr!t"], &["a b", "a\n", "ä"]);
        table(&SIGNING_SECRET, &["", "a b", "ä"], &["a\n", " a"]);
        table(&CLAIM, &["chorus", "https://id.example/"], &["", " a", "a\n"]);
        table(&OPTIONAL_CLAIM, &["", "https://id.example/"], &["a ", "a\tb"]);
    }

    #[test]
    fn files_and_urls_of_keys() {
        table(
            &JWKS,
            &[
                "",
                "keys.json",
                "/etc/chorus/my keys.json",
                "http://127.0.0.1:8000/keys",
                "https://id.example/.well-known/jwks.json?v=1",
                "https://[::1]:8443",
            ],
            &[
                "a\0b",
                "ftp://h/keys",
                "file:///keys.json",
                "HTTPS://h/keys",
                "http://",
                "https:///keys",
                "http://u:p@h/keys",
                "http://h:99999/keys",
                "http://h/a b",
                "https://h/keys#1",
            ],
        );
    }
}
