//! Value: what stands under a key.

use std::collections::BTreeMap;
use std::fmt;

/// What stands under a key. `Display` is TOML on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Several texts.
    List(Vec<String>),
    /// Numbers, each under a name.
    Table(BTreeMap<String, i64>),
}

impl Value {
    /// As a variable or flag would give it.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            _ => self.to_string(),
        }
    }

    /// Nothing, or switched off: what a key that isn't built may be set to.
    #[must_use]
    pub fn is_off(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty() || text == "off",
            Self::Integer(number) => *number == 0,
            Self::List(items) => items.is_empty(),
            Self::Table(entries) => entries.is_empty(),
        }
    }
}

impl From<&Value> for toml::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Text(text) => Self::String(text.clone()),
            Value::Integer(number) => Self::Integer(*number),
            Value::List(items) => Self::Array(items.iter().cloned().map(Self::String).collect()),
            Value::Table(entries) => {
                let owned = entries.iter().map(|(name, n)| (name.clone(), Self::Integer(*n)));
                Self::Table(owned.collect())
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Integer(number) => write!(f, "{number}"),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Table(entries) if entries.is_empty() => f.write_str("{}"),
            Self::Table(entries) => {
                let entries: Vec<_> =
                    entries.iter().map(|(name, n)| format!("{} = {n}", bare(name))).collect();
                write!(f, "{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// A TOML basic string on one line; the library would choose other quotes, and several lines.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn bare(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}
