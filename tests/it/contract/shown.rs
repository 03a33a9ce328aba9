//! What a stream shows, as it should be.

use serde_json::{Value, json};

/// The viewers that every table has at each gateway, unless it says otherwise. Nobody knows who they
/// are.
pub(crate) const AUDIENCE: &str = "the audience";

/// An event as it should be.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) data: Value,
    /// Whether it has an `id:`.
    pub(crate) is_ordered: bool,
}

/// An event of the video's order.
pub(crate) fn event(name: &'static str, data: Value) -> Shown {
    Shown { name, data, is_ordered: true }
}

/// What has no place in the order.
pub(crate) fn snapshot(name: &'static str, data: Value) -> Shown {
    Shown { name, data, is_ordered: false }
}

/// A stream's first block.
pub(crate) fn resume(status: &str) -> Shown {
    let cursor = "{_#cursor}";
    let data = json!({"status": status, "from": cursor, "to": cursor, "replayed": "{_#int}"});
    event("resume", data)
}

/// What ends a stream for good.
pub(crate) fn end(reason: &str) -> Shown {
    snapshot("end", json!({ "reason": reason }))
}
