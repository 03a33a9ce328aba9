//! The behaviour of a room store, run on the embedded one and on a CQL cluster.
//!
//! A case gets a store that others may have used: it names its videos at random.

use std::sync::Arc;

use common::{
    ids::{ActionId, VideoId},
    room_store::{Journal, Note, RoomStore, Slot, SlotKind, SlotName, VALUE_LEN_MAX},
};
use futures_util::future::join_all;
use uuid::Builder;

use crate::{comment_store::video, kept::kept_suite};

type Store = Arc<dyn RoomStore>;

kept_suite! {
    what_was_set_comes_back
    only_slots_that_were_set_come
    the_latest_version_stays_whatever_the_order
    of_versions_set_at_once_the_latest_stays
    a_slot_that_ends_gives_way_to_none_earlier
    slots_are_listed_in_the_order_of_names
    rooms_do_not_mix
    notes_page_newest_first
    journals_stay_apart
    a_note_is_noted_once
}

/// An action of that millisecond; `nth` orders those of one.
fn action(unix_ms: u64, nth: u16) -> ActionId {
    let [high, low] = nth.to_be_bytes();
    let random = [high, low, 7, 7, 7, 7, 7, 7, 7, 7];
    let uuid = Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid();
    ActionId::try_from(uuid).unwrap()
}

pub(crate) fn slot(name: &str, version: ActionId, value: &str) -> Slot {
    Slot { name: name.parse().unwrap(), version, value: value.into(), until_ms: None }
}

/// What stands in one slot.
async fn get(store: &Store, video: &VideoId, name: &SlotName) -> Option<Slot> {
    store.slots(video, std::slice::from_ref(name)).await.unwrap().pop()
}

async fn what_was_set_comes_back(store: Store) {
    let (video, soon) = (video(), Some(ActionId::now().unix_ms() + 60_000));
    let long = format!("\"{}\"", "ü".repeat((VALUE_LEN_MAX - 2) / 2));
    let user = "x".repeat(128);
    for (name, value, until_ms) in [
        ("video", "{\"state\":\"live\"}", None),
        ("settings", long.as_str(), None),
        ("pin", "null", soon),
        ("ban/ü \u{200d}/'\"\\;--", "{}", soon),
        (&format!("hide/{user}"), "", None),
    ] {
        let slot = Slot { until_ms, ..slot(name, ActionId::now(), value) };
        for _ in 0..2 {
            store.set(&video, &slot).await.unwrap();
            assert_eq!(get(&store, &video, &slot.name).await.as_ref(), Some(&slot));
        }
    }
}

async fn only_slots_that_were_set_come(store: Store) {
    let video = video();
    let names = ["video", "settings", "pin", "hide/uma", "ban/uma"];
    let names = names.map(|name| name.parse::<SlotName>().unwrap());
    assert_eq!(store.slots(&video, &names).await.unwrap(), []);
    assert_eq!(store.slots(&video, &[]).await.unwrap(), []);
    for name in ["settings", "ban/uma", "ban/umar"] {
        store.set(&video, &slot(name, ActionId::now(), name)).await.unwrap();
    }
    let twice = [&names[..], &names[..]].concat();
    for asked in [&names[..], &twice] {
        let found = store.slots(&video, asked).await.unwrap();
        let found: Vec<_> = found.iter().map(|slot| slot.value.as_str()).collect();
        assert_eq!(found, ["ban/uma", "settings"]);
    }
}

/// Also of one millisecond, and of a clock that is behind or ahead.
async fn the_latest_version_stays_whatever_the_order(store: Store) {
    let now = ActionId::now().unix_ms();
    let versions = [
        action(now - 3_600_000, 0),
        action(now - 1, 4_095),
        action(now, 0),
        action(now, 1),
        action(now, 4_000),
        action(now + 5_000, 0),
    ];
    for first in 0..versions.len() {
        for step in [1, 5] {
            let (video, mut latest) = (video(), 0);
            for nth in (0..versions.len()).map(|n| (first + n * step) % versions.len()) {
                let set = slot("pin", versions[nth], &nth.to_string());
                store.set(&video, &set).await.unwrap();
                latest = latest.max(nth);
                let stands = get(&store, &video, &set.name).await.unwrap();
                assert_eq!((stands.version, stands.value), (versions[latest], latest.to_string()));
            }
        }
    }
}

