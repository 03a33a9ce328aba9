//! The behaviour of a comment store, run on the embedded one and on a CQL cluster.
//!
//! A case gets a store that others may have used: it names its videos, authors and keys at random.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{
    comment::{Author, Comment, Text},
    comment_store::{Claim, CommentStore, Page, Pending, Stored},
    ids::{CommentId, IdempotencyKey, UserId, VideoId},
};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::kept::kept_suite;

mod deletions;

pub(crate) use deletions::deletion;
use deletions::*;

type Store = Arc<dyn CommentStore>;

kept_suite! {
    what_was_put_comes_back
    what_was_not_put_is_not_there
    putting_again_changes_nothing
    pages_keep_their_bounds
    order_is_that_of_ids
    videos_do_not_mix
    a_thousand_page_to_the_end
    ages_apart_page_to_the_end
    any_page_at_any_point_is_what_lies_there
    puts_at_once_are_all_there
    the_first_claim_wins
    claims_of_others_are_others
    of_claims_at_once_one_wins
    what_is_claimed_is_told_without_claiming
    a_deleted_comment_is_gone_and_told
    no_put_brings_a_deleted_comment_back
    of_puts_and_a_deletion_at_once_the_deletion_holds
    the_first_deletion_stays
    of_deletions_at_once_one_stays
    pages_are_full_among_deleted_comments
    pending_records_wait_oldest_first
    settled_marks_are_of_one_comment
    answers_ping
}

pub(crate) fn video() -> VideoId {
    format!("test-{}", Uuid::now_v7()).parse().unwrap()
}

pub(crate) fn comment(video: &VideoId, id: CommentId, text: &str) -> Comment {
    let author =
        Author { id: "uma".parse().unwrap(), name: "Uma".into(), role: None, avatar: None };
    Comment { id, video: video.clone(), author, text: Text::parse(text).unwrap(), reply_to: None }
}

pub(crate) fn claim(digest: u8) -> Claim {
    Claim { comment: CommentId::now(), digest: [digest; 32] }
}

/// A comment id made at that time.
pub(crate) fn id_at(unix_ms: u64) -> CommentId {
    let random = *Uuid::new_v4().as_bytes();
    let tail: [u8; 10] = random[..10].try_into().unwrap();
    let uuid = uuid::Builder::from_unix_timestamp_millis(unix_ms, &tail).into_uuid();
    CommentId::try_from(uuid).unwrap()
}

/// The comment, where it is one.
pub(crate) async fn get(
    store: &dyn CommentStore,
    video: &VideoId,
    id: CommentId,
) -> Option<Comment> {
    store.get(video, id).await.unwrap().and_then(Stored::into_comment)
}

fn now_ms() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

fn ids(comments: &[Comment]) -> Vec<CommentId> {
    comments.iter().map(|comment| comment.id).collect()
}

