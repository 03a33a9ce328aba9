//! What every [`LiveLog`] does, in memory and on Redis alike.

use std::{collections::BTreeSet, slice::from_ref, sync::Arc, time::Duration};

use common::{
    event::{Entry, Event, Stamp, VideoEvents},
    ids::{CommentId, VideoId},
    live_log::{Changes, From, LiveLog, LiveLogError, Retention, bucket_of},
    position::{Epoch, Position},
    task,
};
use tokio::time::sleep;

use crate::live::{self, AMPLE, append, event, event_with, events, seqs, suite, video};

suite! {
    Log, crate::live::memory, crate::live::redis_at;
    places_have_no_hole_and_keep_the_order,
    a_repeat_gets_its_place_again,
    entries_of_a_second_are_counted,
    a_repeat_is_known_when_its_entry_is_gone,
    a_repeat_is_known_by_age_not_by_count,
    a_repeat_is_known_over_every_turn,
    entries_go_by_count,
    entries_go_by_age,
    reads_after_a_place_and_the_newest,
    an_empty_video_has_a_lasting_epoch,
    a_place_that_it_never_gave_reads_nothing,
    videos_do_not_touch_each_other,
    answers_stand_in_the_order_of_batches,
    one_video_twice_in_a_call,
    what_comes_too_late_is_refused,
    an_erased_event_keeps_its_place,
    what_was_erased_before_it_came_never_stands_there,
    an_event_and_its_deletion_at_once,
    an_event_is_erased_whose_id_is_forgotten,
    an_event_is_erased_whose_entry_is_gone,
    concurrent_appenders_leave_no_hole,
    changes_tell_of_appends_alone,
    heads_stand_in_the_order_asked,
    any_data_comes_back,
    a_long_batch_is_one_append,
    answers_ping,
}

type Log = Arc<dyn LiveLog>;

async fn places_have_no_hole_and_keep_the_order(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let said = events(7);
    let first = append(&*log, &video, &said[..3]).await;
    let second = append(&*log, &video, &said[3..]).await;
    assert_eq!((seqs(&first), seqs(&second)), (vec![1, 2, 3], vec![4, 5, 6, 7]));
    let page = log.read(&video, From::Newest, 10).await.unwrap();
    assert_eq!(page.entries, [first.entries, second.entries].concat());
    assert_eq!((page.head.seq, page.first), (7, 1));
    assert!(page.entries.iter().all(|entry| entry.position.epoch == page.head.epoch));
    assert!(page.entries.iter().all(|entry| entry.origin == live::origin()));
}

async fn a_repeat_gets_its_place_again(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let [a, b, c] = [event(), event(), event()];
    let first = append(&*log, &video, &[a.clone(), b.clone(), a.clone()]).await;
    assert_eq!(seqs(&first), [1, 2, 1]);
    sleep(Duration::from_millis(5)).await;
    let second = append(&*log, &video, &[b.clone(), c.clone(), a.clone(), c.clone()]).await;
    assert_eq!(seqs(&second), [2, 3, 1, 3]);
    assert_eq!(second.entries[0], first.entries[1], "the very entry, with the time it had");
    let third = append(&*log, &video, from_ref(&a)).await;
    assert_eq!(third.entries, first.entries[..1]);
    let page = log.read(&video, From::Newest, 10).await.unwrap();
    assert_eq!(page.head.seq, 3);
    assert_eq!(page.entries.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), [a, b, c]);
}

async fn entries_of_a_second_are_counted(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let mut entries = Vec::new();
    for said in events(60).chunks(3) {
        entries.extend(append(&*log, &video, said).await.entries);
        sleep(Duration::from_millis(60)).await; // over a second in all
    }
    let mut stamp = Stamp::default();
    for entry in &entries {
        assert_eq!(entry.stamp, stamp.next(entry.stamp.at_ms), "after {stamp:?}");
        stamp = entry.stamp;
    }
    assert!(entries.iter().filter(|entry| entry.stamp.rank == 0).count() > 1);
    let again = append(&*log, &video, from_ref(&entries[1].event)).await;
    assert_eq!(again.entries, entries[1..2]);
    assert_eq!(log.read(&video, From::Newest, 60).await.unwrap().entries, entries);
}

async fn a_repeat_is_known_when_its_entry_is_gone(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(Retention { replay_max: 2, ..AMPLE }).await, video());
    let said = events(5);
    append(&*log, &video, &said).await;
    assert_eq!(seqs(&append(&*log, &video, &said[..2]).await), [1, 2]);
    let page = log.read(&video, From::Newest, 10).await.unwrap();
    assert_eq!((page.head.seq, page.first, page.entries.len()), (5, 4, 2));
}

