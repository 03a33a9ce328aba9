//! What only the embedded store does: outlive kills, own its directory, notice damage.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{
    comment_store::{Claim, CommentStore, Page, StoreError, Stored},
    ids::{ActionId, CommentId},
    room_store::{Journal, Note, RoomStore, SlotName},
};
use store::embedded::{EmbeddedStore, OpenError};

use crate::{
    comment_store::{claim, comment, deletion, get, id_at, video},
    room_store::slot,
};

/// Where the child process of [`what_was_acknowledged_outlives_kill_nine`] keeps its store. Unset
/// in every other process.
const CHILD_STORE: &str = "CHORUS_TEST_CHILD_STORE";
const CHILD_VIDEO: &str = "killed";
/// What stands before an id whose comment the child says is stored.
const PUT: &str = "put ";
/// What stands before an id whose comment the child says is deleted.
const DELETED: &str = "deleted ";

#[tokio::test]
async fn what_was_acknowledged_outlives_kill_nine() {
    let home = tempfile::tempdir().unwrap();
    let (mut put, mut deleted) = (BTreeSet::new(), BTreeSet::new());
    for kill in 1..=3 {
        let mut child = start_child(home.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = 0;
        for line in lines.map_while(Result::ok) {
            let id = |id: &str| id.parse::<CommentId>().unwrap();
            put.extend(line.strip_prefix(PUT).map(id));
            deleted.extend(line.strip_prefix(DELETED).map(id));
            told += usize::from(line.starts_with(PUT));
            if told == 500 * kill {
                // Goes on reading: what it said before it died counts as well.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(told >= 500 * kill, "the child died by itself after {told}");
    }
    let store = EmbeddedStore::open(home.path()).unwrap();
    let video = CHILD_VIDEO.parse().unwrap();
    let listed = store.list(&video, Page::Newest, usize::MAX).await.unwrap();
    let listed: BTreeSet<_> = listed.into_iter().map(|comment| comment.id).collect();
    assert!(deleted.len() > 100 && listed.is_disjoint(&deleted));
    let mut lost = Vec::new();
    for id in put.union(&deleted) {
        // A deletion that was under way when the child died may hold or not.
        match store.get(&video, *id).await.unwrap() {
            Some(Stored::Deleted(_)) => {}
            Some(Stored::Comment(_)) if listed.contains(id) && !deleted.contains(id) => {}
            _ => lost.push(id),
        }
    }
    assert!(lost.is_empty(), "lost {} of {}: {lost:?}", lost.len(), put.len());
}

/// This test binary once more, running [`child_that_puts`] alone.
fn start_child(home: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded_store::child_that_puts", "--nocapture"])
        .env(CHILD_STORE, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does nothing as a test; as a child, puts comments until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_puts() {
    let Some(home) = std::env::var_os(CHILD_STORE) else { return };
    let store = Arc::new(EmbeddedStore::open(Path::new(&home)).unwrap());
    let writers = (0..16).map(|_| {
        let store = Arc::clone(&store);
        common::task::spawn("test.put", async move {
            loop {
                let there = comment(&CHILD_VIDEO.parse().unwrap(), CommentId::now(), "hi");
                store.put(&there).await.unwrap();
                tell(PUT, there.id);
                if there.id.as_bytes()[15].is_multiple_of(4) {
                    let deletion = deletion("mo", ActionId::now());
                    store.delete(&there.video, there.id, &deletion).await.unwrap();
                    tell(DELETED, there.id);
                }
            }
        })
    });
    futures_util::future::join_all(writers).await;
}

/// One write call: the parent never sees half a line of a dead child's.
fn tell(what: &str, id: CommentId) {
    let line = format!("\n{what}{id}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let home = tempfile::tempdir().unwrap();
    let there = comment(&video(), CommentId::now(), "hi");
    let (author, key) = ("uma".parse().unwrap(), "k".parse().unwrap());
    let mine = claim(1);
    let gone = comment(&there.video, CommentId::now(), "gone");
    let deletion = deletion("mo", ActionId::now());
    let pin = slot("pin", ActionId::now(), "{}");
    let note = Note { id: ActionId::now(), value: "{}".into() };
    for round in 0..3 {
        let store = EmbeddedStore::open(home.path()).unwrap();
        if round == 0 {
            store.put(&there).await.unwrap();
            store.claim(&author, &key, mine).await.unwrap();
            store.settle(&there.video, there.id).await.unwrap();
            store.put(&gone).await.unwrap();
            store.delete(&gone.video, gone.id, &deletion).await.unwrap();
            store.set(&there.video, &pin).await.unwrap();
            store.note(&there.video, Journal::Reports, &note).await.unwrap();
        }
        store.put(&gone).await.unwrap();
        let stored = store.get(&gone.video, gone.id).await.unwrap();
        assert_eq!(stored, Some(Stored::Deleted(deletion.clone())));
        let listed = store.list(&there.video, Page::Newest, 9).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&there));
        let slots = store.slots(&there.video, &[SlotName::Pin]).await.unwrap();
        assert_eq!(slots, std::slice::from_ref(&pin));
        let notes = store.notes(&there.video, Journal::Reports, None, 9).await.unwrap();
        assert_eq!(notes, std::slice::from_ref(&note));
        assert!(store.is_settled(&there.video, there.id).await.unwrap());
        assert_eq!(get(&store, &there.video, there.id).await.as_ref(), Some(&there));
        assert_eq!(store.claim(&author, &key, claim(2)).await.unwrap(), mine);
    }
}

/// Of the release before deletions and rooms.
#[tokio::test]
async fn a_store_of_an_earlier_version_opens_with_all_it_has() {
    let home = tempfile::tempdir().unwrap();
    let (there, gone) = (comment(&video(), CommentId::now(), "hi"), CommentId::now());
    let (author, key, mine) = ("uma".parse().unwrap(), "k".parse().unwrap(), claim(1));
    let store = EmbeddedStore::open(home.path()).unwrap();
    store.put(&there).await.unwrap();
    store.put(&comment(&there.video, gone, "gone")).await.unwrap();
    store.claim(&author, &key, mine).await.unwrap();
    drop(store);
    let db = fjall::Database::builder(home.path()).open().unwrap();
    for table in ["deleted", "slots", "notes", "totals"] {
        let table = db.keyspace(table, || panic!("the table is there")).unwrap();
        db.delete_keyspace(table).unwrap();
    }
    drop(db);
    assert!(!home.path().join("keyspaces/5").exists() && home.path().join("keyspaces/4").exists());
    let pin = slot("pin", ActionId::now(), "{}");
    for round in 0..3 {
        let store = EmbeddedStore::open(home.path()).unwrap();
        if round == 0 {
            let deletion = deletion("mo", ActionId::now());
            store.delete(&there.video, gone, &deletion).await.unwrap();
            store.set(&there.video, &pin).await.unwrap();
        }
        let listed = store.list(&there.video, Page::Newest, 9).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&there));
        assert_eq!(store.claimed(&author, &key).await.unwrap(), Some(mine));
        let slots = store.slots(&there.video, &[SlotName::Pin]).await.unwrap();
        assert_eq!(slots, std::slice::from_ref(&pin));
        drop(store);
        assert_eq!(store::embedded::check(home.path()).unwrap(), []);
    }
}

#[tokio::test]
async fn a_claim_holds_for_a_day() {
    let home = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(home.path()).unwrap();
    let (author, key) = ("uma".parse().unwrap(), "k".parse().unwrap());
    let hours_ago = |hours: u64| {
        let then = SystemTime::now() - Duration::from_secs(hours * 3600);
        let ms = then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        Claim { comment: id_at(ms.try_into().unwrap()), digest: [0; 32] }
    };
    let (expired, old) = (hours_ago(25), hours_ago(23));
    assert_eq!(store.claim(&author, &key, expired).await.unwrap(), expired);
    assert_eq!(store.claim(&author, &key, old).await.unwrap(), old, "as if there were none");
    assert_eq!(store.claim(&author, &key, claim(1)).await.unwrap(), old, "not a day old yet");
}

#[test]
fn a_directory_is_one_process_s() {
    let home = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(home.path()).unwrap();
    let told = EmbeddedStore::open(home.path()).err().unwrap().to_string();
    let line = "is in use by another chorus process; stop it or set store.path";
    assert_eq!(told, format!("{} {line}", home.path().display()));
    drop(store);
    EmbeddedStore::open(home.path()).unwrap();
}

#[test]
fn what_is_not_a_directory_is_told() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [file.clone(), file.join("below")] {
        let told = EmbeddedStore::open(&path).err().unwrap();
        assert!(matches!(told, OpenError::NotADirectory(_)), "{told}");
        assert!(told.to_string().ends_with("set store.path"), "{told}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn directories_on_the_way_are_made() {
    let home = tempfile::tempdir().unwrap();
    EmbeddedStore::open(&home.path().join("a/b")).unwrap();
    assert!(home.path().join("a/b").is_dir());
}

#[test]
fn a_directory_that_a_dying_process_left_half_made_is_made() {
    let home = tempfile::tempdir().unwrap();
    for file in ["lock", "0.jnl"] {
        fs::write(home.path().join(file), "").unwrap();
    }
    let maker = fs::File::open(home.path().join("lock")).unwrap();
    maker.lock().unwrap();
    assert!(matches!(EmbeddedStore::open(home.path()), Err(OpenError::InUse(_))));
    drop(maker);
    EmbeddedStore::open(home.path()).unwrap();
}

/// Changes one byte of what the engine holds, in a way that the engine can't notice.
fn flip(home: &Path, table: &str, change: impl Fn(&mut Vec<u8>)) {
    let db = fjall::Database::builder(home).open().unwrap();
    let table = db.keyspace(table, || panic!("the table is there")).unwrap();
    let (key, value) = table.first_key_value().unwrap().into_inner().unwrap();
    let mut value = value.to_vec();
    change(&mut value);
    table.insert(key, value).unwrap();
}

#[tokio::test]
async fn a_flipped_byte_of_a_comment_is_told_with_its_name() {
    let change = |value: &mut Vec<u8>, flip: usize| match flip {
        0 => *value.last_mut().unwrap() ^= 1,
        1 => value[2] ^= 0x80,
        2 => value[0] = 2,
        _ => value.truncate(3),
    };
    for (nth, reason) in ["checksum", "checksum", "newer chorus", "cut short"].iter().enumerate() {
        let home = tempfile::tempdir().unwrap();
        let there = comment(&video(), CommentId::now(), "hi");
        EmbeddedStore::open(home.path()).unwrap().put(&there).await.unwrap();
        flip(home.path(), "comments", |value| change(value, nth));
        let store = EmbeddedStore::open(home.path()).unwrap();
        let (get, list) = (
            store.get(&there.video, there.id).await,
            store.list(&there.video, Page::Newest, 9).await,
        );
        for told in [get.err(), list.err()] {
            let Some(StoreError::Damaged(told)) = told else { panic!("{told:?}") };
            let name = format!("{}/{}", there.video, there.id);
            assert!(told.contains(&name) && told.contains(reason), "{told}");
        }
    }
}

#[tokio::test]
async fn a_flipped_byte_of_a_claim_is_told_and_hurts_no_other() {
    let home = tempfile::tempdir().unwrap();
    let (author, key) = ("uma".parse().unwrap(), "k".parse().unwrap());
    let store = EmbeddedStore::open(home.path()).unwrap();
    store.claim(&author, &key, claim(1)).await.unwrap();
    drop(store);
    flip(home.path(), "claims", |value| value[9] ^= 1);
    let store = EmbeddedStore::open(home.path()).unwrap();
    let there = comment(&video(), CommentId::now(), "hi");
    let (told, put) = tokio::join!(store.claim(&author, &key, claim(2)), store.put(&there));
    assert!(matches!(told, Err(StoreError::Damaged(_))), "{told:?}");
    put.unwrap();
}

#[tokio::test]
async fn a_flipped_byte_of_the_journal_is_not_taken_for_a_comment() {
    let home = tempfile::tempdir().unwrap();
    let there = comment(&video(), CommentId::now(), "findmehere");
    EmbeddedStore::open(home.path()).unwrap().put(&there).await.unwrap();
    let journal = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
    let journal = journal.filter(|path| path.extension().is_some_and(|ext| ext == "jnl")).max();
    let mut bytes = fs::read(journal.as_ref().unwrap()).unwrap();
    let at = bytes.windows(10).position(|part| part == b"findmehere").unwrap();
    bytes[at] ^= 1;
    fs::write(journal.unwrap(), bytes).unwrap();
    match EmbeddedStore::open(home.path()) {
        Err(told) => assert!(told.to_string().contains("damaged"), "{told}"),
        Ok(store) => panic!("{:?}", store.get(&there.video, there.id).await),
    }
}
