//! Bytes that are not what they were: found when the store is opened, told by name, and repaired
//! without losing anything that is whole.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use common::ids::CommentId;
use proptest::prelude::*;
use store::embedded::{self, EmbeddedStore, OpenError};
use used::{USED, files, journal};
use verdict::judge;

mod used;
mod verdict;

fn flip(file: &Path, at: usize, change: u8) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= change;
    fs::write(file, bytes).unwrap();
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// Opening refuses and names the file, or reads tell; nothing is missing without a word. After a
/// repair all is there that isn't told as lost.
fn expect_told_and_repaired(home: &Path, file: &Path, what: &str) {
    let known = &USED.known;
    match EmbeddedStore::open(home) {
        Ok(store) => {
            let verdict = block_on(judge(&store, known));
            assert_eq!(verdict.silent(), 0, "{what}: {verdict:?}");
        }
        Err(why) => {
            let folder = file.parent().unwrap().to_str().unwrap();
            let named = match file.file_name().unwrap().to_str().unwrap() {
                // It names a manifest and its checksum: which of the two is wrong can't be told.
                "current" => folder,
                _ => file.to_str().unwrap(),
            };
            let said = why.to_string();
            assert!(said.contains(named) && said.contains("`chorus repair`"), "{what}: {said}");
        }
    }
    let report = embedded::repair(home).unwrap();
    let store = EmbeddedStore::open(home).unwrap();
    let verdict = block_on(judge(&store, known));
    drop(store);
    assert_eq!(verdict.told, 0, "{what}: {verdict:?} {report:?}");
    let lost = report.lost.iter().map(|lost| lost.records.unwrap_or(u64::MAX));
    let lost = lost.fold(0, u64::saturating_add);
    assert!(verdict.silent() as u64 <= lost, "{what}: {verdict:?} {report:?}");
    assert_eq!(report.aside.is_some(), !report.damages.is_empty(), "{what}: {report:?}");
    let again = embedded::repair(home).unwrap();
    assert!(again.damages.is_empty() && again.aside.is_none(), "{what}: {again:?}");
}

#[test]
fn a_whole_store_is_left_as_it_is() {
    let home = USED.copy();
    let before: Vec<_> = contents(home.path());
    assert_eq!(embedded::check(home.path()).unwrap(), []);
    let report = embedded::repair(home.path()).unwrap();
    assert!(report.damages.is_empty() && report.lost.is_empty() && report.aside.is_none());
    assert_eq!(contents(home.path()), before);
    let store = EmbeddedStore::open(home.path()).unwrap();
    let verdict = block_on(judge(&store, &USED.known));
    assert!(verdict.is_clean(), "{verdict:?}");
}

