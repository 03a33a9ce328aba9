//! Holds what viewers saw against what was acknowledged: every comment, once, in one order.

use crate::order::{out_of_place, ranks};
use crate::recording::{Recording, Viewed};

/// Deliveries that went wrong, over all viewers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Acknowledged comments that a viewer never got and was not told of.
    pub(crate) lost: u64,
    /// Acknowledged comments left out where `skipped` or `reset` said so.
    pub(crate) left_out: u64,
    pub(crate) duplicates: u64,
    /// The fewest comments that would have to be moved to give every viewer the same order.
    pub(crate) reordered: u64,
    /// Viewers with any of these.
    pub(crate) viewers_hit: u64,
    /// Comments seen that nobody acknowledged (outcome unknown, or another's).
    pub(crate) unacknowledged_seen: u64,
}

impl Findings {
    /// Adds another's: of other viewers, or of another video.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.lost += other.lost;
        self.left_out += other.left_out;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.viewers_hit += other.viewers_hit;
        self.unacknowledged_seen += other.unacknowledged_seen;
    }
}

/// Judges a finished run.
pub(crate) fn check(recording: &Recording, acknowledged: &[u128]) -> Findings {
    Yardstick::new(recording, acknowledged).judge(&recording.viewers)
}

/// One order, and what every viewer must have seen of it.
struct Yardstick {
    /// Rank by comment number.
    ranks: Vec<u32>,
    /// By rank: was it acknowledged?
    wanted: Vec<bool>,
    /// Acknowledged, but seen by nobody: they have no rank.
    unseen: u64,
    /// By rank, for the viewer under judgement.
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Absent,
    Seen,
    LeftOut,
}

impl Yardstick {
    fn new(recording: &Recording, acknowledged: &[u128]) -> Self {
        let comments = recording.ids.len();
        let ranks = ranks(&recording.viewers, comments);
        let mut wanted = vec![false; comments];
        let mut unseen = 0;
        for &id in acknowledged {
            match recording.ids.find(id) {
                Some(number) => wanted[ranks[number as usize] as usize] = true,
                None => unseen += 1,
            }
        }
        Self { ranks, wanted, unseen, marks: vec![Mark::Absent; comments] }
    }

    fn judge(&mut self, viewers: &[Viewed]) -> Findings {
        let unacknowledged = self.wanted.iter().filter(|&&wanted| !wanted).count() as u64;
        let mut all = Findings { unacknowledged_seen: unacknowledged, ..Findings::default() };
        for viewed in viewers {
            let one = self.judge_one(viewed);
            let is_hit = one != Findings::default();
            all.absorb(&Findings { viewers_hit: u64::from(is_hit), ..one });
        }
        all
    }

    fn judge_one(&mut self, viewed: &Viewed) -> Findings {
        self.marks.fill(Mark::Absent);
        let mut order = Vec::with_capacity(viewed.sightings.len());
        for sighting in &viewed.sightings {
            let rank = self.ranks[sighting.number as usize];
            if self.marks[rank as usize] == Mark::Absent {
                self.marks[rank as usize] = Mark::Seen;
                order.push(rank);
            }
        }
        let (told, spare) = self.mark_left_out(viewed);
        let left_out = told + self.unseen.min(spare);
        let absent = self
            .marks
            .iter()
            .zip(&self.wanted)
            .filter(|&(&mark, &wanted)| wanted && mark == Mark::Absent);
        Findings {
            lost: absent.count() as u64 + self.unseen - (left_out - told),
            left_out,
            duplicates: (viewed.sightings.len() - order.len()) as u64,
            reordered: out_of_place(&order) as u64,
            ..Findings::default()
        }
    }

    /// Marks what is absent exactly where the viewer was told of a gap, and as much as it was told.
    /// Returns how many that were, and how many more the gaps would cover.
    fn mark_left_out(&mut self, viewed: &Viewed) -> (u64, u64) {
        let rank_at = |index: usize| {
            viewed
                .sightings
                .get(index)
                .map(|sighting| self.ranks[sighting.number as usize] as usize)
        };
        let (mut marked, mut spare) = (0, 0u64);
        for gap in &viewed.gaps {
            let from = gap.after.checked_sub(1).and_then(rank_at).map_or(0, |rank| rank + 1);
            let to = rank_at(gap.after).unwrap_or(self.marks.len());
            let mut left = gap.count.unwrap_or(u64::MAX);
            for rank in from..to.max(from) {
                if left > 0 && self.wanted[rank] && self.marks[rank] == Mark::Absent {
                    self.marks[rank] = Mark::LeftOut;
                    marked += 1;
                    left -= 1;
                }
            }
            spare = spare.saturating_add(left);
        }
        (marked, spare)
    }
}

#[cfg(test)]
mod tests;