/// Puts one comment per id, in this order, and returns the ids sorted.
async fn put_all(store: &Store, video: &VideoId, ids: &[CommentId]) -> Vec<CommentId> {
    for batch in ids.chunks(50) {
        let puts = batch.iter().map(|id| async move {
            store.put(&comment(video, *id, "hi")).await.unwrap();
        });
        join_all(puts).await;
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted
}

/// Everything, page by page, from the newest back and from `first` on forth.
async fn page_through(
    store: &Store,
    video: &VideoId,
    first: CommentId,
    limit: usize,
) -> [Vec<CommentId>; 2] {
    let (mut back, mut forth) = (Vec::new(), vec![first]);
    let mut page = Page::Newest;
    loop {
        let found = ids(&store.list(video, page, limit).await.unwrap());
        assert!(found.len() <= limit);
        let Some(last) = found.last() else { break };
        page = Page::Before(*last);
        back.extend(found);
    }
    loop {
        let after = Page::After(*forth.last().unwrap());
        let found = ids(&store.list(video, after, limit).await.unwrap());
        if found.is_empty() {
            break;
        }
        forth.extend(found);
    }
    back.reverse();
    [back, forth]
}

async fn what_was_put_comes_back(store: Store) {
    let video = video();
    let emoji = "🏳️‍🌈".repeat(292);
    let texts = ["hi", "a\nb", "日本語 العربية हिन्दी", "\"'\\;--", "👨‍👩‍👧‍👦 e\u{301}", emoji.as_str()];
    let mut put = Vec::new();
    for text in texts {
        let plain = comment(&video, CommentId::now(), text);
        let mut full = comment(&video, CommentId::now(), text);
        full.author.id = "ü 日\u{200d}".parse().unwrap();
        full.author.name = "a\0b \"q\" \n 🙂".into();
        full.author.role = Some("moderator".into());
        full.author.avatar = Some("https://example.org/a.png?b=ü".into());
        full.reply_to = Some(plain.id);
        put.extend([plain, full]);
    }
    for comment in &put {
        store.put(comment).await.unwrap();
        assert_eq!(get(&*store, &video, comment.id).await.as_ref(), Some(comment));
    }
    put.reverse();
    assert_eq!(store.list(&video, Page::Newest, 200).await.unwrap(), put);
}

async fn what_was_not_put_is_not_there(store: Store) {
    let (video, other) = (video(), video());
    let there = comment(&video, CommentId::now(), "hi");
    store.put(&there).await.unwrap();
    assert_eq!(store.get(&video, CommentId::now()).await.unwrap(), None);
    assert_eq!(store.get(&other, there.id).await.unwrap(), None);
    for page in [Page::Newest, Page::Before(there.id), Page::After(there.id)] {
        assert_eq!(store.list(&other, page, 50).await.unwrap(), []);
    }
}

async fn putting_again_changes_nothing(store: Store) {
    let there = comment(&video(), CommentId::now(), "hi");
    join_all((0..5).map(|_| store.put(&there))).await.into_iter().for_each(Result::unwrap);
    store.put(&there).await.unwrap();
    assert_eq!(store.list(&there.video, Page::Newest, 50).await.unwrap(), [there]);
}

async fn pages_keep_their_bounds(store: Store) {
    let video = video();
    let made: Vec<_> = (0..10).map(|_| CommentId::now()).collect();
    put_all(&store, &video, &made).await;
    let list = async |page, limit| ids(&store.list(&video, page, limit).await.unwrap());
    assert_eq!(list(Page::Newest, 3).await, [made[9], made[8], made[7]]);
    assert_eq!(list(Page::Before(made[2]), 50).await, [made[1], made[0]]);
    assert_eq!(list(Page::Before(made[2]), 1).await, [made[1]]);
    assert_eq!(list(Page::After(made[7]), 50).await, [made[8], made[9]]);
    assert_eq!(list(Page::After(made[7]), 1).await, [made[8]]);
    assert_eq!(list(Page::Before(made[0]), 50).await, []);
    assert_eq!(list(Page::After(made[9]), 50).await, []);
    assert_eq!(list(Page::Newest, 0).await, []);
    // A bound need not be a comment's own id.
    assert_eq!(list(Page::Before(CommentId::now()), 1).await, [made[9]]);
    assert_eq!(list(Page::After(id_at(0)), 1).await, [made[0]]);
    assert_eq!(list(Page::Before(id_at((1 << 48) - 1)), 1).await, [made[9]]);
}

async fn order_is_that_of_ids(store: Store) {
    let video = video();
    let mut made: Vec<_> = (0..40).map(|n| id_at(now_ms() - n * 7)).collect();
    made.rotate_left(13);
    let mut sorted = put_all(&store, &video, &made).await;
    sorted.reverse();
    assert_eq!(ids(&store.list(&video, Page::Newest, 50).await.unwrap()), sorted);
}

async fn videos_do_not_mix(store: Store) {
    let base = Uuid::new_v4().simple().to_string();
    let names = [
        base.clone(),
        format!("{base}-"),
        format!("{base}_"),
        format!("{base}0"),
        base.to_uppercase(),
    ];
    // One id in all of them: it names a comment within its video only.
    let id = CommentId::now();
    for name in &names {
        let video = name.parse().unwrap();
        store.put(&comment(&video, id, name)).await.unwrap();
    }
    for name in &names {
        let video = name.parse().unwrap();
        let there = comment(&video, id, name);
        assert_eq!(get(&*store, &video, id).await, Some(there.clone()));
        assert_eq!(store.list(&video, Page::Newest, 50).await.unwrap(), vec![there.clone()]);
        assert_eq!(store.list(&video, Page::After(id_at(0)), 50).await.unwrap(), [there]);
    }
}

async fn a_thousand_page_to_the_end(store: Store) {
    let video = video();
    let made: Vec<_> = (0..1_000).map(|_| CommentId::now()).collect();
    let sorted = put_all(&store, &video, &made).await;
    for limit in [70, 200, 1_000, 5_000] {
        for found in page_through(&store, &video, sorted[0], limit).await {
            assert_eq!(found, sorted, "limit {limit}");
        }
    }
}

/// Ids from the first second there was to next week, dense and sparse, and at both sides of a
/// minute, an hour and a day.
async fn ages_apart_page_to_the_end(store: Store) {
    const DAY_MS: u64 = 24 * 3_600_000;
    let video = video();
    let midnight = now_ms() / DAY_MS * DAY_MS;
    let borders = [0, DAY_MS, midnight - 3_600_000, midnight - 60_000, midnight];
    let around = borders.iter().flat_map(|at| [at.saturating_sub(1), *at, at + 1]);
    let sparse = (0..600).map(|n| midnight - n * 61_000 * (1 + n % 5));
    let week = [now_ms() + 7 * DAY_MS, (1 << 48) - 1];
    let made: Vec<_> = around.chain(sparse).chain(week).map(id_at).collect();
    let sorted = put_all(&store, &video, &made).await;
    for limit in [20, 50, 200] {
        for found in page_through(&store, &video, sorted[0], limit).await {
            assert_eq!(found, sorted, "limit {limit}");
        }
    }
    let nothing = store.list(&video, Page::Before(sorted[0]), 50).await.unwrap();
    assert_eq!(nothing, []);
}

/// A minute full, one comment a minute, nothing for a year: pages that begin anywhere.
async fn any_page_at_any_point_is_what_lies_there(store: Store) {
    const YEAR_MS: u64 = 365 * 24 * 3_600_000;
    let (video, now) = (video(), now_ms());
    let dense = (0..300).map(|n| now - n * 190);
    let sparse = (0..300).map(|n| now - 120_000 - n * 60_000);
    let earlier = (0..100).map(|n| now - YEAR_MS - n * 30_000);
    let made: Vec<_> = dense.chain(sparse).chain(earlier).map(id_at).collect();
    let sorted = put_all(&store, &video, &made).await;
    let between = (0..40).map(|n| id_at(now - (n * n * n * 491_111) % (YEAR_MS + 5_000_000)));
    let bounds = sorted.iter().copied().step_by(23).chain(between);
    for (nth, bound) in bounds.chain([id_at(0), id_at(now + 5_000)]).enumerate() {
        let limit = [1, 50, 200][nth % 3];
        let (older, newer) = sorted.split_at(sorted.partition_point(|id| *id < bound));
        let newer = newer.iter().filter(|id| **id != bound).take(limit);
        let older = older.iter().rev().take(limit);
        let before = store.list(&video, Page::Before(bound), limit).await.unwrap();
        let after = store.list(&video, Page::After(bound), limit).await.unwrap();
        assert!(ids(&before).iter().eq(older), "before {bound}, limit {limit}");
        assert!(ids(&after).iter().eq(newer), "after {bound}, limit {limit}");
    }
}

async fn puts_at_once_are_all_there(store: Store) {
    let videos: Vec<_> = (0..8).map(|_| video()).collect();
    let put = |n: usize| {
        let there = comment(&videos[n % 8], CommentId::now(), &format!("comment {n}"));
        let store = Arc::clone(&store);
        common::task::spawn("test.put", async move {
            store.put(&there).await.unwrap();
            there
        })
    };
    for put in join_all((0..256).map(put)).await {
        let there = put.unwrap();
        assert_eq!(get(&*store, &there.video, there.id).await, Some(there));
    }
    for video in &videos {
        assert_eq!(store.list(video, Page::Newest, 200).await.unwrap().len(), 32);
    }
}

/// Somebody nobody else is.
fn author() -> UserId {
    format!("author {}", Uuid::new_v4()).parse().unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

async fn the_first_claim_wins(store: Store) {
    let (author, key) = (author(), key("k-1"));
    let (first, second) = (claim(1), claim(2));
    assert_eq!(store.claim(&author, &key, first).await.unwrap(), first);
    assert_eq!(store.claim(&author, &key, second).await.unwrap(), first);
    assert_eq!(store.claim(&author, &key, first).await.unwrap(), first);
}

async fn claims_of_others_are_others(store: Store) {
    let author = author();
    let other: UserId = format!("{author} b").parse().unwrap();
    let wide = "k".repeat(128);
    let claims = [
        (&author, "b-k"),
        (&author, "B-K"),
        (&author, wide.as_str()),
        (&other, "k"),
        (&other, "b-k"),
    ];
    for (n, (author, text)) in claims.into_iter().enumerate() {
        let claim = claim(u8::try_from(n).unwrap());
        assert_eq!(store.claim(author, &key(text), claim).await.unwrap(), claim, "{text}");
    }
}

async fn of_claims_at_once_one_wins(store: Store) {
    let (author, key) = (author(), key("at-once"));
    let claims = (0..32).map(|n| {
        let (store, author, key) = (Arc::clone(&store), author.clone(), key.clone());
        common::task::spawn("test.claim", async move {
            let mine = claim(n);
            (mine, store.claim(&author, &key, mine).await.unwrap())
        })
    });
    let answers: Vec<_> = join_all(claims).await.into_iter().map(Result::unwrap).collect();
    let winner = answers[0].1;
    assert!(answers.iter().all(|(_, in_force)| *in_force == winner));
    assert_eq!(answers.iter().filter(|(mine, _)| *mine == winner).count(), 1);
}

async fn what_is_claimed_is_told_without_claiming(store: Store) {
    let (author, key, mine) = (author(), key("k-1"), claim(1));
    assert_eq!(store.claimed(&author, &key).await.unwrap(), None);
    assert_eq!(store.claim(&author, &key, mine).await.unwrap(), mine);
    assert_eq!(store.claimed(&author, &key).await.unwrap(), Some(mine));
    assert_eq!(store.claimed(&author, &self::key("K-1")).await.unwrap(), None);
    assert_eq!(store.claimed(&self::author(), &key).await.unwrap(), None);
    let other = claim(2);
    assert_eq!(store.claim(&author, &self::key("K-1"), other).await.unwrap(), other);
}

async fn pending_records_wait_oldest_first(store: Store) {
    let now = now_ms();
    let waiting: Vec<_> = (0..60)
        .map(|n| Pending { video: video(), comment: id_at(now - 60_000 + n * 1_000) })
        .collect();
    for pending in waiting.iter().rev().chain(&waiting) {
        store.add_pending(pending).await.unwrap();
    }
    let older_than = async |ms, limit| store.pending(ms, limit).await.unwrap();
    assert_eq!(older_than(now, 200).await, waiting);
    assert_eq!(older_than(now, 7).await, waiting[..7]);
    assert_eq!(older_than(now - 50_000, 200).await, waiting[..10]);
    assert_eq!(older_than(0, 200).await, []);
    assert!(store.is_pending(&waiting[0]).await.unwrap());
    store.remove_pending(&waiting[0]).await.unwrap();
    store.remove_pending(&waiting[0]).await.unwrap();
    assert!(!store.is_pending(&waiting[0]).await.unwrap());
    assert_eq!(older_than(u64::MAX, 200).await, waiting[1..]);
    join_all(waiting.iter().map(|pending| store.remove_pending(pending))).await;
    assert_eq!(older_than(u64::MAX, 200).await, []);
}

/// A mark is found from when it was set, also when it was set before, and marks no other comment.
async fn settled_marks_are_of_one_comment(store: Store) {
    let (video, other) = (video(), video());
    let (marked, unmarked) = (CommentId::now(), CommentId::now());
    assert!(!store.is_settled(&video, marked).await.unwrap());
    for _ in 0..2 {
        store.settle(&video, marked).await.unwrap();
        assert!(store.is_settled(&video, marked).await.unwrap());
    }
    assert!(!store.is_settled(&video, unmarked).await.unwrap());
    assert!(!store.is_settled(&other, marked).await.unwrap(), "an id is of one video");
    // A mark is neither a comment nor a pending record.
    assert_eq!(store.get(&video, marked).await.unwrap(), None);
    let pending = Pending { video, comment: marked };
    assert!(!store.is_pending(&pending).await.unwrap());
}

async fn answers_ping(store: Store) {
    tokio::time::timeout(Duration::from_secs(5), store.ping()).await.unwrap().unwrap();
}
