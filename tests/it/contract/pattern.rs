//! What an answer should look like: JSON with holes. A hole's name stands for one value in a whole
//! table: it takes the first one that it meets, and later ones must be the same.

use std::collections::BTreeMap;

use common::ids::CommentId;
use serde_json::{Map, Value};

use super::who::id_in;

/// A key of a pattern's object that lets others stand beside those that it names.
const OTHERS: &str = "…";

/// What holes were found to stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound(BTreeMap<String, String>);

impl Bound {
    /// Gives a name its value beforehand.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// A text with its holes filled, as far as they are known.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = after
                .split_once('}')
                .and_then(|(name, after)| Some((self.value(name.split('#').next()?)?, after)));
            rest = match known {
                Some((value, after)) => {
                    filled.push_str(&value);
                    after
                }
                None => {
                    filled.push('{');
                    after
                }
            };
        }
        filled + rest
    }

    /// What a name stands for. With an `@` it is a person's, whose id differs from table to table.
    fn value(&self, name: &str) -> Option<String> {
        match name.strip_prefix('@') {
            Some(person) => Some(id_in(person, self.0.get("video")?)),
            None => self.0.get(name).cloned(),
        }
    }

    /// Whether `value` is as the pattern says; if not, where it differs.
    pub(crate) fn json(&mut self, pattern: &Value, value: &Value) -> Result<(), String> {
        match (pattern, value) {
            (Value::String(pattern), Value::String(text)) if !is_number(pattern) => {
                self.text(pattern, text)
            }
            (Value::String(pattern), Value::Number(number)) if is_number(pattern) => {
                self.text(pattern, &number.to_string())
            }
            (Value::Array(patterns), Value::Array(values)) if patterns.len() == values.len() => {
                patterns
                    .iter()
                    .zip(values)
                    .try_for_each(|(pattern, value)| self.json(pattern, value))
            }
            (Value::Object(pattern), Value::Object(object)) => self.object(pattern, object),
            _ if pattern == value => Ok(()),
            _ => Err(format!("{value} should be {pattern}")),
        }
    }

    fn object(
        &mut self,
        pattern: &Map<String, Value>,
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        let unwanted = object.keys().find(|key| !pattern.contains_key(*key));
        if let Some(key) = unwanted.filter(|_| !pattern.contains_key(OTHERS)) {
            return Err(format!("there should be no {key:?} in {object:?}"));
        }
        for (key, pattern) in pattern.iter().filter(|(key, _)| *key != OTHERS) {
            let value = object.get(key).ok_or_else(|| format!("no {key:?} in {object:?}"))?;
            self.json(pattern, value).map_err(|why| format!("{key}: {why}"))?;
        }
        Ok(())
    }

    /// The same of a text, in which a hole `{name}` or `{name#kind}` goes on until what follows it.
    pub(crate) fn text(&mut self, pattern: &str, text: &str) -> Result<(), String> {
        let differs = || format!("{text:?} should be {:?}", self.fill(pattern));
        let Some((before, hole, after)) = first_hole(pattern) else {
            return if pattern == text { Ok(()) } else { Err(differs()) };
        };
        let rest = text.strip_prefix(before).ok_or_else(differs)?;
        let next = first_hole(after).map_or(after, |(literal, ..)| literal);
        let end = if next.is_empty() { Some(rest.len()) } else { rest.find(next) };
        let (value, rest) = rest.split_at(end.ok_or_else(differs)?);
        self.bind(hole, value)?;
        self.text(after, rest)
    }

    fn bind(&mut self, hole: &str, value: &str) -> Result<(), String> {
        let (name, kind) = hole.split_once('#').unwrap_or((hole, ""));
        if !is_of(kind, value) {
            return Err(format!("{value:?} should be a {kind}"));
        }
        match self.value(name) {
            Some(bound) if bound != value => {
                Err(format!("{value:?} should be {bound:?}, as {name} was"))
            }
            None if name != "_" => {
                self.set(name, value);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What is before the first hole, what stands in it, and what is after.
fn first_hole(pattern: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = pattern.split_once('{')?;
    let (hole, after) = rest.split_once('}')?;
    Some((before, hole, after))
}

/// Whether the pattern is a hole for a number.
fn is_number(pattern: &str) -> bool {
    pattern.starts_with('{') && pattern.ends_with('}') && pattern.contains("#int")
}

/// The forms that the contract names; `int 1-2` has bounds.
fn is_of(kind: &str, value: &str) -> bool {
    match kind {
        "" => true,
        "id" => value.parse::<CommentId>().is_ok(),
        "time" => is_time(value),
        "cursor" => {
            let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"._:~-".contains(&b);
            (1..=256).contains(&value.len()) && value.bytes().all(is_letter)
        }
        "int" => value.parse::<u64>().is_ok(),
        bounds => {
            let bounds = bounds.strip_prefix("int ").and_then(|bounds| bounds.split_once('-'));
            let (least, most) = bounds.unwrap_or_else(|| panic!("no such kind: {kind}"));
            let [least, most] = [least, most].map(|bound| bound.parse::<u64>().unwrap());
            value.parse().is_ok_and(|number| (least..=most).contains(&number))
        }
    }
}

/// RFC 3339, UTC, milliseconds: `2026-11-22T10:00:00.000Z`.
fn is_time(value: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    let fits = |(form, byte): (&u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        literal => *literal == byte,
    };
    value.len() == FORM.len() && FORM.iter().zip(value.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_and_what_does_not() {
        for (pattern, value, fits) in [
            (json!({"a": 1}), json!({"a": 1}), true),
            (json!({"a": 1}), json!({"a": 2}), false),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
            (json!({"a": 1, "…": null}), json!({"a": 1, "b": 2}), true),
            (json!({"a": 1, "…": null}), json!({"b": 2}), false),
            (json!([{"a": null}]), json!([{"a": null}]), true),
            (json!([]), json!([1]), false),
            (json!("{x}"), json!("anything"), true),
            (json!("{x}"), json!(5), false),
            (json!("{x#int}"), json!(5), true),
            (json!("{x#int}"), json!("5"), false),
            (json!("{x#int 1-2}"), json!(3), false),
            (json!("{x#id}"), json!("0190163d-8694-739b-aea5-966c26f8ad91"), true),
            (json!("{x#id}"), json!("0190163D-8694-739B-AEA5-966C26F8AD91"), false),
            (json!("{x#time}"), json!("2026-11-22T10:00:00.123Z"), true),
            (json!("{x#time}"), json!("2026-11-22T10:00:00Z"), false),
            (json!("{x#cursor}"), json!("1.a:b~c-_"), true),
            (json!("{x#cursor}"), json!("a b"), false),
            (json!(["{x}", "{x}"]), json!(["a", "a"]), true),
            (json!(["{x}", "{x}"]), json!(["a", "b"]), false),
            (json!(["{_}", "{_}"]), json!(["a", "b"]), true),
            (json!("/{a}/{b};"), json!("/1/2/3;"), true),
            (json!("/{a}/{b};"), json!("/1/2/3"), false),
        ] {
            let told = Bound::default().json(&pattern, &value);
            assert_eq!(told.is_ok(), fits, "{pattern} {value}: {told:?}");
        }
    }

    #[test]
    fn what_was_found_fills_later_texts() {
        let mut bound = Bound::default();
        bound.set("video", "v");
        bound.text("id={id}; Max-Age={_#int 0-60}", "id=a.b; Max-Age=59").unwrap();
        assert_eq!(bound.fill("bans/{@ann}/{id}?{other}{"), "bans/ann.v/a.b?{other}{");
        assert!(bound.text("{id}", "c").unwrap_err().contains("a.b"));
    }
}
