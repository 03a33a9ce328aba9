//! The public keys of a document: JSON Web Key Set (RFC 7517).

use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, Key, jwk::Jwk, object};

/// Keys that a token is tried with at most: each costs up to 70 µs, also for a token of nonsense.
const TRIED_MAX: usize = 8;

/// Public keys, some of them with names.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<(Option<String>, Key)>,
    /// How many others the document has, which tokens can't be checked with.
    pub(super) ignored: usize,
}

/// The document is no set of keys. Nothing of it stands here: it may be the wrong file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("see line {line}, column {column}")]
pub struct NoKeySet {
    line: usize,
    column: usize,
}

#[derive(Deserialize)]
struct Document {
    /// One that can't be read is ignored, like one that can't be used.
    keys: Vec<Value>,
}

impl KeySet {
    pub(super) fn parse(document: &[u8]) -> Result<Self, NoKeySet> {
        let document: Document = object::read(document)
            .map_err(|error| NoKeySet { line: error.line(), column: error.column() })?;
        let found = document.keys.len();
        let usable = document.keys.into_iter().filter(Value::is_object).filter_map(|key| {
            let jwk: Jwk = serde_json::from_value(key).ok()?;
            Some((jwk.key()?, jwk.kid))
        });
        let keys: Vec<_> = usable.map(|(key, kid)| (kid, key)).collect();
        let ignored = found - keys.len();
        Ok(Self { keys, ignored })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key has this name, for whatever algorithm.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|(name, _)| name.as_deref() == Some(kid))
    }

    /// The keys that may have signed a token of that algorithm: those of that name when it names
    /// one, otherwise any; the first few of them.
    pub(super) fn of(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        let named = move |name: &Option<String>| kid.is_none_or(|kid| name.as_deref() == Some(kid));
        let fitting = self
            .keys
            .iter()
            .filter(move |(name, key)| key.algorithm() == algorithm && named(name))
            .map(|(_, key)| key);
        fitting.take(TRIED_MAX)
    }
}
