//! A JSON object as somebody sends it: every field that won't do is told of at once.

use std::collections::HashMap;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use common::problem::{FieldError, Problem};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::request::{check_headers, malformed, read_body};

/// Fields that were sent, and what is wrong with those that were looked at.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    sent: HashMap<String, Box<RawValue>>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a request's body, which must be a JSON object.
    pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        check_headers(headers)?;
        Self::parse(&read_body(body).await?)
    }

    /// The same where no body at all stands for an object without fields.
    pub(crate) async fn read_optional(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        if headers.contains_key(header::CONTENT_TYPE) {
            return Self::read(headers, body).await;
        }
        let bytes = read_body(body).await?;
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        check_headers(headers)?;
        Self::parse(&bytes)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let body = str::from_utf8(bytes).map_err(|_| malformed("the body is not UTF-8"))?;
        let whole: &RawValue =
            serde_json::from_str(body).map_err(|_| malformed("the body is not JSON"))?;
        let sent = serde_json::from_str(whole.get()).map_err(|_| {
            Problem::invalid(vec![FieldError { field: "", why: "must be an object".into() }])
        })?;
        Ok(Self { sent, errors: Vec::new() })
    }

    /// The field's value; `None` when it is missing, null, or not what is `expected`, which is noted.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &str,
    ) -> Option<T> {
        let raw = self.sent.remove(field).filter(|raw| raw.get() != "null")?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            self.note(field, format!("must be {expected}"));
        }
        value
    }

    /// The same of a field that must be there.
    pub(crate) fn need<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &str,
    ) -> Option<T> {
        if self.sent.get(field).is_none_or(|raw| raw.get() == "null") {
            self.note(field, format!("is missing: {expected}"));
        }
        self.take(field, expected)
    }

    /// Notes why a field won't do.
    pub(crate) fn note(&mut self, field: &'static str, why: impl Into<String>) {
        self.errors.push(FieldError { field, why: why.into() });
    }

    /// Notes it unless `is_right`.
    pub(crate) fn check(&mut self, field: &'static str, is_right: bool, why: &str) {
        if !is_right {
            self.note(field, why);
        }
    }

    /// What was made of the fields, if nothing is wrong with them. One that nobody has looked at is: a
    /// moderator who mistypes a name must not be told that all is well.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Problem> {
        if !self.sent.is_empty() {
            let mut unknown: Vec<_> = self.sent.drain().map(|(name, _)| name).collect();
            unknown.sort_unstable();
            self.note("", format!("has unknown fields: {}", unknown.join(", ")));
        }
        if self.errors.is_empty() { Ok(value) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// A whole number; 5.0 is one as well, as it is for JSON's schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "serde_json::Number")]
pub(crate) struct Whole(pub(crate) u64);

impl TryFrom<serde_json::Number> for Whole {
    type Error = &'static str;

    fn try_from(number: serde_json::Number) -> Result<Self, Self::Error> {
        /// Up to here a float stands for one whole number alone.
        const EXACT_MAX: f64 = 9_007_199_254_740_991.0;
        let is_whole = |float: &f64| float.fract() == 0.0 && (0.0..=EXACT_MAX).contains(float);
        let float = || number.as_f64().filter(is_whole).map(|float| float as u64);
        number.as_u64().or_else(float).map(Self).ok_or("not a whole number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(body: &str) -> Result<(Option<u32>, Option<String>), Problem> {
        let mut fields = Fields::parse(body.as_bytes())?;
        let number = fields.take("number", "a whole number");
        let word = fields.take("word", "a word");
        fields.check("word", word.as_deref() != Some("bad"), "must not be bad");
        fields.finish((number, word))
    }

    #[test]
    fn what_is_right_comes_back() {
        assert_eq!(whole("{}").unwrap(), (None, None));
        assert_eq!(whole(r#"{"number":null}"#).unwrap(), (None, None));
        let both = whole(r#"{"number":7,"word":"good"}"#).unwrap();
        assert_eq!(both, (Some(7), Some("good".into())));
    }

    #[test]
    fn whole_numbers() {
        let whole = |text| serde_json::from_str::<Whole>(text).ok().map(|Whole(number)| number);
        for (text, number) in [("0", 0), ("5.0", 5), ("1e3", 1_000), ("-0.0", 0)] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        assert_eq!(whole("18446744073709551615"), Some(u64::MAX));
        for text in ["-1", "0.5", "1e300", "\"5\"", "true", "18446744073709551616"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn what_must_be_there() {
        let need = |body: &str| {
            let mut fields = Fields::parse(body.as_bytes()).unwrap();
            let number = fields.need::<u32>("number", "a whole number");
            fields.finish(number).map_err(|problem| format!("{problem:?}"))
        };
        assert_eq!(need(r#"{"number":7}"#), Ok(Some(7)));
        for body in ["{}", r#"{"number":null}"#] {
            assert!(need(body).unwrap_err().contains("is missing: a whole number"), "{body}");
        }
        assert!(need(r#"{"number":"7"}"#).unwrap_err().contains("must be a whole number"));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let told = |body| format!("{:?}", whole(body).unwrap_err());
        let all = told(r#"{"number":-1,"word":"bad","zeta":0,"alpha":0}"#);
        for part in ["must be a whole number", "must not be bad", "unknown fields: alpha, zeta"] {
            assert!(all.contains(part), "{part}: {all}");
        }
        for (body, part) in [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("[]", "must be an object"),
            ("7", "must be an object"),
        ] {
            assert!(told(body).contains(part), "{body}");
        }
        assert!(Fields::parse(b"\xff").is_err());
    }
}
