//! Hypotheses on the log: where readers stand, what they get, what is told of.

use super::*;
use crate::test_support::{encoder, entry, position};

const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// Every fifth event is the first of its second.
fn above(seq: u64) -> u8 {
    u8::try_from(seq % 5).unwrap()
}

fn log_of(seqs: std::ops::RangeInclusive<u64>) -> ByteLog {
    let mut log = ByteLog::new(position(1, seqs.start() - 1));
    for seq in seqs {
        let entry = entry(1, seq);
        let id = (entry.event.id, above(seq));
        log.append(id, entry.position, |out| encoder().entry(out, &entry, None));
    }
    log.seal(|_, _| ());
    log
}

fn text(log: &ByteLog, place: Place) -> String {
    let Read::Bytes(chunks, _) = log.read(place, READ_LEN_MAX) else { panic!("fell off") };
    chunks.iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect()
}

#[test]
fn a_position_in_the_log_is_a_place() {
    let log = log_of(1..=3);
    let place = log.place_after(position(1, 2)).unwrap();
    assert_eq!(text(&log, place), "id: 1~dc1:1:3\nevent: comment\ndata: {\"n\":3,\"e\":1}\n\n");
    assert_eq!(log.place_after(position(1, 0)).unwrap(), log.start());
    assert_eq!(log.place_after(position(1, 3)).unwrap(), log.end());
    for unknown in [position(1, 4), position(0, 2), position(2, 2)] {
        assert_eq!(log.place_after(unknown), None, "{unknown:?}");
    }
}

fn frame_of(seq: u64) -> String {
    format!("id: 1~dc1:1:{seq:x}\nevent: comment\ndata: {{\"n\":{seq},\"e\":1}}\n\n")
}

fn skipped(count: u64, from: u64, to: u64) -> String {
    let (from, to) = (format!("1~dc1:1:{from:x}"), format!("1~dc1:1:{to:x}"));
    format!("event: skipped\ndata: {{\"count\":{count},\"from\":\"{from}\",\"to\":\"{to}\"}}\n\n")
}

fn sampled(log: &ByteLog, place: &mut Place) -> String {
    let spot = |place: Place| Spot::from(place.position);
    let Read::Bytes(parts, next) = log.sample(*place, Tier::of(1), &encoder(), spot) else {
        panic!("fell off");
    };
    *place = next;
    parts.iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect()
}

#[test]
fn a_tier_is_shown_some_and_told_of_the_others() {
    let mut log = log_of(3..=11);
    let mut place = log.place_after(position(1, 3)).unwrap();
    let first = [skipped(1, 3, 4), frame_of(5), skipped(4, 5, 9), frame_of(10)].concat();
    assert_eq!(sampled(&log, &mut place), first);
    assert_eq!((place.position, sampled(&log, &mut place).as_str()), (position(1, 10), ""));
    log.append_latest(Latest::Heartbeat, HEARTBEAT);
    log.seal(|_, _| ());
    let last = format!("{}id: 1~dc1:1:b\n\n:\n\n", skipped(1, 10, 11));
    assert_eq!(sampled(&log, &mut place), last);
    assert_eq!((place, sampled(&log, &mut place).as_str()), (log.end(), ""));
    let all = format!("{}{last}", [skipped(4, 5, 9), frame_of(10)].concat());
    assert_eq!(sampled(&log, &mut log.place_after(position(1, 5)).unwrap()), all);
}

