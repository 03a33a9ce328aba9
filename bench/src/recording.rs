//! What the viewers saw, kept at O(1) and 8 bytes a delivery; judged only when all is over.

use std::collections::HashMap;

use crate::clock::to_ticks;
use crate::scanner::{Event, Status};

/// A comment's number: comments are numbered as the audience first sees them.
pub(crate) type Number = u32;

/// Numbers for comment ids.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    numbers: HashMap<u128, Number>,
    by_number: Vec<u128>,
}

impl Ids {
    /// The id's number. `guess` is the one that follows what this viewer saw last: while all
    /// viewers see one order it is right, and no hash is computed.
    fn number(&mut self, id: u128, guess: Number) -> Number {
        if self.by_number.get(guess as usize) == Some(&id) {
            return guess;
        }
        *self.numbers.entry(id).or_insert_with(|| {
            self.by_number.push(id);
            Number::try_from(self.by_number.len() - 1).unwrap_or(Number::MAX)
        })
    }

    pub(crate) fn find(&self, id: u128) -> Option<Number> {
        self.numbers.get(&id).copied()
    }

    /// How many different comments were seen.
    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }
}

/// One delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) number: Number,
    /// When its bytes were read, in ticks of the clock.
    pub(crate) at: u32,
}

/// A gap that the server told the viewer of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// How many sightings stand before it.
    pub(crate) after: usize,
    /// Events left out, as `skipped` says; none for a `reset`, which leaves out any number.
    pub(crate) count: Option<u64>,
}

/// An answer that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    /// When its first block was read, in ticks of the clock.
    pub(crate) at: u32,
    pub(crate) status: Status,
}

/// Everything one viewer saw, in its order.
#[derive(Debug, Default)]
pub(crate) struct Viewed {
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) resumes: Vec<Resume>,
    /// Blocks that could not be understood.
    pub(crate) unreadable: u32,
    /// The stream said `end`.
    pub(crate) ended: bool,
}

impl Viewed {
    /// Its first answer that began at `since` (ticks) or later.
    pub(crate) fn resume_since(&self, since: u32) -> Option<Resume> {
        self.resumes.iter().find(|resume| resume.at >= since).copied()
    }

    /// Notes one event. This is the hot path.
    pub(crate) fn note(&mut self, event: Event, ids: &mut Ids, at_us: u64) {
        let after = self.sightings.len();
        match event {
            Event::Comment(id) => {
                let guess = self.sightings.last().map_or(0, |last| last.number.wrapping_add(1));
                let number = ids.number(id, guess);
                self.sightings.push(Sighting { number, at: to_ticks(at_us) });
            }
            Event::Resume(status) => {
                self.resumes.push(Resume { at: to_ticks(at_us), status });
                if status == Status::Reset {
                    self.gaps.push(Gap { after, count: None });
                }
            }
            Event::Skipped(count) => self.gaps.push(Gap { after, count: Some(count) }),
            Event::Unreadable => self.unreadable += 1,
            Event::End => self.ended = true,
            Event::Other => {}
        }
    }
}

/// What a whole audience saw.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) ids: Ids,
    pub(crate) viewers: Vec<Viewed>,
}

impl Recording {
    /// Adds another audience's viewers, renumbering what they saw.
    pub(crate) fn absorb(&mut self, other: Recording) {
        let numbers: Vec<Number> =
            other.ids.by_number.iter().map(|&id| self.ids.number(id, Number::MAX)).collect();
        for mut viewed in other.viewers {
            for sighting in &mut viewed.sightings {
                sighting.number = numbers[sighting.number as usize];
            }
            self.viewers.push(viewed);
        }
    }

    /// True when every viewer has seen every one of `ids`.
    pub(crate) fn has_everywhere(&self, ids: &[u128]) -> bool {
        // Cheap and almost always enough to say no.
        if self.viewers.iter().any(|viewed| viewed.sightings.len() < ids.len()) {
            return false;
        }
        let Some(wanted) = ids.iter().map(|&id| self.ids.find(id)).collect::<Option<Vec<_>>>()
        else {
            return false;
        };
        let mut seen_by = vec![0; self.ids.len()];
        (1..).zip(&self.viewers).all(|(viewer, viewed)| {
            for sighting in &viewed.sightings {
                seen_by[sighting.number as usize] = viewer;
            }
            wanted.iter().all(|&number| seen_by[number as usize] == viewer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(recording: &mut Recording, ids: &[u128]) {
        let mut viewed = Viewed::default();
        for &id in ids {
            viewed.note(Event::Comment(id), &mut recording.ids, 5);
        }
        recording.viewers.push(viewed);
    }

    fn numbers(viewed: &Viewed) -> Vec<Number> {
        viewed.sightings.iter().map(|sighting| sighting.number).collect()
    }

    #[test]
    fn numbers_in_order_of_first_sight() {
        let mut recording = Recording::default();
        watch(&mut recording, &[70, 80, 90]);
        watch(&mut recording, &[70, 90, 80, 60, 70]);
        assert_eq!(numbers(&recording.viewers[0]), [0, 1, 2]);
        assert_eq!(numbers(&recording.viewers[1]), [0, 2, 1, 3, 0]);
    }

    #[test]
    fn absorbing_keeps_what_was_seen() {
        let (mut one, mut other) = (Recording::default(), Recording::default());
        watch(&mut one, &[70, 80]);
        watch(&mut other, &[80, 70, 60]);
        one.absorb(other);
        assert_eq!(numbers(&one.viewers[1]), [1, 0, 2]);
        assert_eq!(one.ids.find(60), Some(2));
    }

    #[test]
    fn knows_when_all_have_all() {
        let mut recording = Recording::default();
        watch(&mut recording, &[70, 80, 90]);
        watch(&mut recording, &[70, 80, 80]);
        assert!(recording.has_everywhere(&[80, 70]));
        assert!(!recording.has_everywhere(&[70, 80, 90]), "a double is no substitute");
        assert!(!recording.has_everywhere(&[60]));
    }
}