async fn a_repeat_is_known_by_age_not_by_count(open: impl AsyncFn(Retention) -> Log) {
    let retention = Retention { replay_max: 5, dedup_s: 1, ..AMPLE };
    let (log, video) = (open(retention).await, video());
    log.read(&video, From::Newest, 0).await.unwrap();
    sleep(Duration::from_millis(700)).await;
    let early = event();
    append(&*log, &video, from_ref(&early)).await;
    append(&*log, &video, &events(3_000)).await;
    // Over the first rotation, and still younger than a second.
    sleep(Duration::from_millis(600)).await;
    append(&*log, &video, &events(1)).await;
    assert_eq!(seqs(&append(&*log, &video, from_ref(&early)).await), [1]);
    for _ in 0..3 {
        sleep(Duration::from_millis(1_100)).await;
        append(&*log, &video, &events(1)).await;
    }
    assert_eq!(seqs(&append(&*log, &video, &[early]).await), [3_006], "not kept for ever either");
}

async fn a_repeat_is_known_over_every_turn(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(Retention { dedup_s: 1, ..AMPLE }).await, video());
    let said = events(14);
    for now in 0..said.len() {
        // What was said half a second ago at most, and something new.
        let recent = now.saturating_sub(2)..=now;
        let expected: Vec<u64> = recent.clone().map(|at| at as u64 + 1).collect();
        assert_eq!(seqs(&append(&*log, &video, &said[recent]).await), expected);
        sleep(Duration::from_millis(240)).await;
    }
}

async fn entries_go_by_count(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(Retention { replay_max: 10, ..AMPLE }).await, video());
    let said = events(25);
    append(&*log, &video, &said[..8]).await;
    append(&*log, &video, &said[8..]).await;
    let page = log.read(&video, From::Newest, 100).await.unwrap();
    assert_eq!((page.head.seq, page.first, page.entries.len()), (25, 16, 10));
    assert_eq!(page.entries[0].event, said[15]);
    let at = |seq| Position { seq, ..page.head };
    assert!(page.covers(at(25)) && page.covers(at(15)));
    assert!(!page.covers(at(14)) && !page.covers(at(26)));
    let late = log.read(&video, From::After(at(3)), 2).await.unwrap();
    assert_eq!(late.entries, page.entries[..2], "from the oldest there is");
}

async fn entries_go_by_age(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(Retention { replay_ttl_s: 1, ..AMPLE }).await, video());
    let old = append(&*log, &video, &events(200)).await;
    sleep(Duration::from_millis(600)).await;
    append(&*log, &video, &events(2)).await;
    sleep(Duration::from_millis(600)).await;
    let page = log.read(&video, From::Newest, 1_000).await.unwrap();
    assert_eq!((page.head.seq, page.first, page.entries.len()), (202, 201, 2), "read drops them");
    append(&*log, &video, &events(1)).await;
    sleep(Duration::from_millis(1_100)).await;
    let page = log.read(&video, From::Newest, 1_000).await.unwrap();
    assert_eq!((page.head.seq, page.first, page.entries.len()), (203, 204, 0), "the head stays");
    assert_eq!(page.head.epoch, old.entries[0].position.epoch);
    assert!(page.covers(page.head), "who saw everything missed nothing");
    assert_eq!(seqs(&append(&*log, &video, &events(1)).await), [204]);
}

async fn reads_after_a_place_and_the_newest(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let said = append(&*log, &video, &events(9)).await.entries;
    let head = said[8].position;
    let read = async |from, limit| log.read(&video, from, limit).await.unwrap();
    let after = |seq| From::After(Position { seq, ..head });
    for (from, limit, expected) in [
        (after(0), 100, 0..9),
        (after(0), 4, 0..4),
        (after(4), 100, 4..9),
        (after(4), 2, 4..6),
        (after(8), 1, 8..9),
        (after(9), 100, 9..9),
        (after(3), 0, 0..0),
        (From::Newest, 3, 6..9),
        (From::Newest, 9, 0..9),
        (From::Newest, usize::MAX, 0..9),
        (From::Newest, 0, 0..0),
    ] {
        let page = read(from, limit).await;
        assert_eq!(page.entries, said[expected], "{from:?} {limit}");
        assert_eq!((page.head, page.first), (head, 1));
    }
}

