//! The checker's negative controls: recordings to which something was done.

use std::time::Instant;

use super::*;

const COUNT: usize = 10;

/// Three viewers who saw all of ten comments, which are in history.
struct Case {
    acknowledged: Vec<Acknowledged>,
    recordings: Vec<Recording>,
    history: Vec<(CommentId, String)>,
    earlier: HashSet<CommentId>,
}

fn acknowledged(n: usize) -> Acknowledged {
    let (id, now) = (CommentId::now(), Instant::now());
    Acknowledged { id, key: format!("k{n}"), sent_at: now, at: now, is_pending: false, attempts: 1 }
}

fn recording(comments: &[Acknowledged]) -> Recording {
    let mut recording = Recording { joined_at: Some(comments[0].sent_at), ..Recording::default() };
    comments.iter().for_each(|comment| recording.add(What::Comment(comment.id)));
    recording
}

fn case() -> Case {
    let acknowledged: Vec<_> = (0..COUNT).map(acknowledged).collect();
    let recordings = vec![recording(&acknowledged); 3];
    let history = acknowledged.iter().map(|a| (a.id, a.key.clone())).collect();
    Case { acknowledged, recordings, history, earlier: HashSet::new() }
}

impl Case {
    fn check(&self) -> Findings {
        let Self { acknowledged, recordings, history, earlier } = self;
        check(&Evidence { acknowledged, recordings, history, earlier })
    }

    fn tell(&mut self, viewer: usize, at: usize, what: What) {
        let seen = &mut self.recordings[viewer].seen;
        let time = seen[at.min(seen.len() - 1)].at;
        seen.insert(at, crate::recording::Seen { at: time, what });
    }

    fn drop(&mut self, viewer: usize, range: std::ops::Range<usize>) {
        self.recordings[viewer].seen.drain(range);
    }
}

fn clean() -> Findings {
    Findings { acknowledged: COUNT, ..Findings::default() }
}

#[test]
fn all_of_it_once_and_in_order_is_clean() {
    assert_eq!(case().check(), clean());
    assert!(clean().is_clean());
}

#[test]
fn a_comment_that_one_or_all_did_not_get_is_missing() {
    for at in [0, 4, COUNT - 1] {
        let mut case = case();
        case.drop(1, at..at + 1);
        assert_eq!(case.check(), Findings { missing: 1, ..clean() }, "{at}");
        case.drop(0, at..at + 1);
        case.drop(2, at..at + 1);
        assert_eq!(case.check(), Findings { missing: 3, ..clean() }, "{at}");
        assert!(!case.check().is_clean());
    }
}

#[test]
fn a_comment_that_came_twice_is_doubled_also_when_it_is_of_an_earlier_chapter() {
    let mut case = case();
    case.tell(1, 7, What::Comment(case.acknowledged[3].id));
    assert_eq!(case.check(), Findings { doubled: 1, ..clean() });
    assert!(!case.check().is_clean());
    let old = CommentId::now();
    case.earlier.insert(old);
    case.tell(2, 7, What::Comment(old));
    assert_eq!(case.check(), Findings { doubled: 2, ..clean() });
}

#[test]
fn two_that_changed_places_are_out_of_order() {
    let mut case = case();
    case.recordings[2].seen.swap(4, 5);
    assert_eq!(case.check(), Findings { swapped: 1, ..clean() });
    assert!(!case.check().is_clean());
}

#[test]
fn what_is_not_in_history_is_lost_and_what_is_there_twice_is_seen() {
    let mut case = case();
    case.history.remove(3);
    case.history.push((CommentId::now(), "k4".to_owned()));
    let expected = Findings { lost: 1, second: 1, strange: 1, ..clean() };
    assert_eq!(case.check(), expected, "comment 3 was shown, but is nowhere");
    assert!(!case.check().is_clean());
}

#[test]
fn a_viewer_that_gave_up_is_seen() {
    let mut case = case();
    case.recordings[0].given_up = Some("404".to_owned());
    assert!(!case.check().is_clean());
}

#[test]
fn skipped_covers_as_much_as_it_says_and_only_where_it_says() {
    let mut case = case();
    case.drop(1, 4..7);
    case.tell(1, 4, What::Skipped { count: 3 });
    assert_eq!(case.check(), Findings { told_missing: 3, skips: 1, ..clean() });
    case.drop(1, 5..6);
    assert_eq!(case.check(), Findings { told_missing: 3, missing: 1, skips: 1, ..clean() });
    let mut elsewhere = self::case();
    elsewhere.drop(1, 4..5);
    elsewhere.tell(1, 6, What::Skipped { count: 3 });
    assert_eq!(elsewhere.check(), Findings { missing: 1, skips: 1, ..clean() });
}

#[test]
fn a_reset_covers_the_gap_before_its_replay_and_repeats_within_it() {
    let mut case = case();
    case.drop(1, 4..7);
    let replay = [2, 3, 7].map(|n| What::Comment(case.acknowledged[n].id));
    case.drop(1, 4..5);
    for (n, what) in [What::Reset { replayed: 3 }].into_iter().chain(replay).enumerate() {
        case.tell(1, 4 + n, what);
    }
    let told = Findings { told_missing: 3, told_again: 2, resets: 1, ..clean() };
    assert_eq!(case.check(), told);
    assert!(told.is_clean());
    case.tell(1, 8, What::Comment(case.acknowledged[3].id));
    assert_eq!(case.check(), Findings { doubled: 1, ..told }, "after the replay");
}

#[test]
fn a_viewer_owes_nothing_from_before_it_came() {
    let mut case = case();
    let late = acknowledged(COUNT);
    case.drop(1, 0..4);
    case.recordings[1].joined_at = Some(late.sent_at);
    assert_eq!(case.check(), clean());
    case.drop(1, 3..4);
    assert_eq!(case.check(), Findings { missing: 1, ..clean() }, "but all after its first");
    case.acknowledged.push(late.clone());
    case.history.push((late.id, late.key));
    let expected = Findings { acknowledged: COUNT + 1, missing: 4, ..Findings::default() };
    assert_eq!(case.check(), expected, "and all sent since");
}
