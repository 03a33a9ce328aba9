//! What is known of events without a position, and for how long.

use common::position::Epoch;

use super::*;

fn id(n: u8) -> EventId {
    EventId::from_bytes([n; 16])
}

fn at(epoch: u64) -> Position {
    Position { epoch: Epoch(epoch), seq: 1 }
}

fn place(offset: u64, ordinal: u64) -> Place {
    Place { offset, ordinal, position: at(1) }
}

fn placeless() -> Placeless {
    Placeless::new(7, Spares::new(3))
}

/// As the event with this ordinal, of ten bytes each.
fn shown(placeless: &mut Placeless, n: u8, ordinal: u64, now: Millis) -> bool {
    let before = place(10 * (ordinal - 1), ordinal - 1);
    placeless.await_place((id(n), Stamp::default()), before, now).is_some()
}

/// Shown as 4th, 5th and 6th; positions come for the second, then for the first.
#[test]
fn a_place_between_an_event_and_its_position_misses_it() {
    let mut placeless = placeless();
    for (n, ordinal) in [(1, 4), (2, 5), (3, 6)] {
        assert!(shown(&mut placeless, n, ordinal, 0));
    }
    assert!(!placeless.misses(place(30, 3)), "all follow");
    assert!(placeless.misses(place(40, 4)), "the first may get its position any time");
    for (n, offset) in [(2, 70), (1, 80)] {
        let since = placeless.take(&id(n)).unwrap();
        placeless.substitute(place(offset, 6), since);
    }
    assert!(placeless.misses(place(40, 4)), "the first follows as a position only");
    assert!(placeless.misses(place(80, 6)), "the third is awaited");
    placeless.take(&id(3));
    assert!(!placeless.misses(place(80, 6)) && placeless.misses(place(79, 6)));
    assert_eq!(placeless.last_substitute(), Some(place(80, 6)));
    placeless.trim(place(80, 6));
    assert_eq!(placeless.last_substitute(), None);
}

#[test]
fn cursors_are_marked_as_long_as_it_matters() {
    let mut placeless = placeless();
    let marked = |ordinal| Some(Mark { life: 7, ordinal });
    let mark = |placeless: &Placeless, ordinal, start| placeless.mark(at(1), ordinal, start);
    assert_eq!(mark(&placeless, 3, place(0, 0)), None);
    shown(&mut placeless, 1, 4, 0);
    assert_eq!(mark(&placeless, 4, place(50, 9)), marked(4), "trimmed, but awaited");
    placeless.take(&id(1));
    assert_eq!(mark(&placeless, 5, place(0, 0)), marked(5), "still in the log");
    assert_eq!(mark(&placeless, 5, place(50, 4)), None);
    assert_eq!(placeless.mark(at(2), 5, place(50, 4)), marked(5), "in the second epoch");
    assert_eq!(placeless.mark(Position::NONE, 5, place(50, 4)), marked(5));
    assert_eq!(placeless.ordinal(marked(5)), Some(5));
    assert_eq!(placeless.ordinal(Some(Mark { life: 8, ordinal: 5 })), None);
}

#[test]
fn what_does_not_come_is_forgotten_and_makes_room() {
    let mut placeless = placeless();
    for n in 1..=3 {
        assert!(shown(&mut placeless, n, n.into(), 1_000));
    }
    assert!(!shown(&mut placeless, 4, 4, 50_000), "no room, but a sign of trouble");
    placeless.take(&id(2));
    assert!(shown(&mut placeless, 4, 4, 50_000));
    placeless.forget(50_000 + AWAITED_MS - 1);
    assert!(placeless.are_awaited());
    placeless.forget(50_000 + AWAITED_MS);
    assert!(!placeless.are_awaited() && placeless.has(&id(1)));
    placeless.forget(50_000 + KNOWN_MS);
    assert!(!placeless.has(&id(1)) && !placeless.has(&id(4)));
    let room = placeless.room.clone();
    assert!(shown(&mut placeless, 5, 5, 50_000 + KNOWN_MS));
    drop(placeless);
    assert_eq!(room.0.load(Relaxed), 3);
}