async fn an_empty_video_has_a_lasting_epoch(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let page = log.read(&video, From::Newest, 20).await.unwrap();
    assert_eq!((page.head.seq, page.first, page.entries.len()), (0, 1, 0));
    assert!(page.head.epoch > Epoch(0));
    assert!(page.covers(page.head));
    assert_eq!(log.read(&video, From::After(page.head), 20).await.unwrap(), page);
    assert_eq!(log.heads(from_ref(&video)).await.unwrap(), [page.head]);
    let appended = append(&*log, &video, &events(1)).await;
    assert_eq!(appended.entries[0].position, Position { seq: 1, ..page.head });
    assert_eq!(appended.subscribers, []);
    let page = log.read(&video, From::After(page.head), 20).await.unwrap();
    assert_eq!(page.entries, appended.entries);
}

async fn a_place_that_it_never_gave_reads_nothing(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let head = append(&*log, &video, &events(3)).await.entries[2].position;
    let Epoch(epoch) = head.epoch;
    for (epoch, seq) in [
        (epoch - 1, 0),
        (epoch + 1, 2),
        (0, 0),
        (u64::MAX, u64::MAX),
        (epoch, 4),
        (epoch, u64::MAX),
    ] {
        let position = Position { epoch: Epoch(epoch), seq };
        let page = log.read(&video, From::After(position), 10).await.unwrap();
        assert_eq!((page.head, page.first, page.entries.len()), (head, 1, 0), "{position:?}");
        assert!(!page.covers(position), "{position:?}");
    }
}

async fn videos_do_not_touch_each_other(open: impl AsyncFn(Retention) -> Log) {
    let (log, one, other) = (open(AMPLE).await, video(), video());
    let shared = event();
    append(&*log, &one, &[event(), shared.clone()]).await;
    assert_eq!(seqs(&append(&*log, &other, &[shared]).await), [1], "known to the first one only");
    assert_eq!(log.read(&one, From::Newest, 9).await.unwrap().entries.len(), 2);
}

async fn answers_stand_in_the_order_of_batches(open: impl AsyncFn(Retention) -> Log) {
    let log = open(AMPLE).await;
    let batch = |count| VideoEvents {
        video: video(),
        events: events(count),
        until_ms: None,
        show_anyway: false,
    };
    let batches: Vec<VideoEvents> = (0..60).map(|n| batch(1 + n % 3)).collect();
    let answers = log.append(batches.clone()).await;
    assert_eq!(answers.len(), batches.len());
    for (batch, answer) in batches.iter().zip(answers) {
        let entries = answer.unwrap().entries;
        let given: Vec<Event> = entries.iter().map(|entry| entry.event.clone()).collect();
        assert_eq!(given, batch.events);
        assert_eq!(log.read(&batch.video, From::Newest, 9).await.unwrap().entries, entries);
    }
    assert!(log.append(Vec::new()).await.is_empty());
}

async fn one_video_twice_in_a_call(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let batch = |count| VideoEvents {
        video: video.clone(),
        events: events(count),
        until_ms: None,
        show_anyway: false,
    };
    let answers = log.append(vec![batch(2), batch(3)]).await;
    let places: Vec<_> = answers.iter().map(|answer| seqs(answer.as_ref().unwrap())).collect();
    assert_eq!(places, [vec![1, 2], vec![3, 4, 5]]);
}

/// What comes too late may have been known and forgotten: nothing of it is taken, but for what is
/// known still, which gets its place again.
async fn what_comes_too_late_is_refused(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let (known, unknown) = (event(), event());
    append(&*log, &video, std::slice::from_ref(&known)).await;
    let append_until = async |events: &[&Event], until_ms| {
        let events = events.iter().copied().cloned().collect();
        let batch = VideoEvents {
            video: video.clone(),
            events,
            until_ms: Some(until_ms),
            show_anyway: false,
        };
        log.append(vec![batch]).await.remove(0)
    };
    let now_ms = known.id.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
    let (past_ms, future_ms) = (now_ms - 60_000, now_ms + 600_000);
    assert_eq!(seqs(&append_until(&[&known], past_ms).await.unwrap()), [1]);
    let late = append_until(&[&known, &unknown], past_ms).await;
    assert_eq!(late, Err(LiveLogError::TooLate));
    assert_eq!(log.read(&video, From::Newest, 9).await.unwrap().head.seq, 1);
    assert_eq!(seqs(&append_until(&[&known, &unknown], future_ms).await.unwrap()), [1, 2]);
}