async fn of_versions_set_at_once_the_latest_stays(store: Store) {
    let video = video();
    let all: Vec<_> = (0..64).map(|n| slot("pin", ActionId::now(), &n.to_string())).collect();
    let mixed = (0..64).map(|n| store.set(&video, &all[n * 37 % 64]));
    join_all(mixed).await.into_iter().for_each(Result::unwrap);
    assert_eq!(get(&store, &video, &all[0].name).await.as_ref(), all.last());
}

/// A ban that was lifted, and may be forgotten, is not in force again by a write that comes late.
async fn a_slot_that_ends_gives_way_to_none_earlier(store: Store) {
    let (video, now) = (video(), ActionId::now().unix_ms());
    let (earlier, later) = (action(now - 20, 0), action(now - 10, 0));
    // The second one's time is over already.
    for (user, until_ms) in [("ban/uma", now + 60_000), ("ban/mo", now - 5)] {
        let lifted = Slot { until_ms: Some(until_ms), ..slot(user, later, "null") };
        store.set(&video, &lifted).await.unwrap();
        store.set(&video, &slot(user, earlier, "{}")).await.unwrap();
        assert_eq!(get(&store, &video, &lifted.name).await.unwrap(), lifted);
        let banned = slot(user, ActionId::now(), "{}");
        store.set(&video, &banned).await.unwrap();
        store.set(&video, &lifted).await.unwrap();
        assert_eq!(get(&store, &video, &lifted.name).await.unwrap(), banned);
    }
}

async fn slots_are_listed_in_the_order_of_names(store: Store) {
    let video = video();
    let users = ["\u{1f3f3}", "a", "a/b", "aa", "b c", "é", "\u{10ffff}x", "zoë", "日本"];
    let users = users.map(str::to_owned).into_iter();
    let users: Vec<_> = users.chain((0..40).map(|n| format!("user {n}"))).collect();
    let of = |kind: &'static str| users.iter().map(move |user| format!("{kind}/{user}"));
    let all = of("ban").chain(of("hide")).chain(["pin", "settings", "video"].map(Into::into));
    let mut all: Vec<String> = all.collect();
    for name in all.iter().rev() {
        store.set(&video, &slot(name, ActionId::now(), "{}")).await.unwrap();
    }
    all.sort_unstable();
    for (kind, prefix) in [(SlotKind::Any, ""), (SlotKind::Ban, "ban/"), (SlotKind::Hide, "hide/")]
    {
        let expected: Vec<_> = all.iter().filter(|name| name.starts_with(prefix)).collect();
        for limit in [1, 7, 1_000] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.all(&video, kind, after.as_ref(), limit).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                found.extend(page.into_iter().map(|slot| slot.name.to_string()));
            }
            assert!(found.iter().eq(expected.iter().copied()), "{kind:?} {limit}: {found:?}");
        }
    }
    // A bound need not be set, nor of the kind.
    let after = async |kind, name: &str| {
        let after = name.parse().unwrap();
        let page = store.all(&video, kind, Some(&after), 1).await.unwrap();
        page.first().map(|slot| slot.name.to_string())
    };
    assert_eq!(after(SlotKind::Any, "hide/zo").await.as_deref(), Some("hide/zoë"));
    assert_eq!(after(SlotKind::Hide, "ban/zz").await.as_deref(), Some("hide/a"));
    assert_eq!(after(SlotKind::Ban, "hide/a").await, None);
    assert_eq!(after(SlotKind::Any, "video").await, None);
    assert_eq!(store.all(&video, SlotKind::Any, None, 0).await.unwrap(), []);
}