fn contents(home: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(home).into_iter().map(|file| (file.clone(), fs::read(home.join(file)).unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a kill or a power cut leaves.
    #[test]
    fn a_journal_cut_anywhere_opens_with_all_that_was_acknowledged_before(
        at in any::<prop::sample::Index>(), zeros in prop_oneof![Just(0), 1u64..10_000],
    ) {
        let home = USED.copy();
        let journal = fs::File::options().write(true).open(journal(home.path())).unwrap();
        let len = at.index(usize::try_from(journal.metadata().unwrap().len()).unwrap()) as u64;
        journal.set_len(len).unwrap();
        journal.set_len(len + zeros).unwrap();
        let store = EmbeddedStore::open(home.path()).unwrap();
        let verdict = block_on(judge(&store, &USED.known));
        let cut = |all: &[(CommentId, u64)]| -> BTreeSet<CommentId> {
            all.iter().filter(|(_, end)| *end > len).map(|(id, _)| *id).collect()
        };
        let (puts, deletions) = (cut(&USED.acknowledged), cut(&USED.deleted));
        prop_assert!(verdict.silently_missing.is_subset(&puts), "cut at {}: {:?}", len, verdict);
        prop_assert!(verdict.not_deleted.is_subset(&deletions), "cut at {}: {:?}", len, verdict);
        prop_assert_eq!(verdict.told, 0);
    }

    #[test]
    fn a_flipped_byte_is_told_and_repaired(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), change in 1u8..,
    ) {
        let home = USED.copy();
        let files = files(home.path());
        let file = file.get(&files);
        let path = home.path().join(file);
        let at = at.index(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
        flip(&path, at, change);
        expect_told_and_repaired(home.path(), file, &format!("{} ^{change} at {at}", file.display()));
    }

    #[test]
    fn a_flipped_byte_of_the_journal_is_told_and_repaired(
        at in any::<prop::sample::Index>(), change in 1u8..,
    ) {
        let home = USED.copy();
        let path = journal(home.path());
        let at = at.index(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
        flip(&path, at, change);
        let what = format!("{} ^{change} at {at}", path.display());
        expect_told_and_repaired(home.path(), Path::new("0.jnl"), &what);
    }
}

/// The damage that a full look finds, of one file.
fn the_damage(home: &Path) -> embedded::Damage {
    let damages = embedded::check(home).unwrap();
    assert_eq!(damages.len(), 1, "{damages:?}");
    damages.into_iter().next().unwrap()
}

fn refusal(home: &Path) -> String {
    EmbeddedStore::open(home).err().expect("it opens").to_string()
}

/// Where the middle one of the journal's comments stands.
fn middle_of_journal(home: &Path) -> (CommentId, usize) {
    let (id, _) = USED.acknowledged[USED.acknowledged.len() / 2];
    let there = USED.known.comments.iter().find(|there| there.id == id).unwrap();
    let bytes = fs::read(journal(home)).unwrap();
    let text = there.text.as_str().as_bytes();
    (id, bytes.windows(text.len()).position(|part| part == text).unwrap())
}

#[test]
fn damage_in_the_middle_of_the_journal_is_told_and_takes_one_record_with_it() {
    let home = USED.copy();
    let (id, at) = middle_of_journal(home.path());
    flip(&journal(home.path()), at, 1);
    let damage = the_damage(home.path());
    let from = usize::try_from(damage.at.unwrap()).unwrap();
    assert!((at - 250..at).contains(&from), "{from} {at}");
    let said = refusal(home.path());
    assert!(said.contains(&format!("0.jnl at byte {from}: ")), "{said}");
    assert!(
        said.ends_with("run `chorus repair`, which keeps all that is whole, or restore a backup")
    );
    let report = embedded::repair(home.path()).unwrap();
    let [lost] = report.lost.as_slice() else { panic!("{report:?}") };
    assert_eq!((lost.records, lost.names.as_slice()), (Some(1), &[format!("used/{id}")][..]));
    let store = EmbeddedStore::open(home.path()).unwrap();
    let verdict = block_on(judge(&store, &USED.known));
    assert_eq!(verdict.silently_missing, BTreeSet::from([id]));
    let aside = report.aside.unwrap().join("0.jnl");
    assert_eq!(fs::read(aside).unwrap().len(), fs::read(journal(USED.home.path())).unwrap().len());
}

/// The check switched off: the engine alone cuts the journal off, and the judge sees what that costs.
#[test]
fn without_the_check_comments_would_be_gone_without_a_word() {
    let home = USED.copy();
    let (id, at) = middle_of_journal(home.path());
    let bytes = fs::read(journal(home.path())).unwrap();
    // The kind of the record that the comment is in.
    let item = bytes[..at].windows(3).rposition(|part| part == [2, 0, 0]).unwrap();
    flip(&journal(home.path()), item, 0x40);
    drop(fjall::Database::builder(home.path()).open().unwrap());
    let store = EmbeddedStore::open(home.path()).unwrap();
    let verdict = block_on(judge(&store, &USED.known));
    let after = USED.acknowledged.iter().map(|(id, _)| *id).skip_while(|other| *other != id);
    assert_eq!(verdict.silently_missing, after.collect());
    assert_eq!(verdict.told, 0);
}

/// The engine passes over what it thinks it has written out.
#[test]
fn a_sequence_number_that_went_back_is_told() {
    let bytes = fs::read(journal(USED.home.path())).unwrap();
    let second = 4 + bytes.windows(4).position(|part| part == b"FJL\x03").unwrap();
    for start in [0, second] {
        let home = USED.copy();
        let mut bytes = bytes.clone();
        bytes[start + 5..start + 13].copy_from_slice(&1u64.to_le_bytes());
        fs::write(journal(home.path()), bytes).unwrap();
        let said = refusal(home.path());
        assert!(said.contains("0.jnl at byte") && said.contains("sequence number"), "{said}");
        expect_told_and_repaired(home.path(), Path::new("0.jnl"), "sequence number");
        let store = EmbeddedStore::open(home.path()).unwrap();
        assert!(block_on(judge(&store, &USED.known)).is_clean());
    }
}

#[test]
fn a_damaged_block_of_a_table_is_told_when_read_and_by_a_full_look() {
    let home = USED.copy();
    let file = Path::new("keyspaces/1/tables/1");
    flip(&home.path().join(file), 300, 4);
    let damage = the_damage(home.path());
    assert_eq!((damage.file, damage.at), (home.path().join(file), Some(0)));
    let store = EmbeddedStore::open(home.path()).unwrap();
    let verdict = block_on(judge(&store, &USED.known));
    assert!(verdict.silently_missing.is_empty() && verdict.told > 1, "{verdict:?}");
    drop(store);
    expect_told_and_repaired(home.path(), file, "block");
}

/// The engine would begin such a table anew, or remove it.
#[test]
fn files_that_are_gone_are_told() {
    for gone in ["version", "0.jnl", "keyspaces/0/current", "keyspaces/1/current", "keyspaces/1/v4"]
    {
        let home = USED.copy();
        fs::remove_file(home.path().join(gone)).unwrap();
        let before = contents(home.path());
        let said = refusal(home.path());
        assert!(said.contains("`chorus repair`"), "{gone}: {said}");
        assert_eq!(contents(home.path()), before, "{gone}");
        let report = embedded::repair(home.path()).unwrap();
        assert!(!report.damages.is_empty() && report.aside.is_some(), "{report:?}");
        let store = EmbeddedStore::open(home.path()).unwrap();
        let missing = block_on(judge(&store, &USED.known)).silently_missing.len();
        assert_eq!(missing, if gone == "0.jnl" { USED.acknowledged.len() } else { 0 }, "{gone}");
    }
}

/// After each step that moves something, the process dies; another goes on.
#[test]
fn a_repair_that_was_interrupted_is_gone_on_with() {
    for moved in 0..6 {
        let home = USED.copy();
        let at = middle_of_journal(home.path()).1;
        flip(&journal(home.path()), at, 1);
        fs::create_dir(home.path().join("repair")).unwrap();
        fs::write(home.path().join("repair/0.jnl"), "half").unwrap();
        let aside = embedded::repair(home.path()).unwrap().aside.unwrap();
        undo(home.path(), &aside, moved);
        assert!(refusal(home.path()).contains("was interrupted; run `chorus repair` again"));
        assert!(matches!(embedded::check(home.path()), Err(OpenError::HalfRepaired(_))));
        let report = embedded::repair(home.path()).unwrap();
        assert_eq!(report.aside, Some(aside), "{moved}");
        let store = EmbeddedStore::open(home.path()).unwrap();
        assert_eq!(block_on(judge(&store, &USED.known)).silently_missing.len(), 1, "{moved}");
    }
}

/// Takes back what a repair did after its first `moved` moves, of three out and three in.
fn undo(home: &Path, aside: &Path, moved: usize) {
    let parts = ["0.jnl", "keyspaces", "version"];
    let new = home.join(if moved < 3 { "repair-ready" } else { "repair-moving-in" });
    fs::create_dir(&new).unwrap();
    for part in parts.iter().skip(moved.saturating_sub(3)) {
        fs::rename(home.join(part), new.join(part)).unwrap();
    }
    for part in parts.iter().skip(moved) {
        fs::rename(aside.join(part), home.join(part)).unwrap();
    }
}

#[test]
fn a_store_in_use_or_none_is_not_touched() {
    let home = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(home.path()).unwrap();
    for told in [embedded::check(home.path()).err(), embedded::repair(home.path()).err()] {
        assert!(matches!(told, Some(OpenError::InUse(_))), "{told:?}");
    }
    drop(store);
    let nowhere = home.path().join("nowhere");
    assert!(matches!(embedded::repair(&nowhere), Err(OpenError::Missing(_))));
    assert!(!nowhere.exists());
}
