//! A comment's id out of its JSON, without parsing the JSON.

use memchr::memmem;

const KEY: &[u8] = b"\"id\":\"";
const UUID_LEN: usize = 36;

/// The first `"id"` whose value is a UUID. Inside a JSON string the key's quotes would be escaped,
/// so no text can pretend to be one; an author's id is skipped because it is no UUID.
pub(crate) fn find(json: &[u8]) -> Option<u128> {
    if json.get(1..=KEY.len()) == Some(KEY) {
        // Where it always is in practice: first.
        if let Some(id) = parse(&json[1 + KEY.len()..]) {
            return Some(id);
        }
    }
    memmem::find_iter(json, KEY).find_map(|at| parse(&json[at + KEY.len()..]))
}

/// A UUID at the start of `bytes` that a quote ends.
fn parse(bytes: &[u8]) -> Option<u128> {
    let (uuid, rest) = bytes.split_at_checked(UUID_LEN)?;
    if rest.first() != Some(&b'"') {
        return None;
    }
    let mut id = 0u128;
    for (at, &byte) in uuid.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        id = id << 4 | u128::from(char::from(byte).to_digit(16)?);
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u128 = 0x0193_8f2a_7c1e_7a00_8000_0000_0000_000a;

    #[test]
    fn finds_the_id_wherever_it_stands() {
        for json in [
            r#"{"id":"01938f2a-7c1e-7a00-8000-00000000000a","text":"x"}"#,
            r#"{"author":{"id":"u7"},"id":"01938f2a-7c1e-7a00-8000-00000000000a"}"#,
            r#"{"text":"\"id\":\"11111111-1111-1111-1111-111111111111\"","id":"01938F2A-7C1E-7A00-8000-00000000000A"}"#,
        ] {
            assert_eq!(find(json.as_bytes()), Some(ID), "{json}");
        }
    }

    #[test]
    fn takes_nothing_else() {
        for json in [
            "",
            "{}",
            r#"{"id":"01938f2a-7c1e-7a00-8000-00000000000"}"#,
            r#"{"id":"01938f2a-7c1e-7a00-8000-00000000000a"#,
            r#"{"id":"01938f2a-7c1e-7a00-8000-00000000000ab"}"#,
            r#"{"id":"01938f2a07c1e-7a00-8000-00000000000a"}"#,
            r#"{"id":"g1938f2a-7c1e-7a00-8000-00000000000a"}"#,
        ] {
            assert_eq!(find(json.as_bytes()), None, "{json}");
        }
    }
}
