//! Reading: from TOML, or the text of a variable or flag, to the value of a key.

use toml::de::{DeTable, DeValue};

use super::key::{Key, Kind};
use super::mistake::Wrong;
use super::shape::Shape;
use super::value::{Value, quoted};

impl Key {
    /// What TOML gives under this key; every mistake in it.
    pub(super) fn read_toml(&self, value: &DeValue<'_>) -> Result<Value, Vec<Wrong>> {
        self.kind.read_toml(value, self.secret)
    }

    /// What a variable or flag gives under this key; every mistake in it.
    pub(super) fn read_text(&self, text: &str) -> Result<Value, Vec<Wrong>> {
        self.kind.read_text(text, self.secret)
    }
}

impl Kind {
    pub(super) fn read_toml(self, value: &DeValue<'_>, secret: bool) -> Result<Value, Vec<Wrong>> {
        match (self, value) {
            (Self::Text(shape), DeValue::String(text)) => {
                fitting(text, shape, secret).map(Value::Text).map_err(|wrong| vec![wrong])
            }
            (Self::Choice(words), DeValue::String(text)) => {
                choice(text, words).map_err(|wrong| vec![wrong])
            }
            (Self::Integer { min, max }, DeValue::Integer(number)) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
                within(parsed, &number.to_string(), min, max)
                    .map(Value::Integer)
                    .map_err(|wrong| vec![wrong])
            }
            (Self::List(shape), DeValue::Array(items)) => all(items.iter().map(|item| {
                match item.get_ref() {
                    DeValue::String(text) => fitting(text, shape, secret),
                    other => Err(Wrong::new(
                        format!("has {} in its list", kind_of(other)),
                        format!("write {}, in quotes", shape.right),
                    )),
                }
                .map_err(|wrong| wrong.at(item.span().start))
            }))
            .map(Value::List),
            // One alone may stand without a list.
            (Self::List(shape), DeValue::String(text)) => {
                let one = Some(text).filter(|text| !text.is_empty()).into_iter();
                all(one.map(|text| fitting(text, shape, secret))).map(Value::List)
            }
            (Self::Table { names, min, max }, DeValue::Table(entries)) => {
                table(entries, names, min, max)
            }
            (kind, other) => Err(vec![Wrong::new(
                format!("is {}", kind_of(other)),
                format!("write {}", kind.right()),
            )]),
        }
    }

    /// Lists and tables come as TOML, or short: `a,b` and `dc1=3,dc2=3`.
    pub(super) fn read_text(self, text: &str, secret: bool) -> Result<Value, Vec<Wrong>> {
        let bracket = match self {
            Self::List(_) => Some('['),
            Self::Table { .. } => Some('{'),
            Self::Text(_) | Self::Choice(_) | Self::Integer { .. } => None,
        };
        if bracket.is_some_and(|bracket| text.trim_start().starts_with(bracket)) {
            return self.read_inline(text.trim(), secret);
        }
        match self {
            Self::Text(shape) => {
                fitting(text, shape, secret).map(Value::Text).map_err(|wrong| vec![wrong])
            }
            Self::Choice(words) => choice(text, words).map_err(|wrong| vec![wrong]),
            Self::Integer { min, max } => within(text.trim().parse().ok(), &quoted(text), min, max)
                .map(Value::Integer)
                .map_err(|wrong| vec![wrong]),
            Self::List(shape) => {
                all(parts(text).map(|item| fitting(item, shape, secret))).map(Value::List)
            }
            Self::Table { names, min, max } => {
                let entries = parts(text).map(|part| {
                    let (name, number) = part.split_once('=').ok_or_else(|| {
                        Wrong::new(format!("has {} in it", quoted(part)), "write dc1=3,dc2=3")
                    })?;
                    entry(name.trim(), number.trim().parse().ok(), number.trim(), names, min, max)
                });
                all(entries).map(Value::Table)
            }
        }
    }

    fn read_inline(self, text: &str, secret: bool) -> Result<Value, Vec<Wrong>> {
        let parsed = DeValue::parse(text).map_err(|error| {
            let why = format!("is no TOML: {}", error.message());
            vec![Wrong::new(why, format!("write {}", self.right()))]
        })?;
        // Offsets are those of a TOML file, which this isn't.
        self.read_toml(parsed.get_ref(), secret).map_err(|wrongs| {
            wrongs.into_iter().map(|wrong| Wrong { offset: None, ..wrong }).collect()
        })
    }

    /// What to write, after "write".
    pub(super) fn right(self) -> String {
        match self {
            Self::Text(shape) => format!("{}, in quotes", shape.right),
            Self::Choice(words) => one_of(words),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::List(shape) => format!("a list, each {}", shape.right),
            Self::Table { min, max, .. } => {
                format!("a table of numbers from {min} to {max} like {{ dc1 = 3 }}")
            }
        }
    }
}