/// Whatever was appended, and wherever a tier reads: each event is shown or counted, once, and
/// what is told of begins where the reader stood.
#[test]
fn a_tier_is_told_of_everything_wherever_it_reads() {
    for seed in 0..200 {
        let mut log = ByteLog::new(position(1, 0));
        let (mut dice, mut seq) = (seed, 0);
        let mut roll = |sides: u64| {
            dice = u64::wrapping_mul(dice, 6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % sides
        };
        let mut readers = vec![log.start()];
        let mut told = vec![0; 1];
        for _ in 0..60 {
            match roll(6) {
                0 => log.append_latest(Latest::Heartbeat, HEARTBEAT),
                1 => {
                    seq += 1;
                    log.append_bare(position(1, seq), |out| {
                        encoder().bare(out, position(1, seq));
                    });
                }
                _ => {
                    seq += 1;
                    let entry = entry(1, seq);
                    let event = (entry.event.id, u8::try_from(roll(3)).unwrap());
                    log.append(event, entry.position, |out| encoder().entry(out, &entry, None));
                }
            }
            if roll(3) == 0 {
                log.seal(|_, _| ());
                readers.push(log.end());
                told.push(log.end().ordinal);
                let who = usize::try_from(roll(readers.len() as u64)).unwrap();
                told[who] += count(&sampled(&log, &mut readers[who]));
                assert_eq!(told[who], readers[who].ordinal, "seed {seed}");
            }
        }
        log.append_latest(Latest::Heartbeat, HEARTBEAT);
        log.seal(|_, _| ());
        for (mut reader, told) in readers.into_iter().zip(told) {
            let told = told + count(&sampled(&log, &mut reader));
            assert_eq!((reader, told), (log.end(), log.end().ordinal), "seed {seed}");
        }
    }
}

/// Events that are shown or told of.
fn count(text: &str) -> u64 {
    let told = text.lines().filter_map(|line| line.strip_prefix("data: {\"count\":"));
    let told = told.map(|rest| rest.split(',').next().unwrap().parse::<u64>().unwrap());
    told.sum::<u64>() + text.matches("event: comment").count() as u64
}

#[test]
fn the_newest_events() {
    let log = log_of(1..=5);
    assert_eq!(log.place_of_newest(2).position, position(1, 3));
    assert_eq!(log.place_of_newest(0), log.end());
    assert_eq!(log.place_of_newest(9), log.start());
}

#[test]
fn heartbeats_have_no_position() {
    let mut log = log_of(1..=1);
    let end = log.end();
    log.append_latest(Latest::Heartbeat, HEARTBEAT);
    assert!(log.seal(|_, _| ()) && !log.seal(|_, _| ()));
    assert_eq!(text(&log, end), ":\n\n");
    assert_eq!(log.place_after(position(1, 1)), Some(end));
}

#[test]
fn a_quiet_room_keeps_one_heartbeat() {
    let mut log = log_of(1..=1);
    let quiet_since = log.end();
    for _ in 0..3 {
        log.append_latest(Latest::Heartbeat, HEARTBEAT);
        log.seal(|_, _| ());
    }
    assert_eq!((log.segments.len(), text(&log, quiet_since).as_str()), (2, ":\n\n"));
    let listener = log.end();
    log.append_latest(Latest::Heartbeat, HEARTBEAT);
    log.seal(|_, _| ());
    assert_eq!(text(&log, listener), ":\n\n", "who listens gets each");
    log.append_bare(position(2, 0), |out| encoder().bare(out, position(2, 0)));
    log.seal(|_, _| ());
    assert_eq!(text(&log, quiet_since), ":\n\nid: 1~dc1:2:0\n\n");
}

/// Numbers come often; who comes back is not told all that they were.
#[test]
fn of_numbers_the_latest_is_kept_wherever_it_is() {
    let mut log = log_of(1..=1);
    let (start, mut seq) = (log.start(), 1);
    let mut say = |log: &mut ByteLog| {
        seq += 1;
        let entry = entry(1, seq);
        log.append((entry.event.id, 0), entry.position, |out| out.extend_from_slice(b"said\n"));
    };
    let told = |log: &mut ByteLog, kind, text: &'static str| {
        let before = log.end();
        log.append_latest(kind, Bytes::from_static(text.as_bytes()));
        assert!(log.seal(|_, _| ()));
        assert!(self::text(log, before).ends_with(text), "who listens gets each");
    };
    told(&mut log, Latest::Viewers, "one\n");
    let listener = log.end();
    say(&mut log);
    told(&mut log, Latest::Reactions, "likes\n");
    told(&mut log, Latest::Viewers, "two\n");
    say(&mut log);
    told(&mut log, Latest::Viewers, "three\n");
    told(&mut log, Latest::Heartbeat, ":\n");
    assert_eq!(text(&log, listener), "said\nlikes\nsaid\nthree\n:\n");
    assert_eq!(text(&log, start), frame_of(1) + "said\nlikes\nsaid\nthree\n:\n");
    let bytes: u32 = log.segments.iter().map(|segment| len(&segment.bytes)).sum();
    assert_eq!(log.len, bytes);
}

/// What is dropped takes no room: a quiet room keeps its comments however often its numbers change.
#[test]
fn numbers_push_nothing_out() {
    let mut log = log_of(1..=3);
    let long = Bytes::from(vec![b'x'; 100_000]);
    for _ in 0..200 {
        log.append_latest(Latest::Reactions, long.clone());
        log.seal(|_, _| ());
    }
    assert_eq!(log.place_after(position(1, 0)), Some(log.start()));
}

#[test]
fn a_tier_is_told_numbers_that_stand_among_what_it_leaves_out() {
    let mut log = log_of(1..=1);
    let mut place = log.end();
    for seq in 2..=4 {
        log.append_latest(Latest::Viewers, Bytes::from_static(b"many\n"));
        let entry = entry(1, seq);
        log.append((entry.event.id, 9), entry.position, |out| encoder().entry(out, &entry, None));
        log.seal(|_, _| ());
    }
    let told = format!("{}id: 1~dc1:1:4\n\nmany\n", skipped(3, 1, 4));
    assert_eq!(sampled(&log, &mut place), told);
    assert_eq!((place, sampled(&log, &mut place).as_str()), (log.end(), ""));
}

#[test]
fn what_is_trimmed_is_told() {
    let mut log = ByteLog::new(position(1, 0));
    let beginning = log.start();
    let big = vec![b'x'; 1024 * 1024];
    for seq in 1..=6 {
        let id = (entry(1, seq).event.id, 0);
        log.append(id, position(1, seq), |out| out.extend_from_slice(&big));
        log.seal(|_, _| ());
    }
    assert_eq!(log.read(beginning, READ_LEN_MAX), Read::FellOff);
    assert_eq!(log.start().position, position(1, 2));
    assert_eq!(log.place_after(position(1, 1)), None);
    assert!(!log.has(&entry(1, 2).event.id) && log.has(&entry(1, 3).event.id));
    let Read::Bytes(chunks, place) = log.read(log.start(), READ_LEN_MAX) else {
        panic!("fell off")
    };
    assert_eq!((chunks.len(), place.position), (1, position(1, 3)), "one read is bounded");
}
