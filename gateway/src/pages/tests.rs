//! Hypotheses on reads: how many a herd costs, and that nobody is served anything stale for it.

use futures_util::future::join_all;

use super::*;
use crate::test_support::{encoder, entry, log::CountingLog, position};

fn pages(first: u64, head: u64) -> (Arc<CountingLog>, Pages) {
    let log = Arc::new(CountingLog::new(first, head));
    (log.clone(), Pages::new(log, encoder()))
}

async fn ask(pages: &Pages, after: u64, until: u64) -> Result<Replay, LiveLogError> {
    let video = "v".parse().unwrap();
    pages.after(&video, position(1, after), position(1, until), None).await
}

/// The seqs that a viewer gets, page after page.
async fn replay(pages: &Pages, mut after: u64, until: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    while after < until {
        let Ok(Replay::Part(Part { frames, end, .. })) = ask(pages, after, until).await else {
            break;
        };
        let mut expected = BytesMut::new();
        for seq in after + 1..=end.seq {
            encoder().entry(&mut expected, &entry(1, seq), None);
            seqs.push(seq);
        }
        assert_eq!(frames, expected, "after {after}");
        after = end.seq;
    }
    seqs
}

/// A herd costs one read a page, however it is spread over some seconds, and each of it gets
/// exactly what it misses.
#[tokio::test(start_paused = true)]
async fn a_herd_costs_one_read_a_page() {
    let (log, pages) = pages(1, 1000);
    for _ in 0..4 {
        let herd = (0..50).map(|viewer| replay(&pages, 130 + viewer % 7, 300));
        for (viewer, seqs) in join_all(herd).await.into_iter().enumerate() {
            let first = 131 + viewer as u64 % 7;
            assert_eq!(seqs, (first..=300).collect::<Vec<_>>());
        }
        pages.sweep();
    }
    assert_eq!(log.reads(), 2, "129 to 256 and 257 to 384");
}

/// What nobody asks for any more goes.
#[tokio::test(start_paused = true)]
async fn an_idle_page_is_forgotten() {
    let (log, pages) = pages(1, 1000);
    replay(&pages, 10, 128).await;
    for _ in 0..IDLE_SWEEPS_MAX {
        pages.sweep();
    }
    replay(&pages, 10, 128).await;
    assert_eq!(log.reads(), 1);
    for _ in 0..=IDLE_SWEEPS_MAX {
        pages.sweep();
    }
    assert!(pages.slots.is_empty());
}

/// Memory is bounded also when every viewer asks for another page.
#[tokio::test(start_paused = true)]
async fn no_more_pages_are_kept_than_allowed() {
    let (_, pages) = pages(1, 1_000_000);
    for page in 0..2 * PAGES_MAX as u64 {
        replay(&pages, page * PAGE_LEN, page * PAGE_LEN + 1).await;
    }
    assert!(pages.slots.len() <= PAGES_MAX, "{}", pages.slots.len());
}

/// A log that is away costs all who wait one read and one failure; whoever comes next tries again.
#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_and_not_kept() {
    let (log, pages) = pages(1, 100);
    log.be_away(true);
    let answers = join_all((0..50).map(|_| ask(&pages, 10, 50))).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(log.reads(), 1);
    log.be_away(false);
    assert_eq!(replay(&pages, 10, 50).await.len(), 40);
    assert_eq!(log.reads(), 2);
}

/// A page that was read when the log was shorter is read again once more of it is needed.
#[tokio::test(start_paused = true)]
async fn a_page_that_was_not_full_is_read_again() {
    let (log, pages) = pages(1, 50);
    assert_eq!(replay(&pages, 10, 50).await.len(), 40);
    log.hold(1, 120);
    assert_eq!(replay(&pages, 10, 50).await.len(), 40);
    assert_eq!(log.reads(), 1, "it has all that is needed");
    assert_eq!(replay(&pages, 10, 100).await.len(), 90);
    assert_eq!(log.reads(), 2);
}

/// What the log holds no longer is told, never skipped over, and asked for once.
#[tokio::test(start_paused = true)]
async fn what_is_trimmed_is_said() {
    let (log, pages) = pages(60, 100);
    for viewer in 0..50 {
        assert!(matches!(ask(&pages, 5 + viewer, 90).await, Ok(Replay::Trimmed)));
    }
    assert_eq!(replay(&pages, 59, 90).await.len(), 31);
    assert_eq!(log.reads(), 1);
    let video = "v".parse().unwrap();
    for _ in 0..50 {
        let answer = pages.after(&video, position(2, 59), position(2, 90), None).await;
        assert!(matches!(answer, Ok(Replay::Trimmed)));
    }
    assert_eq!(log.reads(), 2);
}

/// A tier gets of a page what it gets of the byte log, wherever it comes in.
#[test]
fn a_tier_gets_its_sample_of_a_page() {
    let ranked = |seq: u64| {
        let mut entry = entry(1, seq);
        entry.stamp.rank = u16::try_from(seq % 5).unwrap();
        entry
    };
    let entries = (1..=12).map(ranked).collect();
    let log = LogPage { head: position(1, 12), first: 1, entries };
    let page = Page::encode(&log, &encoder());
    let sampled = |after: u64, until: u64| {
        let (after, until) = (position(1, after), position(1, until));
        match page.after(after, until, Some(Tier::of(1)), &encoder()) {
            Replay::Part(Part { frames, end, .. }) => {
                (String::from_utf8(frames.to_vec()).unwrap(), end.seq)
            }
            Replay::Trimmed => panic!("trimmed"),
        }
    };
    let told = |count: u64, from: u64, to: u64| {
        let mut out = BytesMut::new();
        encoder().skipped(&mut out, count, position(1, from), position(1, to));
        String::from_utf8(out.to_vec()).unwrap()
    };
    let shown = |seq: u64| {
        let mut out = BytesMut::new();
        encoder().entry(&mut out, &entry(1, seq), None);
        String::from_utf8(out.to_vec()).unwrap()
    };
    let last = format!("{}id: 1~dc1:1:c\n\n", told(2, 10, 12));
    let all = [told(4, 0, 4), shown(5), told(4, 5, 9), shown(10), last.clone()].concat();
    assert_eq!(sampled(0, 12), (all, 12));
    assert_eq!(sampled(8, 10), ([told(1, 8, 9), shown(10)].concat(), 10));
    assert_eq!(sampled(10, 12), (last, 12));
}
