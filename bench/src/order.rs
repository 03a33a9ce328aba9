//! The one order that viewers are held against, and how far one of them is from it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::recording::{Number, Viewed};

/// Each comment's rank in the order that the viewers agree on.
///
/// Whatever one viewer saw next to each other it says to be in that order. If all that is said fits
/// together, the order says the same; where viewers contradict each other, the majority is
/// followed, so that an odd viewer is odd alone. What nobody has said anything about goes by when
/// it was first seen.
pub(crate) fn ranks(viewers: &[Viewed], comments: usize) -> Vec<u32> {
    let mut said = Said::new(comments);
    for viewed in viewers {
        said.add(viewed);
    }
    said.ranks()
}

/// How many viewers said that one comment comes right before another.
struct Said {
    /// By number: the follower first named, and by how many. The last slot is the start.
    follower: Vec<(Number, u32)>,
    /// Other followers: none as long as all viewers see the same.
    others: HashMap<(Number, Number), u32>,
    first_seen_at: Vec<u32>,
    /// The viewer, counted from 1, that saw a comment last: a second time says nothing.
    seen_by: Vec<u32>,
    viewers: u32,
}

impl Said {
    fn new(comments: usize) -> Self {
        Self {
            follower: vec![(Number::MAX, 0); comments + 1],
            others: HashMap::new(),
            first_seen_at: vec![u32::MAX; comments],
            seen_by: vec![0; comments],
            viewers: 0,
        }
    }

    fn add(&mut self, viewed: &Viewed) {
        self.viewers += 1;
        let mut before = self.first_seen_at.len();
        for sighting in &viewed.sightings {
            let number = sighting.number as usize;
            if std::mem::replace(&mut self.seen_by[number], self.viewers) == self.viewers {
                continue;
            }
            self.first_seen_at[number] = self.first_seen_at[number].min(sighting.at);
            let (follower, count) = &mut self.follower[before];
            if *count == 0 {
                *follower = sighting.number;
            }
            if *follower == sighting.number {
                *count += 1;
            } else {
                *self.others.entry((to_number(before), sighting.number)).or_default() += 1;
            }
            before = number;
        }
    }

    fn followers(&self) -> Vec<Vec<(Number, u32)>> {
        let mut followers: Vec<Vec<_>> = self.follower.iter().map(|&named| vec![named]).collect();
        for (&(before, number), &count) in &self.others {
            followers[before as usize].push((number, count));
        }
        for named in &mut followers {
            named.retain(|&(_, count)| count > 0);
        }
        followers
    }

    /// Takes next what the fewest viewers want something else before: nobody, without
    /// contradiction.
    fn ranks(&self) -> Vec<u32> {
        let comments = self.first_seen_at.len();
        let followers = self.followers();
        // By number: how many viewers still want another comment before it.
        let mut against = vec![0u64; comments];
        for &(number, count) in followers.iter().flatten() {
            against[number as usize] += u64::from(count);
        }
        let mut ranks = vec![u32::MAX; comments];
        let mut next = BinaryHeap::new();
        let mut taken = comments;
        let mut rank = 0;
        loop {
            for &(number, count) in &followers[taken] {
                let number_at = number as usize;
                against[number_at] -= u64::from(count);
                let entry = (against[number_at], self.first_seen_at[number_at], number);
                next.push(Reverse(entry));
            }
            // Entries that a later one of the same comment has overtaken find it ranked.
            let free = std::iter::from_fn(|| next.pop())
                .find(|Reverse((_, _, number))| ranks[*number as usize] == u32::MAX);
            let Some(Reverse((_, _, number))) = free else { return ranks };
            taken = number as usize;
            ranks[taken] = rank;
            rank += 1;
        }
    }
}

fn to_number(index: usize) -> Number {
    Number::try_from(index).unwrap_or(Number::MAX)
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
    use proptest::prelude::*;

    use super::*;
    use crate::recording::Sighting;

    /// Comment n is seen at n.
    fn viewed(numbers: &[Number]) -> Viewed {
        let seen = |&number| Sighting { number, at: number };
        Viewed { sightings: numbers.iter().map(seen).collect(), ..Viewed::default() }
    }

    #[test]
    fn holes_are_filled_from_what_others_saw() {
        let viewers = [viewed(&[0, 1, 2]), viewed(&[4, 0, 3, 1, 2])];
        assert_eq!(ranks(&viewers, 5), [1, 3, 4, 2, 0]);
        // Nobody saw all, and no two the same.
        let viewers = [viewed(&[0, 4]), viewed(&[0, 2, 4]), viewed(&[0, 1, 3, 4]), viewed(&[2, 3])];
        assert_eq!(ranks(&viewers, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_nobody_compared_goes_by_time() {
        // A restart: the first viewer left before 1, the second came back after 2.
        let viewers = [viewed(&[0, 2, 3]), viewed(&[0, 1, 3])];
        assert_eq!(ranks(&viewers, 4), [0, 1, 2, 3]);
    }

    #[test]
    fn the_majority_is_followed() {
        let odd = viewed(&[0, 4, 1, 2, 3]);
        let viewers = [odd, viewed(&[0, 1, 2, 3, 4]), viewed(&[0, 1, 2, 3, 4])];
        assert_eq!(ranks(&viewers, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn counts_the_fewest_moves() {
        assert_eq!(out_of_place(&[]), 0);
        assert_eq!(out_of_place(&[1, 2, 5, 9]), 0);
        assert_eq!(out_of_place(&[1, 3, 2, 4]), 1);
        assert_eq!(out_of_place(&[9, 1, 2, 3]), 1, "one came early, three did not come late");
        assert_eq!(out_of_place(&[4, 3, 2, 1]), 3);
    }

    proptest! {
        /// Viewers that all follow one order, with whatever holes, are never out of place.
        #[test]
        fn whoever_follows_one_order_is_in_place(
            order in Just((0..12u32).collect::<Vec<_>>()).prop_shuffle(),
            holes in prop::collection::vec(prop::collection::vec(any::<bool>(), 12), 1..6),
        ) {
            let viewers: Vec<_> = holes
                .iter()
                .map(|seen| {
                    let numbers = order.iter().zip(seen).filter(|(_, seen)| **seen);
                    viewed(&numbers.map(|(number, _)| *number).collect::<Vec<_>>())
                })
                .collect();
            let ranks = ranks(&viewers, 12);
            for viewer in &viewers {
                let own: Vec<_> =
                    viewer.sightings.iter().map(|seen| ranks[seen.number as usize]).collect();
                prop_assert_eq!(out_of_place(&own), 0);
            }
        }
    }
}
