//! Whatever is given: mistakes are told, nothing panics.

use std::ffi::OsString;

use proptest::prelude::*;

use super::{file, *};

/// Pieces of TOML, so that chance gets past the first character.
fn toml_like() -> impl Strategy<Value = String> {
    let words = [
        "[store]",
        "[[",
        "]",
        "store",
        "listen",
        "live.url",
        ".",
        " = ",
        "\n",
        "'",
        "\"",
        "{",
        "}",
        ",",
        "5",
        "-1",
        "0x",
        "1e9",
        "[\"a\"]",
        "dc1",
        "kind",
        "replication",
        "#",
        "\\u0000",
        "ä",
        "2026-11-22",
        "true",
        "'redis://a:b@c'",
    ];
    let word = prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

fn role() -> impl Strategy<Value = Role> {
    proptest::sample::select(Role::ALL.to_vec())
}

proptest! {
    #[test]
    fn no_file_panics(text in prop_oneof![any::<String>(), toml_like()], role in role()) {
        let loaded = file(&text).load(role);
        if let Err(mistakes) = &loaded.config {
            prop_assert!(!mistakes.0.is_empty());
        }
        // What is shown is a file again, whatever was given.
        prop_assert!(loaded.effective.to_string().parse::<toml::Table>().is_ok());
    }

    #[test]
    fn no_text_panics_under_any_key(
        index in 0..KEYS.len(),
        text in prop_oneof![any::<String>(), toml_like(), "[a-z0-9:/=@, -]{0,20}"],
        role in role(),
    ) {
        let Some(key) = KEYS.get(index) else { return Ok(()) };
        let env = [(OsString::from(key.env_name()), OsString::from(&text))];
        let by_env = load(role, Sources::default().with_env(env));
        let by_flag = load(role, Sources::default().with_flags([(key, text.as_str())]));
        prop_assert_eq!(by_env.config.is_ok(), by_flag.config.is_ok());
        if let Ok(config) = by_flag.config {
            prop_assert_eq!(config.role, role);
        }
        // A typed configuration failed on a value that the table let through.
        if let Err(mistakes) = by_env.config {
            prop_assert!(!mistakes.to_string().contains("bug"), "{}", mistakes);
        }
    }

    #[test]
    fn no_variable_panics(name in "CHORUS_[A-Z_0-9]{0,60}", text in any::<String>()) {
        let env = [(OsString::from(name), OsString::from(text))];
        let _ = load(Role::All, Sources::default().with_env(env));
    }

    #[test]
    fn deep_nesting_is_a_mistake_not_a_crash(depth in 0_usize..3_000) {
        let text = format!("listen = {}", "[".repeat(depth));
        prop_assert!(file(&text).load(Role::All).config.is_err());
    }
}
