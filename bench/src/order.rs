//! The one order that viewers are held against, and how far one of them is from it.

use crate::recording::{Number, Viewed};

const NONE: Number = Number::MAX;

/// Each comment's rank in the order that `base` saw. What `base` missed is put where the others
/// saw it, so that a hole in one viewer's stream is that viewer's alone.
pub(crate) fn ranks(viewers: &[Viewed], base: usize, comments: usize) -> Vec<u32> {
    let mut chain = Chain::new(comments);
    let others = (0..viewers.len()).filter(|&viewer| viewer != base);
    for viewer in std::iter::once(base).chain(others) {
        if chain.linked == comments {
            break;
        }
        chain.add(&viewers[viewer]);
    }
    chain.ranks()
}

/// A linked list over comment numbers: inserting in its middle moves nothing.
struct Chain {
    /// The number behind each one; the last slot is the list's head.
    next: Vec<Number>,
    is_linked: Vec<bool>,
    linked: usize,
}

impl Chain {
    fn new(comments: usize) -> Self {
        Self { next: vec![NONE; comments + 1], is_linked: vec![false; comments], linked: 0 }
    }

    fn add(&mut self, viewed: &Viewed) {
        let mut before = self.next.len() - 1;
        for sighting in &viewed.sightings {
            let number = sighting.number as usize;
            if !self.is_linked[number] {
                self.is_linked[number] = true;
                self.linked += 1;
                self.next[number] = self.next[before];
                self.next[before] = sighting.number;
            }
            before = number;
        }
    }

    fn ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; self.is_linked.len()];
        let mut at = self.next[self.is_linked.len()];
        let mut rank = 0;
        while at != NONE {
            ranks[at as usize] = rank;
            rank += 1;
            at = self.next[at as usize];
        }
        ranks
    }
}

/// How few of `ranks` (all different) must be moved to make them rise: all but those of a longest
/// rising subsequence.
pub(crate) fn out_of_place(ranks: &[u32]) -> usize {
    if ranks.is_sorted() {
        return 0;
    }
    // The smallest rank that ends a rising subsequence of each length.
    let mut ends: Vec<u32> = Vec::new();
    for &rank in ranks {
        let at = ends.partition_point(|&end| end < rank);
        match ends.get_mut(at) {
            Some(end) => *end = rank,
            None => ends.push(rank),
        }
    }
    ranks.len() - ends.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Sighting;

    fn viewed(numbers: &[Number]) -> Viewed {
        let sightings = numbers.iter().map(|&number| Sighting { number, at: 0 }).collect();
        Viewed { sightings, ..Viewed::default() }
    }

    #[test]
    fn what_the_base_missed_goes_where_the_others_saw_it() {
        // Seen first by the base as 0 1 2; the others have 3 between 0 and 1 and 4 at the front.
        let viewers = [viewed(&[0, 1, 2]), viewed(&[4, 0, 3, 1, 2])];
        assert_eq!(ranks(&viewers, 0, 5), [1, 3, 4, 2, 0]);
        assert_eq!(ranks(&viewers, 1, 5), [1, 3, 4, 2, 0]);
    }

    #[test]
    fn counts_the_fewest_moves() {
        assert_eq!(out_of_place(&[]), 0);
        assert_eq!(out_of_place(&[1, 2, 5, 9]), 0);
        assert_eq!(out_of_place(&[1, 3, 2, 4]), 1);
        assert_eq!(out_of_place(&[9, 1, 2, 3]), 1, "one came early, three did not come late");
        assert_eq!(out_of_place(&[4, 3, 2, 1]), 3);
    }
}