/// Comments with ids of now, as ingest makes them, and what deletes them.
fn comments(count: usize) -> (Vec<Event>, Vec<Event>) {
    let ids: Vec<_> = (0..count).map(|_| CommentId::now()).collect();
    let said = |id: &CommentId| Event { id: (*id).into(), ..event_with(id.to_string().into()) };
    (ids.iter().map(said).collect(), ids.into_iter().map(Event::of_deletion).collect())
}

/// One video's append, whatever it is answered with.
async fn append_any(log: &Log, video: &VideoId, events: &[Event]) -> Vec<Entry> {
    let (video, events) = (video.clone(), events.to_vec());
    let batch = VideoEvents { video, events, until_ms: None, show_anyway: false };
    log.append(vec![batch]).await.remove(0).unwrap().entries
}

async fn held(log: &Log, video: &VideoId) -> Vec<Event> {
    let page = log.read(video, From::Newest, 100_000).await.unwrap();
    page.entries.into_iter().map(|entry| entry.event).collect()
}

async fn an_erased_event_keeps_its_place(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let (said, deletions) = comments(3);
    let first = append(&*log, &video, &said).await.entries;
    let deleted = append(&*log, &video, &deletions[1..2]).await.entries;
    assert_eq!(deleted[0].position.seq, 4);
    let erased = Entry { event: Event::erased(said[1].id), ..first[1].clone() };
    let after = [first[0].clone(), erased.clone(), first[2].clone(), deleted[0].clone()];
    assert_eq!(log.read(&video, From::Newest, 10).await.unwrap().entries, after);
    assert_eq!(append_any(&log, &video, &said[..2]).await, after[..2], "known as erased");
    assert_eq!(append(&*log, &video, &deletions[1..2]).await.entries, deleted, "once");
    assert_eq!(log.read(&video, From::Newest, 10).await.unwrap().entries, after);
}

async fn what_was_erased_before_it_came_never_stands_there(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let (said, deletions) = comments(2);
    append(&*log, &video, &deletions[..1]).await;
    let entries = append_any(&log, &video, &said).await;
    assert_eq!(entries[0].event, Event::erased(said[0].id));
    assert_eq!((entries[0].position.seq, entries[1].position.seq), (1, 3));
    let left = [Event::erased(said[0].id), deletions[0].clone(), said[1].clone()];
    assert_eq!(held(&log, &video).await, left);
}

async fn an_event_and_its_deletion_at_once(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let (said, deletions) = comments(2);
    let all = [said[0].clone(), said[1].clone(), deletions[0].clone()];
    append_any(&log, &video, &all).await;
    let left = [Event::erased(said[0].id), said[1].clone(), deletions[0].clone()];
    assert_eq!(held(&log, &video).await, left);
}

/// Entries outlive ids: what is read must be erased all the same.
async fn an_event_is_erased_whose_id_is_forgotten(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(Retention { dedup_s: 1, ..AMPLE }).await, video());
    append(&*log, &video, &events(300)).await;
    let (said, deletions) = comments(200);
    append(&*log, &video, &said).await;
    for _ in 0..4 {
        sleep(Duration::from_millis(1_100)).await;
        append(&*log, &video, &events(100)).await;
    }
    append(&*log, &video, &deletions[77..79]).await;
    let left = held(&log, &video).await;
    let erased = [Event::erased(said[77].id), Event::erased(said[78].id)];
    assert_eq!(left[300..377], said[..77]);
    assert_eq!(left[377..379], erased);
    assert_eq!(left[379..500], said[79..]);
    assert_eq!(left[900..], deletions[77..79], "nothing else was appended");
    assert_eq!(append_any(&log, &video, &said[77..79]).await[0].event, erased[0], "known again");
    assert_eq!(left, held(&log, &video).await);
}

async fn an_event_is_erased_whose_entry_is_gone(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(Retention { replay_max: 2, ..AMPLE }).await, video());
    let (said, deletions) = comments(5);
    append(&*log, &video, &said).await;
    append(&*log, &video, &deletions[1..2]).await;
    assert_eq!(held(&log, &video).await, [said[4].clone(), deletions[1].clone()]);
    let again = append_any(&log, &video, &said[..2]).await;
    assert_eq!((&again[0].event, again[0].position.seq), (&said[0], 1));
    assert_eq!((&again[1].event, again[1].position.seq), (&Event::erased(said[1].id), 2));
}

