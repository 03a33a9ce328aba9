//! Suggestions for names that don't exist.

use super::keys::KEYS;

/// Distances above this share of a name's length (in thirds) suggest nothing.
const DISTANCE_MIN: usize = 2;

/// What to do about the unknown key `path`.
pub(super) fn for_path(path: &str) -> String {
    let same_name = path.rsplit('.').next().and_then(|name| {
        let mut named = KEYS.iter().filter(|key| key.name() == name);
        // A name that stands in several sections points nowhere.
        named.next().filter(|_| named.next().is_none())
    });
    let close = || closest(path, KEYS.iter().map(|key| key.path.to_owned()));
    did_you_mean(same_name.map(|key| key.path.to_owned()).or_else(close))
}

/// What to do about the unknown section `name`.
pub(super) fn for_section(name: &str) -> String {
    did_you_mean(closest(name, KEYS.iter().map(|key| key.section().to_owned())))
}

/// What to do about the unknown environment variable `name`.
pub(super) fn for_env(name: &str) -> String {
    did_you_mean(closest(name, KEYS.iter().map(super::key::Key::env_name)))
}

fn did_you_mean(name: Option<String>) -> String {
    match name {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`chorus config print` lists every key".to_owned(),
    }
}

fn closest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let limit = DISTANCE_MIN.max(name.len() / 3);
    // A huge unknown name is near to nothing, and measuring it would take long.
    let candidates = known.filter(|known| {
        !known.is_empty() && known.len().abs_diff(name.len()) <= limit && name.len() < 100
    });
    candidates
        .map(|known| (strsim::osa_distance(&known, name), known))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_and_wrong_sections_are_recognised() {
        for (path, meant) in [
            ("store.pth", "did you mean `store.path`?"),
            ("lisen", "did you mean `listen`?"),
            ("store.replay_max", "did you mean `live.replay_max`?"),
            ("hs256_secret", "did you mean `auth.hs256_secret`?"),
            ("auth.hs256_secrets", "did you mean `auth.hs256_secret`?"),
            ("zebra.crossing", "`chorus config print` lists every key"),
        ] {
            assert_eq!(for_path(path), meant, "{path}");
        }
        assert_eq!(for_section("stores"), "did you mean `store`?");
        assert_eq!(for_env("CHORUS_STORE_PATH"), "did you mean `CHORUS_STORE__PATH`?");
        assert_eq!(for_env("CHORUS_CONFIG"), "`chorus config print` lists every key");
    }
}
