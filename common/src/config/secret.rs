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

/// `url` with `****` for the password before its last `@`; a user alone stays readable.
#[must_use]
pub fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return mask_userinfo("", url) };
    mask_userinfo(&format!("{scheme}://"), rest)
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
        ] {
            assert_eq!(mask_url(url), masked);
        }
    }
}
