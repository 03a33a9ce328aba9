//! The one order of a video's comments, as its viewers agree on it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

use common::ids::CommentId;

/// Each comment's rank. Whatever a viewer saw right after each other it says to be in that order;
/// where viewers contradict each other the majority is followed, so that who is odd is odd alone.
pub(crate) fn ranks(sequences: &[Vec<CommentId>]) -> HashMap<CommentId, usize> {
    // Before → after → how many viewers say so.
    let mut said: HashMap<CommentId, BTreeMap<CommentId, usize>> = HashMap::new();
    let mut against: BTreeMap<CommentId, usize> = BTreeMap::new();
    for sequence in sequences {
        against.extend(sequence.iter().map(|id| (*id, 0)));
    }
    for pair in sequences.iter().flat_map(|sequence| sequence.windows(2)) {
        *said.entry(pair[0]).or_default().entry(pair[1]).or_default() += 1;
        *against.entry(pair[1]).or_default() += 1;
    }
    // Next is what the fewest want something else before: nobody, unless they contradict.
    let mut next: BinaryHeap<_> =
        against.iter().map(|(id, count)| Reverse((*count, *id))).collect();
    let mut ranks = HashMap::new();
    while let Some(Reverse((_, id))) = next.pop() {
        if ranks.contains_key(&id) {
            continue; // counted again since
        }
        ranks.insert(id, ranks.len());
        for (after, count) in said.remove(&id).unwrap_or_default() {
            let left = against.get_mut(&after).unwrap();
            *left -= count;
            next.push(Reverse((*left, after)));
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<CommentId> {
        (0..count).map(|_| CommentId::now()).collect()
    }

    fn ordered(sequences: &[Vec<CommentId>]) -> Vec<CommentId> {
        let mut ordered: Vec<_> = ranks(sequences).into_iter().collect();
        ordered.sort_by_key(|(_, rank)| *rank);
        ordered.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn parts_that_overlap_make_one_order() {
        let id = ids(6);
        let whole = vec![id[3], id[0], id[5], id[1], id[4], id[2]];
        let parts = [vec![whole[0], whole[2]], whole[1..5].to_vec(), whole[3..].to_vec()];
        let with_start = [&parts[..], &[vec![whole[0], whole[1]]]].concat();
        assert_eq!(ordered(&with_start), whole);
    }

    #[test]
    fn the_majority_is_followed() {
        let id = ids(3);
        let odd = vec![id[0], id[2], id[1]];
        assert_eq!(ordered(&[id.clone(), odd, id.clone()]), id);
        assert_eq!(ordered(&[]), []);
    }
}
