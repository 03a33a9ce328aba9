//! Negative controls: each kind of mutant must be caught, counted once and blamed on nobody else.

use proptest::prelude::*;

use super::*;
use crate::scanner::{Event, Status};

/// Viewers that saw these events, all at one time.
fn recording(viewers: &[Vec<Event>]) -> Recording {
    let mut recording = Recording::default();
    for events in viewers {
        let mut viewed = Viewed::default();
        for &event in events {
            viewed.note(event, &mut recording.ids, 0);
        }
        recording.viewers.push(viewed);
    }
    recording
}

fn comments(ids: impl IntoIterator<Item = u128>) -> Vec<Event> {
    ids.into_iter().map(Event::Comment).collect()
}

fn acknowledged() -> Vec<u128> {
    (0..20).collect()
}

/// Four viewers of which one is a mutant: the first (who numbers the comments), or the last.
fn findings_of(mutant: &[Event]) -> Vec<Findings> {
    let clean = comments(0..20);
    [0, 3]
        .map(|seat| {
            let mut viewers = vec![clean.clone(); 4];
            viewers[seat] = mutant.to_vec();
            check(&recording(&viewers), &acknowledged())
        })
        .to_vec()
}

#[test]
fn a_faithful_stream_passes() {
    let twenty = vec![comments(0..20); 4];
    assert_eq!(check(&recording(&twenty), &acknowledged()), Findings::default());
}

#[test]
fn a_dropped_comment_is_caught() {
    for dropped in 0..20 {
        let mutant = comments((0..20).filter(|&id| id != dropped));
        for findings in findings_of(&mutant) {
            let expected = Findings { lost: 1, viewers_hit: 1, ..Findings::default() };
            assert_eq!(findings, expected, "{dropped} dropped");
        }
    }
}

#[test]
fn a_doubled_comment_is_caught() {
    for doubled in 0..20 {
        for place in doubled..20 {
            let mut mutant = comments(0..20);
            mutant.insert(place as usize + 1, Event::Comment(doubled));
            for findings in findings_of(&mutant) {
                let expected = Findings { duplicates: 1, viewers_hit: 1, ..Findings::default() };
                assert_eq!(findings, expected, "{doubled} again after {place}");
            }
        }
    }
}

#[test]
fn a_comment_out_of_place_is_caught() {
    for (from, to) in [(0, 1), (5, 6), (18, 19), (3, 15), (15, 3), (19, 0)] {
        let mut mutant = comments(0..20);
        let moved = mutant.remove(from);
        mutant.insert(to, moved);
        for findings in findings_of(&mutant) {
            let expected = Findings { reordered: 1, viewers_hit: 1, ..Findings::default() };
            assert_eq!(findings, expected, "{from} moved to {to}");
        }
    }
}

#[test]
fn what_nobody_saw_is_lost_for_everyone() {
    let all = vec![comments(0..20); 4];
    let acknowledged: Vec<u128> = (0..21).collect();
    assert_eq!(check(&recording(&all), &acknowledged).lost, 4);
    let none = vec![Vec::new(); 4];
    assert_eq!(check(&recording(&none), &acknowledged).lost, 84);
}

#[test]
fn an_unacknowledged_comment_may_come_once() {
    let mut viewers = vec![comments(0..21); 4];
    let expected = Findings { unacknowledged_seen: 1, ..Findings::default() };
    assert_eq!(check(&recording(&viewers), &acknowledged()), expected);
    viewers[1].push(Event::Comment(20));
    assert_eq!(check(&recording(&viewers), &acknowledged()).duplicates, 1);
    viewers[2].pop();
    assert_eq!(check(&recording(&viewers), &acknowledged()).lost, 0);
}

#[test]
fn a_told_gap_is_left_out_and_not_lost() {
    let gap = |event: Event, hole: std::ops::Range<u128>| {
        let mut mutant = comments(0..hole.start);
        mutant.push(event);
        mutant.extend(comments(hole.end..20));
        mutant
    };
    let told = |lost, left_out| Findings { lost, left_out, viewers_hit: 1, ..Findings::default() };
    for hole in [0..4, 7..11, 16..20] {
        for findings in findings_of(&gap(Event::Skipped(4), hole.clone())) {
            assert_eq!(findings, told(0, 4), "{hole:?} skipped");
        }
        for findings in findings_of(&gap(Event::Skipped(1), hole.clone())) {
            assert_eq!(findings, told(3, 1), "{hole:?} skipped, but told of one only");
        }
        for findings in findings_of(&gap(Event::Resume(Status::Reset), hole.clone())) {
            assert_eq!(findings, told(0, 4), "{hole:?} reset");
        }
        for findings in findings_of(&gap(Event::Resume(Status::Continued), hole.clone())) {
            assert_eq!(findings, told(4, 0), "{hole:?} continued, which it was not");
        }
    }
}

#[test]
fn a_gap_told_elsewhere_excuses_nothing() {
    let mut mutant = comments((0..20).filter(|&id| id != 15));
    mutant.insert(3, Event::Resume(Status::Reset));
    for findings in findings_of(&mutant) {
        assert_eq!(findings.lost, 1);
    }
}

#[test]
fn what_nobody_saw_may_have_been_told() {
    let mut viewers = vec![comments(0..19); 2];
    viewers[0].push(Event::Skipped(1));
    let findings = check(&recording(&viewers), &acknowledged());
    assert_eq!((findings.lost, findings.left_out), (1, 1));
}

/// A restart without a log: everyone leaves and comes back at a time of their own.
#[test]
fn gaps_of_their_own_are_told_apart() {
    let away = |from: u128, to: u128| {
        let mut events = comments(0..from);
        events.push(Event::Resume(Status::Reset));
        events.extend(comments(to..20));
        events
    };
    // Numbered by time of first sight, which the first viewer alone would not give.
    let viewers = [comments(0..9), away(7, 12), away(9, 11), away(8, 10), away(5, 13)];
    let mut all = recording(&[]);
    for (seat, events) in viewers.iter().enumerate() {
        let mut viewed = Viewed::default();
        for &event in events {
            let at_us = if let Event::Comment(id) = event { id as u64 * 1_000 } else { 0 };
            viewed.note(event, &mut all.ids, at_us);
        }
        if seat == 0 {
            viewed.note(Event::Resume(Status::Reset), &mut all.ids, 0);
        }
        all.viewers.push(viewed);
    }
    let seen: Vec<u128> = (0..20).filter(|id| *id != 9).collect();
    let findings = check(&all, &seen);
    assert_eq!((findings.lost, findings.reordered, findings.duplicates), (0, 0, 0));
}

proptest! {
    /// Whatever the viewers saw, the sums hold: seen once, lost or left out.
    #[test]
    fn the_sums_hold(streams in prop::collection::vec(prop::collection::vec(0u128..30, 0..40), 1..6)) {
        let viewers: Vec<_> = streams.iter().map(|ids| comments(ids.iter().copied())).collect();
        let findings = check(&recording(&viewers), &acknowledged());
        let mut seen = 0;
        for ids in &streams {
            let distinct: std::collections::HashSet<_> = ids.iter().collect();
            seen += distinct.iter().filter(|id| ***id < 20).count() as u64;
        }
        prop_assert_eq!(findings.lost + seen, 20 * streams.len() as u64);
        let total: usize = streams.iter().map(Vec::len).sum();
        let distinct: usize = streams.iter().map(|ids| {
            ids.iter().collect::<std::collections::HashSet<_>>().len()
        }).sum();
        prop_assert_eq!(findings.duplicates, (total - distinct) as u64);
    }
}
