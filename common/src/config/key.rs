//! Key: one entry of the configuration, and what may stand there.

use std::collections::BTreeMap;

use super::Role;
use super::shape::Shape;
use super::value::Value;

/// One configuration key. The same entry serves file, environment, flags, help and `config print`.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Section and name as in the file: `store.path`; without a dot at the top level.
    pub path: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Its value when nobody gives one.
    pub fallback: Fallback,
    /// One line for help, with the unit.
    pub doc: &'static str,
    /// Never shown.
    pub secret: bool,
    /// Whether this version does anything with it; if not, only the default and "off" are taken.
    pub built: bool,
}

/// What values a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text of some shape.
    Text(&'static Shape),
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A whole number from `min` to `max`.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Texts of one shape.
    List(&'static Shape),
    /// Numbers from `min` to `max`, each under a name.
    Table {
        /// Shape of the names.
        names: &'static Shape,
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
}

/// A key's value when nobody gives one.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// The same text for every role.
    Text(&'static str),
    /// A text per role; empty = the role has none.
    PerRole {
        /// In `all`, and for commands that serve nothing.
        all: &'static str,
        /// In `ingest`.
        ingest: &'static str,
        /// In `dispatcher`.
        dispatcher: &'static str,
        /// In `gateway`.
        gateway: &'static str,
    },
    /// A number.
    Integer(i64),
    /// Some texts.
    List(&'static [&'static str]),
    /// Numbers under names.
    Table(&'static [(&'static str, i64)]),
}

impl Key {
    /// The one key that may be empty where a socket is expected.
    pub(super) const LISTEN: &str = "listen";

    pub(super) const fn new(
        path: &'static str,
        kind: Kind,
        fallback: Fallback,
        doc: &'static str,
    ) -> Self {
        Self { path, kind, fallback, doc, secret: false, built: true }
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) const fn unbuilt(mut self) -> Self {
        self.built = false;
        self
    }

    /// The section, empty at the top level.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name within its section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The environment variable that sets it: `CHORUS_STORE__PATH`.
    #[must_use]
    pub fn env_name(&self) -> String {
        format!("CHORUS_{}", self.path.replace('.', "__").to_ascii_uppercase())
    }

    /// Its value in `role` when nobody gives one.
    #[must_use]
    pub fn default_for(&self, role: Role) -> Value {
        match self.fallback {
            Fallback::Text(text) => Value::Text(text.to_owned()),
            Fallback::PerRole { all, ingest, dispatcher, gateway } => {
                let text = match role {
                    Role::All | Role::Tool => all,
                    Role::Ingest => ingest,
                    Role::Dispatcher => dispatcher,
                    Role::Gateway => gateway,
                };
                Value::Text(text.to_owned())
            }
            Fallback::Integer(number) => Value::Integer(number),
            Fallback::List(items) => {
                Value::List(items.iter().map(|item| (*item).to_owned()).collect())
            }
            Fallback::Table(entries) => {
                let owned = entries.iter().map(|(name, number)| ((*name).to_owned(), *number));
                Value::Table(owned.collect::<BTreeMap<_, _>>())
            }
        }
    }

    /// The default as help shows it, naming roles where they differ.
    #[must_use]
    pub fn default_shown(&self) -> String {
        let Fallback::PerRole { all, ingest, dispatcher, gateway } = self.fallback else {
            return self.default_for(Role::All).to_string();
        };
        let others = [("ingest", ingest), ("dispatcher", dispatcher), ("gateway", gateway)]
            .map(|(role, text)| format!("{role} {}", if text.is_empty() { "none" } else { text }));
        format!("{all}; {}", others.join("; "))
    }
}
