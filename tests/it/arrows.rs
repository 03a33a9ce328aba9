//! Who may depend on whom among our crates.

use std::{collections::BTreeSet, fs, path::Path};

/// Crate folder, and the crates of ours that it may name.
const ARROWS: [(&str, &[&str]); 7] = [
    ("common", &[]),
    ("store", &["common"]),
    ("ingest", &["common"]),
    ("dispatcher", &["common"]),
    ("gateway", &["common"]),
    ("bench", &["common"]),
    (".", &["common", "dispatcher", "gateway", "ingest", "store"]),
];

/// Every crate of ours that a manifest names, in whatever kind of dependency.
fn named(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds.iter().filter_map(|kind| manifest.get(*kind)?.as_table());
    let names = tables.flat_map(|table| table.keys().cloned());
    names.filter(|name| ours().contains(name.trim_start_matches("chorus-"))).collect()
}

fn ours() -> BTreeSet<&'static str> {
    ARROWS.iter().map(|(name, _)| *name).collect()
}

#[test]
fn crates_name_only_what_is_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, allowed) in ARROWS {
        let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        let allowed = allowed.iter().map(ToString::to_string).collect();
        assert_eq!(named(&manifest), allowed, "{folder}");
    }
}

#[test]
fn the_table_has_every_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let members: BTreeSet<_> = members.iter().map(|member| member.as_str().unwrap()).collect();
    let mut table = ours();
    table.remove(".");
    assert_eq!(members, table);
}

#[test]
fn a_forbidden_arrow_is_seen() {
    let manifest =
        "[dependencies]\ncommon.workspace = true\n[dev-dependencies]\nchorus-store = \"1\"\n";
    assert_eq!(named(manifest), BTreeSet::from(["chorus-store".into(), "common".into()]));
}
