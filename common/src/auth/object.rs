//! A JSON object and nothing else. Of a list serde would take one value after the other for a
//! struct's fields, and we would believe what nobody else reads there.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};

/// Reads one object.
pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    if !json.trim_ascii_start().starts_with(b"{") {
        // Whatever it is, it is no map, and the error says where.
        serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(json)?;
    }
    serde_json::from_slice(json)
}