async fn concurrent_appenders_leave_no_hole(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    appended_at_once(log, video).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_leave_no_hole_in_memory() {
    appended_at_once(live::memory(AMPLE), video()).await;
}

/// 16 appenders of 50 events each, every tenth of them twice.
async fn appended_at_once(log: Log, video: VideoId) {
    let appender = |_| {
        let (log, video) = (Arc::clone(&log), video.clone());
        task::spawn("test.appender", async move {
            for said in events(50).chunks(5) {
                append(&*log, &video, said).await;
                append(&*log, &video, &said[2..3]).await;
            }
        })
    };
    let appenders: Vec<_> = (0..16).map(appender).collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    let page = log.read(&video, From::Newest, 1_000).await.unwrap();
    assert_eq!(page.head.seq, 800);
    let places: Vec<_> = page.entries.iter().map(|entry| entry.position.seq).collect();
    assert_eq!(places, (1..=800).collect::<Vec<_>>());
    assert_eq!(page.entries.iter().map(|entry| entry.event.id).collect::<BTreeSet<_>>().len(), 800);
}

async fn changes_tell_of_appends_alone(open: impl AsyncFn(Retention) -> Log) {
    let log = open(AMPLE).await;
    let (said, read, never) = (video(), video(), video());
    let buckets: Vec<u16> = [&said, &read, &never].map(bucket_of).into();
    let look = async |since| log.changed(&buckets, since).await.unwrap();
    let of = |changes: &Changes, video: &VideoId| {
        let found = changes.heads.iter().find(|(id, _)| id == video);
        found.map(|(_, head)| *head)
    };
    let before = look(0).await;
    assert_eq!(of(&before, &said), None);
    log.read(&read, From::Newest, 1).await.unwrap();
    let first = append(&*log, &said, &events(2)).await.entries[1].position;
    let changes = look(before.now_ms).await;
    assert_eq!(of(&changes, &said), Some(first));
    assert_eq!((of(&changes, &read), of(&changes, &never)), (None, None));
    assert_eq!(changes.run, before.run);
    assert!(changes.now_ms >= before.now_ms);

    sleep(Duration::from_millis(5)).await;
    let later = look(0).await;
    assert_eq!(of(&later, &said), Some(first));
    assert_eq!(of(&look(later.now_ms).await, &said), None, "not since");
    let second = append(&*log, &said, &events(1)).await.entries[0].position;
    assert_eq!(of(&look(later.now_ms).await, &said), Some(second));
    assert!(log.changed(&[], 0).await.unwrap().heads.is_empty());
}

async fn heads_stand_in_the_order_asked(open: impl AsyncFn(Retention) -> Log) {
    let log = open(AMPLE).await;
    let videos: Vec<VideoId> = (0..700).map(|_| video()).collect();
    for video in videos.iter().step_by(100) {
        append(&*log, video, &events(3)).await;
    }
    let asked: Vec<VideoId> = videos.iter().chain(&videos[..1]).cloned().collect();
    let heads = log.heads(&asked).await.unwrap();
    assert_eq!(heads.len(), 701);
    for at in [0, 1, 100, 399, 400, 699, 700] {
        let page = log.read(&asked[at], From::Newest, 0).await.unwrap();
        assert_eq!(heads[at], page.head, "{at}");
    }
    assert_eq!((heads[700].seq, heads[1].seq), (3, 0));
    assert_eq!(log.heads(&asked).await.unwrap(), heads);
    assert!(log.heads(&[]).await.unwrap().is_empty());
}

async fn any_data_comes_back(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(AMPLE).await, video());
    let bytes = (0..=255).filter(|byte| !b"\r\n".contains(byte));
    let long: Vec<u8> = bytes.cycle().take(4 * 1024).collect();
    let said = [event_with(long), event_with(Vec::new()), event_with(b"\0".to_vec())];
    let entries = append(&*log, &video, &said).await.entries;
    assert_eq!(log.read(&video, From::Newest, 9).await.unwrap().entries, entries);
}

async fn a_long_batch_is_one_append(open: impl AsyncFn(Retention) -> Log) {
    let (log, video) = (open(Retention { replay_max: 2_000, ..AMPLE }).await, video());
    let said = events(2_500);
    let appended = append(&*log, &video, &said).await;
    assert_eq!(seqs(&appended), (1..=2_500).collect::<Vec<_>>());
    assert_eq!(append(&*log, &video, &said).await, appended);
    let page = log.read(&video, From::Newest, 9_999).await.unwrap();
    assert_eq!(page.entries, appended.entries[500..]);
}

async fn answers_ping(open: impl AsyncFn(Retention) -> Log) {
    open(AMPLE).await.ping().await.unwrap();
}
