//! Effective: the configuration as it is, each value with where it came from.

use std::fmt;

use super::key::Key;
use super::layer::Given;
use super::merged::Merged;
use super::mistake::Source;
use super::secret::{MASK, mask_url};
use super::value::Value;

/// One key's value, fit to be shown.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: &'static Key,
    /// Its value; a secret is `****`.
    pub shown: Value,
    /// Where it came from.
    pub source: Source,
}

/// Every key's value in the order of the table. `Display` is TOML with the sources as comments,
/// good as a file of its own apart from masked secrets.
#[derive(Clone, Debug)]
pub struct Effective(pub Vec<Entry>);

impl Effective {
    pub(super) fn new(merged: &Merged) -> Self {
        Self(merged.values.iter().map(Entry::new).collect())
    }
}

impl Entry {
    fn new(given: &Given) -> Self {
        let shown = match &given.value {
            Value::Text(text) if given.key.secret && !text.is_empty() => {
                Value::Text(MASK.to_owned())
            }
            Value::Text(text) if text.contains("://") => Value::Text(mask_url(text)),
            other => other.clone(),
        };
        Self { key: given.key, shown, source: given.source.clone() }
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for entry in &self.0 {
            if entry.key.section() != section {
                section = entry.key.section();
                writeln!(f, "\n[{section}]")?;
            }
            let line = format!("{} = {}", entry.key.name(), entry.shown);
            writeln!(f, "{line:<44} # {}", entry.source)?;
        }
        Ok(())
    }
}
