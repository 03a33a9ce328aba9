//! What stands in a token: who its bearer is, what they may do, and for how long.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Number;

use super::{BadToken, Role};
use crate::ambient;

/// How far clocks may differ when a token's times are checked, seconds.
const LEEWAY_S: u64 = 5;

/// A token's claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who: the author's id.
    pub sub: String,
    /// Until when, seconds since 1970.
    #[serde(deserialize_with = "seconds")]
    pub exp: u64,
    /// From when on, seconds since 1970; at once when missing.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "seconds_or_none"
    )]
    pub nbf: Option<u64>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Whom it is for; a single one may stand without a list. Empty when missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_more")]
    pub aud: Vec<String>,
    /// Shown name; `sub` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Address of a picture, https only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// The only videos it is good for; all when missing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub videos: Option<Vec<String>>,
}

impl Claims {
    /// Claims for `sub` that run out after `ttl`.
    #[must_use]
    pub fn new(sub: impl Into<String>, ttl: Duration) -> Self {
        let exp = ambient::since_1970().as_secs().saturating_add(ttl.as_secs());
        Self {
            sub: sub.into(),
            exp,
            nbf: None,
            iss: None,
            aud: Vec::new(),
            name: None,
            role: None,
            avatar: None,
            videos: None,
        }
    }
}

/// What the configuration wants of all tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// A token must be for one of these; empty = whoever it is for.
    pub(super) audience: Vec<String>,
    /// Who must have made it; empty = whoever did.
    pub(super) issuer: String,
}

impl Expected {
    /// Whether the claims are good at `now_s`, seconds since 1970.
    pub(super) fn check(&self, claims: &Claims, now_s: u64) -> Result<(), BadToken> {
        let ours = |aud: &String| self.audience.contains(aud);
        if claims.exp.saturating_add(LEEWAY_S) < now_s {
            return Err(BadToken::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf > now_s.saturating_add(LEEWAY_S)) {
            return Err(BadToken::NotYet);
        }
        if !self.audience.is_empty() && !claims.aud.iter().any(ours) {
            return Err(BadToken::Audience);
        }
        if !self.issuer.is_empty() && claims.iss.as_ref() != Some(&self.issuer) {
            return Err(BadToken::Issuer);
        }
        Ok(())
    }
}

/// A whole number, or one with a fraction, which is cut off.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(&Number::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not a time"))
}

fn seconds_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<Number>::deserialize(deserializer)?;
    number.map(|number| whole(&number).ok_or_else(|| D::Error::custom("not a time"))).transpose()
}

fn whole(number: &Number) -> Option<u64> {
    let cut_off = || number.as_f64().filter(|seconds| (0.0..1e15).contains(seconds));
    number.as_u64().or_else(|| cut_off().map(|seconds| seconds as u64))
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        More(Vec<String>),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(Audience::One(one)) => vec![one],
        Some(Audience::More(more)) => more,
        None => Vec::new(),
    })
}

/// No `null`: an issuer that knows of no videos must not let its bearer into all of them.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: serde_json::Value) -> Option<Claims> {
        serde_json::from_str(&claims.to_string()).ok()
    }

    #[test]
    fn times_are_numbers() {
        for (exp, seconds) in [
            (json!(5), Some(5)),
            (json!(5.9), Some(5)),
            (json!(1.8e9), Some(1_800_000_000)),
            (json!(u64::MAX), Some(u64::MAX)),
            (json!(-1), None),
            (json!(-0.5), None),
            (json!(1e300), None),
            (json!("5"), None),
            (json!(null), None),
            (json!(true), None),
            (json!([5]), None),
        ] {
            let claims = read(json!({"sub": "u", "exp": exp}));
            assert_eq!(claims.map(|claims| claims.exp), seconds, "{exp}");
            if exp.is_null() {
                continue;
            }
            let claims = read(json!({"sub": "u", "exp": 1, "nbf": exp}));
            assert_eq!(claims.map(|claims| claims.nbf), seconds.map(Some), "nbf {exp}");
        }
    }

    #[test]
    fn an_audience_is_one_or_more() {
        for (aud, list) in [
            (json!("a"), Some(vec!["a"])),
            (json!(["a", "b"]), Some(vec!["a", "b"])),
            (json!([]), Some(vec![])),
            (json!(null), Some(vec![])),
            (json!(5), None),
            (json!(["a", 5]), None),
            (json!({"a": "b"}), None),
        ] {
            let claims = read(json!({"sub": "u", "exp": 1, "aud": aud}));
            let list = list.map(|list| list.into_iter().map(String::from).collect::<Vec<_>>());
            assert_eq!(claims.map(|claims| claims.aud), list, "{aud}");
        }
    }

    #[test]
    fn clocks_may_differ_by_five_seconds() {
        let claims = |exp, nbf| Claims { exp, nbf, ..Claims::new("u", Duration::ZERO) };
        let check = |exp, nbf| Expected::default().check(&claims(exp, nbf), 1_000);
        assert_eq!(check(995, Some(1_005)), Ok(()));
        assert_eq!(check(994, None), Err(BadToken::Expired));
        assert_eq!(check(1_000, Some(1_006)), Err(BadToken::NotYet));
        assert_eq!(check(u64::MAX, Some(0)), Ok(()));
        assert_eq!(check(0, Some(u64::MAX)), Err(BadToken::Expired));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut claims = Claims::new("u", Duration::from_secs(5));
        assert_eq!(read(serde_json::to_value(&claims).unwrap()), Some(claims.clone()));
        claims.aud = vec!["a".into()];
        claims.iss = Some("i".into());
        claims.nbf = Some(1);
        claims.videos = Some(Vec::new());
        assert_eq!(read(serde_json::to_value(&claims).unwrap()), Some(claims));
    }
}
