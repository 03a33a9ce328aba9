//! Secret: a configured text that no log line or error shows.

use std::fmt;

use serde::Deserialize;

/// What stands in the place of a secret.
pub const MASK: &str = "****";

/// A text that `Debug` hides; empty = not set.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself; the one way to it, so that uses are easy to find.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it isn't set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { MASK })
    }
}

/// `url` with `****` for the password before its last `@`, and for options that are one, like
/// `?sentinel_password=…`; a user alone stays readable, and so do several hosts.
#[must_use]
pub fn mask_url(url: &str) -> String {
    let masked = match url.split_once("://") {
        Some((scheme, rest)) => mask_userinfo(&format!("{scheme}://"), rest),
        None => mask_userinfo("", url),
    };
    match masked.split_once('?') {
        Some((address, options)) => {
            let options: Vec<_> = options.split('&').map(mask_option).collect();
            format!("{address}?{}", options.join("&"))
        }
        None => masked,
    }
}

fn mask_option(option: &str) -> String {
    match option.split_once('=') {
        Some((name, _)) if name.contains("pass") => format!("{name}={MASK}"),
        _ => option.to_owned(),
    }
}

/// The last `@` counts: a password with a bare `@` in it must not show its tail.
fn mask_userinfo(prefix: &str, rest: &str) -> String {
    match rest.rsplit_once('@') {
        Some((userinfo, host)) => {
            let user = userinfo.split_once(':').map_or(userinfo, |(user, _)| user);
            let mask = if userinfo.contains(':') { format!(":{MASK}") } else { String::new() };
            format!("{prefix}{user}{mask}@{host}")
        }
        None => format!("{prefix}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text() {
        assert_eq!(format!("{:?}", Secret::from("hush")), "****");
        assert_eq!(format!("{:?}", Secret::default()), "\"\"");
    }

    #[test]
    fn a_password_is_masked_and_nothing_else() {
        for (url, masked) in [
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("redis://:pw@h:1/0", "redis://:****@h:1/0"),
            ("rediss://u:p@w@h", "rediss://u:****@h"),
            ("redis://u@h", "redis://u@h"),
            ("u:pw@h", "u:****@h"),
            ("redis+cluster://u:p@a:1,b:2", "redis+cluster://u:****@a:1,b:2"),
            ("redis+sentinel://u:p@a,b/m/2", "redis+sentinel://u:****@a,b/m/2"),
            (
                "redis+sentinel://a,b/m?sentinel_password=p&x=1",
                "redis+sentinel://a,b/m?sentinel_password=****&x=1",
            ),
            (
                "redis+sentinel://u:p@a/m?sentinel_user=s&sentinel_password=p@q",
                "redis+sentinel://u:****@q",
            ),
            ("redis://u:p?w@h", "redis://u:****@h"),
        ] {
            assert_eq!(mask_url(url), masked);
        }
    }
}
