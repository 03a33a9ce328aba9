//! What deleting does, on every comment store.

use std::sync::Arc;

use common::{
    comment_store::{Deletion, Page, Stored},
    ids::{ActionId, CommentId, VideoId},
};
use futures_util::future::{join, join_all};

use super::{Store, comment, id_at, ids, now_ms, page_through, put_all, video};

const HOUR_MS: u64 = 3_600_000;

/// A deletion by that moderator.
pub(crate) fn deletion(by: &str, action: ActionId) -> Deletion {
    Deletion { author: "uma".parse().unwrap(), by: by.parse().unwrap(), action }
}

fn action_at(unix_ms: u64) -> ActionId {
    ActionId::try_from(id_at(unix_ms).as_uuid()).unwrap()
}

/// That the comment is deleted, by that deletion, and no page has it.
async fn expect_deleted(store: &Store, video: &VideoId, id: CommentId, deletion: &Deletion) {
    let stored = store.get(video, id).await.unwrap();
    assert_eq!(stored, Some(Stored::Deleted(deletion.clone())), "{id}");
    for page in [Page::Newest, Page::After(id_at(0)), Page::Before(id_at((1 << 48) - 1))] {
        let listed = store.list(video, page, 200).await.unwrap();
        assert!(listed.iter().all(|comment| comment.id != id), "{id} is in {page:?}");
    }
}

pub(super) async fn a_deleted_comment_is_gone_and_told(store: Store) {
    let (video, other) = (video(), video());
    let made: Vec<_> = (0..3).map(|_| CommentId::now()).collect();
    put_all(&store, &video, &made).await;
    put_all(&store, &other, &made).await;
    let deletion = deletion("mo \"x\" ü", ActionId::now());
    store.delete(&video, made[1], &deletion).await.unwrap();
    expect_deleted(&store, &video, made[1], &deletion).await;
    let list = async |video, page| ids(&store.list(video, page, 50).await.unwrap());
    assert_eq!(list(&video, Page::Newest).await, [made[2], made[0]]);
    assert_eq!(list(&video, Page::Before(made[1])).await, [made[0]]);
    assert_eq!(list(&video, Page::After(made[0])).await, [made[2]]);
    assert_eq!(list(&other, Page::After(made[0])).await, [made[1], made[2]]);
    assert!(matches!(store.get(&other, made[1]).await.unwrap(), Some(Stored::Comment(_))));
}

/// Before and after, and whatever the clocks of who posts and who deletes say.
pub(super) async fn no_put_brings_a_deleted_comment_back(store: Store) {
    let now = now_ms();
    let clocks = [now - 48 * HOUR_MS, now - 5_000, now, now + 5_000, now + 2 * HOUR_MS];
    for (made, deleted) in clocks.iter().flat_map(|made| clocks.map(|deleted| (*made, deleted))) {
        for is_there in [false, true] {
            let there = comment(&video(), id_at(made), "gone");
            if is_there {
                store.put(&there).await.unwrap();
            }
            let deletion = deletion("mo", action_at(deleted));
            store.delete(&there.video, there.id, &deletion).await.unwrap();
            expect_deleted(&store, &there.video, there.id, &deletion).await;
            for _ in 0..2 {
                store.put(&there).await.unwrap();
            }
            expect_deleted(&store, &there.video, there.id, &deletion).await;
        }
    }
}

pub(super) async fn of_puts_and_a_deletion_at_once_the_deletion_holds(store: Store) {
    let video = video();
    let races = (0..64).map(|n: u64| {
        let store = Arc::clone(&store);
        let there = comment(&video, id_at(now_ms() + n % 3 * 2_000), "gone");
        common::task::spawn("test.race", async move {
            let deletion = deletion("mo", ActionId::now());
            let puts = join_all((0..3).map(|_| store.put(&there)));
            let (puts, deleted) = if n.is_multiple_of(2) {
                join(puts, store.delete(&there.video, there.id, &deletion)).await
            } else {
                let delete = store.delete(&there.video, there.id, &deletion);
                let (deleted, puts) = join(delete, puts).await;
                (puts, deleted)
            };
            puts.into_iter().chain([deleted]).for_each(Result::unwrap);
            (there.id, deletion)
        })
    });
    for race in join_all(races).await {
        let (id, deletion) = race.unwrap();
        expect_deleted(&store, &video, id, &deletion).await;
    }
}

pub(super) async fn the_first_deletion_stays(store: Store) {
    let (video, now) = (video(), now_ms());
    for is_there in [true, false] {
        let there = comment(&video, CommentId::now(), "gone");
        if is_there {
            store.put(&there).await.unwrap();
        }
        let first = deletion("first", action_at(now));
        // Also when it comes again, and when another one's clock is behind.
        for (by, at) in [("first", now), ("later", now + 9), ("behind", now - 9), ("first", now)] {
            let deletion = if by == "first" { first.clone() } else { deletion(by, action_at(at)) };
            store.delete(&video, there.id, &deletion).await.unwrap();
        }
        expect_deleted(&store, &video, there.id, &first).await;
    }
}

pub(super) async fn of_deletions_at_once_one_stays(store: Store) {
    let there = comment(&video(), CommentId::now(), "gone");
    store.put(&there).await.unwrap();
    let all: Vec<_> = (0..16).map(|n| deletion(&format!("mod {n}"), ActionId::now())).collect();
    let at_once = all.iter().map(|deletion| store.delete(&there.video, there.id, deletion));
    join_all(at_once).await.into_iter().for_each(Result::unwrap);
    let Some(Stored::Deleted(stays)) = store.get(&there.video, there.id).await.unwrap() else {
        panic!("it is not deleted");
    };
    assert!(all.contains(&stays));
    store.delete(&there.video, there.id, &deletion("late", ActionId::now())).await.unwrap();
    expect_deleted(&store, &there.video, there.id, &stays).await;
}

/// Hundreds deleted in a row, within a minute and over many of them.
pub(super) async fn pages_are_full_among_deleted_comments(store: Store) {
    let (video, now) = (video(), now_ms() / 60_000 * 60_000);
    let dense = (0..1_200).map(|n| now - 1 - n * 40);
    let sparse = (0..300).map(|n| now - 60_000 - n * 60_000);
    let sorted: Vec<_> = dense.chain(sparse).map(id_at).collect();
    let sorted = put_all(&store, &video, &sorted).await;
    let is_left = |nth: usize| nth.is_multiple_of(50) || (600..640).contains(&nth);
    let (left, gone): (Vec<_>, Vec<_>) =
        sorted.iter().enumerate().partition(|(nth, _)| is_left(*nth));
    let gone_for = deletion("mo", ActionId::now());
    for batch in gone.chunks(50) {
        let deletions = batch.iter().map(|(_, id)| store.delete(&video, **id, &gone_for));
        join_all(deletions).await.into_iter().for_each(Result::unwrap);
    }
    let left: Vec<_> = left.into_iter().map(|(_, id)| *id).collect();
    for limit in [1, 20, 50, 200] {
        for found in page_through(&store, &video, left[0], limit).await {
            assert_eq!(found, left, "limit {limit}");
        }
        let page = store.list(&video, Page::Newest, limit).await.unwrap();
        assert_eq!(page.len(), limit.min(left.len()), "a full page");
        let page = store.list(&video, Page::After(gone[0].1.to_owned()), limit).await.unwrap();
        assert_eq!(page.len(), limit.min(left.len() - 1), "a full page");
    }
}