/// Parts between commas; an empty text has none.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let none = text.trim().is_empty();
    text.split(',').map(str::trim).filter(move |_| !none)
}

/// All the good ones, or all that is wrong.
fn all<T, C: FromIterator<T>>(
    results: impl Iterator<Item = Result<T, Wrong>>,
) -> Result<C, Vec<Wrong>> {
    let mut wrongs = Vec::new();
    let good: C =
        results.filter_map(|result| result.map_err(|wrong| wrongs.push(wrong)).ok()).collect();
    if wrongs.is_empty() { Ok(good) } else { Err(wrongs) }
}

fn fitting(text: &str, shape: &Shape, secret: bool) -> Result<String, Wrong> {
    if (shape.fits)(text) {
        return Ok(text.to_owned());
    }
    let why = if secret { "does not have the right form".to_owned() } else { is(text) };
    Err(Wrong::new(why, format!("write {}", shape.right)))
}

/// Quotes what stands there, without the password if it is an address.
fn is(text: &str) -> String {
    if text.is_empty() {
        "is empty".to_owned()
    } else {
        format!("is {}", quoted(&super::mask_url(text)))
    }
}

fn choice(text: &str, words: &[&str]) -> Result<Value, Wrong> {
    if words.contains(&text) {
        return Ok(Value::Text(text.to_owned()));
    }
    Err(Wrong::new(is(text), format!("write {}", one_of(words))))
}

fn one_of(words: &[&str]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" or ")
}

fn within(number: Option<i64>, shown: &str, min: i64, max: i64) -> Result<i64, Wrong> {
    number.filter(|number| (min..=max).contains(number)).ok_or_else(|| {
        Wrong::new(format!("is {shown}"), format!("write a whole number from {min} to {max}"))
    })
}

fn table(entries: &DeTable<'_>, names: &Shape, min: i64, max: i64) -> Result<Value, Vec<Wrong>> {
    all(entries.iter().map(|(name, value)| {
        let (number, shown) = match value.get_ref() {
            DeValue::Integer(number) => {
                (i64::from_str_radix(number.as_str(), number.radix()).ok(), number.to_string())
            }
            other => (None, kind_of(other).to_owned()),
        };
        entry(name.get_ref(), number, &shown, names, min, max)
            .map_err(|wrong| wrong.at(value.span().start))
    }))
    .map(Value::Table)
}

fn entry(
    name: &str,
    number: Option<i64>,
    shown: &str,
    names: &Shape,
    min: i64,
    max: i64,
) -> Result<(String, i64), Wrong> {
    if !(names.fits)(name) {
        return Err(Wrong::new(
            format!("has the name {}", quoted(name)),
            format!("write {}", names.right),
        ));
    }
    let number = within(number, shown, min, max)
        .map_err(|wrong| Wrong { why: format!("has {} = {shown}", quoted(name)), ..wrong })?;
    Ok((name.to_owned(), number))
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