async fn rooms_do_not_mix(store: Store) {
    let (long, version) = (video(), ActionId::now());
    let short: VideoId = long.as_str()[..long.as_str().len() - 1].parse().unwrap();
    store.set(&long, &slot("ban/uma", version, "long")).await.unwrap();
    assert_eq!(store.all(&short, SlotKind::Any, None, 9).await.unwrap(), []);
    store.set(&short, &slot("ban/uma", version, "short")).await.unwrap();
    let values = async |video| {
        let slots = store.all(video, SlotKind::Any, None, 9).await.unwrap();
        slots.into_iter().map(|slot| slot.value).collect::<Vec<_>>()
    };
    assert_eq!(
        (values(&long).await, values(&short).await),
        (vec!["long".into()], vec!["short".into()])
    );
    let note = Note { id: version, value: "{}".into() };
    store.note(&long, Journal::Reports, &note).await.unwrap();
    assert_eq!(store.notes(&short, Journal::Reports, None, 9).await.unwrap(), []);
    assert_eq!(store.note_of(&short, Journal::Reports, version).await.unwrap(), None);
}

async fn notes_page_newest_first(store: Store) {
    let (video, now) = (video(), ActionId::now().unix_ms());
    let ages = (0..120).map(|n| action(now - n * n * 7_919, u16::try_from(n).unwrap()));
    let mut ids: Vec<_> = ages.chain([action(0, 0), action(now + 3_600_000, 0)]).collect();
    ids.rotate_left(40);
    for id in &ids {
        let note = Note { id: *id, value: format!("{{\"of\":\"{id} ü\"}}") };
        store.note(&video, Journal::Moderation, &note).await.unwrap();
        let found = store.note_of(&video, Journal::Moderation, *id).await.unwrap();
        assert_eq!(found, Some(note));
    }
    ids.sort_unstable_by(|one, other| other.cmp(one));
    for limit in [1, 50, 1_000] {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = store.notes(&video, Journal::Moderation, before, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            found.extend(page.into_iter().map(|note| note.id));
        }
        assert_eq!(found, ids, "limit {limit}");
    }
    // A bound need not be noted.
    let page = store.notes(&video, Journal::Moderation, Some(action(1, 0)), 9).await.unwrap();
    assert_eq!(page.len(), 1);
}

async fn journals_stay_apart(store: Store) {
    let (video, id) = (video(), ActionId::now());
    let note = |value: &str| Note { id, value: value.into() };
    store.note(&video, Journal::Moderation, &note("moderation")).await.unwrap();
    assert_eq!(store.note_of(&video, Journal::Reports, id).await.unwrap(), None);
    assert_eq!(store.notes(&video, Journal::Reports, None, 9).await.unwrap(), []);
    store.note(&video, Journal::Reports, &note("reports")).await.unwrap();
    assert_eq!(store.note_of(&video, Journal::Events, id).await.unwrap(), None);
    store.note(&video, Journal::Events, &note("events")).await.unwrap();
    for journal in [Journal::Moderation, Journal::Reports, Journal::Events] {
        let noted = note(journal.as_str());
        assert_eq!(
            store.notes(&video, journal, None, 9).await.unwrap(),
            std::slice::from_ref(&noted)
        );
        assert_eq!(store.note_of(&video, journal, id).await.unwrap(), Some(noted));
    }
    // Neither is a slot.
    assert_eq!(store.all(&video, SlotKind::Any, None, 9).await.unwrap(), []);
}

async fn a_note_is_noted_once(store: Store) {
    let (video, note) = (video(), Note { id: ActionId::now(), value: "{\"a\":1}".into() });
    let again = (0..5).map(|_| store.note(&video, Journal::Reports, &note));
    join_all(again).await.into_iter().for_each(Result::unwrap);
    assert_eq!(store.notes(&video, Journal::Reports, None, 9).await.unwrap(), [note]);
}
