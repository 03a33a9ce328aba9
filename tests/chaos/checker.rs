//! Holds what the viewers of a video saw against what was acknowledged: every comment, once, in one
//! order, unless the viewer was told otherwise; and all of them in history, one for each key.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    ops::AddAssign,
};

use common::ids::CommentId;

use crate::{
    order::ranks,
    recording::{Acknowledged, Recording, What},
};

/// All there is to know about one video.
pub(crate) struct Evidence<'a> {
    pub(crate) acknowledged: &'a [Acknowledged],
    pub(crate) recordings: &'a [Recording],
    /// Every comment that history has beyond the earlier ones, with its text.
    pub(crate) history: &'a [(CommentId, String)],
    /// Comments of earlier chapters: everyone has seen them.
    pub(crate) earlier: &'a HashSet<CommentId>,
}

/// What is wrong, over all viewers; and what they were told, which is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) acknowledged: usize,
    /// Acknowledged, but not in history.
    pub(crate) lost: usize,
    /// In history, but not what was acknowledged under its key.
    pub(crate) second: usize,
    /// Shown, but neither acknowledged nor in history.
    pub(crate) strange: usize,
    /// Viewer by viewer: not shown, and nothing said.
    pub(crate) missing: usize,
    /// Viewer by viewer: shown again, and nothing said.
    pub(crate) doubled: usize,
    /// Viewer by viewer: shown before one that everybody else saw earlier.
    pub(crate) swapped: usize,
    /// Viewers whose EventSource gave up for good.
    pub(crate) given_up: usize,
    /// Left out where a viewer was told so.
    pub(crate) told_missing: usize,
    /// Shown again where a viewer was told so.
    pub(crate) told_again: usize,
    /// Shown again to a viewer that changed gateways, and first shown without a position.
    pub(crate) again_elsewhere: usize,
    /// Viewer by viewer: shown without a position.
    pub(crate) placeless: usize,
    pub(crate) resets: usize,
    pub(crate) skips: usize,
}

impl Findings {
    /// Whether every promise was kept.
    pub(crate) fn is_clean(&self) -> bool {
        let Self { lost, second, strange, missing, doubled, swapped, given_up, .. } = self;
        [lost, second, strange, missing, doubled, swapped, given_up].iter().all(|n| **n == 0)
    }
}

impl AddAssign for Findings {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.second += other.second;
        self.strange += other.strange;
        self.missing += other.missing;
        self.doubled += other.doubled;
        self.swapped += other.swapped;
        self.given_up += other.given_up;
        self.told_missing += other.told_missing;
        self.told_again += other.told_again;
        self.again_elsewhere += other.again_elsewhere;
        self.placeless += other.placeless;
        self.resets += other.resets;
        self.skips += other.skips;
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, lost, second, strange, missing, doubled, swapped, .. } = self;
        write!(out, "{acknowledged} acknowledged, {lost} lost, {missing} missing, ")?;
        write!(out, "{doubled} doubled, {swapped} out of order, ")?;
        write!(out, "told {} resets and {} skips", self.resets, self.skips)?;
        for (count, what) in [
            (second, "SECOND UNDER A KEY"),
            (strange, "NOBODY'S"),
            (&self.given_up, "VIEWERS GAVE UP"),
            (&self.told_missing, "missing as told"),
            (&self.told_again, "again as told"),
            (&self.again_elsewhere, "again at another gateway"),
            (&self.placeless, "without a position"),
        ] {
            if *count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// Judges one video.
pub(crate) fn check(evidence: &Evidence) -> Findings {
    let Evidence { acknowledged, recordings, history, .. } = evidence;
    let mut all = in_history(acknowledged, history);
    let stored: HashSet<_> = history.iter().map(|(id, _)| *id).collect();
    let placeless = placeless(recordings);
    let read: Vec<_> =
        recordings.iter().map(|recording| Reading::of(recording, evidence, &placeless)).collect();
    let sequences: Vec<_> = read.iter().map(|reading| reading.ordered.clone()).collect();
    let ranks = ranks(&sequences);
    let shown: HashSet<_> = read.iter().flat_map(|reading| &reading.sequence).collect();
    all.strange = shown.into_iter().filter(|id| !stored.contains(id)).count();
    for (reading, recording) in read.into_iter().zip(*recordings) {
        all += reading.judge(recording, acknowledged, &ranks);
    }
    all
}

/// What anybody was shown without a position: the order says nothing of it.
fn placeless(recordings: &[Recording]) -> HashSet<CommentId> {
    let seen = recordings.iter().flat_map(|recording| &recording.seen);
    let id = |what| if let What::Placeless(id) = what { Some(id) } else { None };
    seen.filter_map(|seen| id(seen.what)).collect()
}

fn in_history(acknowledged: &[Acknowledged], history: &[(CommentId, String)]) -> Findings {
    let stored: BTreeSet<_> = history.iter().map(|(id, text)| (*id, text.as_str())).collect();
    let known: BTreeSet<_> = acknowledged.iter().map(|a| (a.id, a.key.as_str())).collect();
    Findings {
        acknowledged: acknowledged.len(),
        lost: known.difference(&stored).count(),
        second: stored.difference(&known).count() + history.len() - stored.len(),
        ..Findings::default()
    }
}

/// A place in a viewer's sequence where it was told that something is missing.
struct Gap {
    /// How many comments it had seen by then.
    after: usize,
    /// At most so many.
    room: usize,
}

/// One viewer's recording, read once from beginning to end.
#[derive(Default)]
struct Reading {
    /// What it saw, each the first time.
    sequence: Vec<CommentId>,
    /// Of that, what the order tells of.
    ordered: Vec<CommentId>,
    gaps: Vec<Gap>,
    findings: Findings,
}

impl Reading {
    fn of(recording: &Recording, evidence: &Evidence, placeless: &HashSet<CommentId>) -> Self {
        let mut reading = Self::default();
        let mut met = HashSet::new();
        // How many more of the next comments may be ones that it has seen.
        let mut replaying = 0;
        let mut has_moved = false;
        for seen in &recording.seen {
            let after = reading.ordered.len();
            let findings = &mut reading.findings;
            match seen.what {
                What::Joined | What::Continued => replaying = 0,
                What::Moved => (replaying, has_moved) = (0, true),
                What::Reset { replayed } => {
                    replaying = replayed;
                    findings.resets += 1;
                    reading.gaps.push(Gap { after, room: usize::MAX });
                }
                What::Skipped { count } => {
                    findings.skips += 1;
                    reading.gaps.push(Gap { after, room: count.try_into().unwrap_or(usize::MAX) });
                }
                What::Comment(id) | What::Placeless(id) => {
                    findings.placeless += usize::from(matches!(seen.what, What::Placeless(_)));
                    let again = evidence.earlier.contains(&id) || !met.insert(id);
                    match (again, replaying > 0) {
                        (false, _) => {
                            reading.sequence.push(id);
                            reading.ordered.extend((!placeless.contains(&id)).then_some(id));
                        }
                        (true, true) => findings.told_again += 1,
                        (true, false) if has_moved && placeless.contains(&id) => {
                            findings.again_elsewhere += 1;
                        }
                        (true, false) => findings.doubled += 1,
                    }
                    replaying = replaying.saturating_sub(1);
                }
            }
        }
        reading
    }

    fn judge(
        mut self,
        recording: &Recording,
        acknowledged: &[Acknowledged],
        ranks: &HashMap<CommentId, usize>,
    ) -> Findings {
        let path: Vec<_> = self.ordered.iter().map(|id| ranks[id]).collect();
        self.findings.swapped = path.windows(2).filter(|pair| pair[0] > pair[1]).count();
        self.findings.given_up = usize::from(recording.given_up.is_some());
        let first = path.first().copied();
        let seen: HashSet<_> = self.sequence.iter().copied().collect();
        for missing in acknowledged.iter().filter(|a| !seen.contains(&a.id)) {
            let rank = ranks.get(&missing.id).copied();
            let sent_later = recording.joined_at.is_none_or(|joined| missing.sent_at >= joined);
            let placed_later = rank.zip(first).is_some_and(|(rank, first)| rank > first);
            if !sent_later && !placed_later {
                continue; // before its time
            }
            if self.was_told(rank, &path) {
                self.findings.told_missing += 1;
            } else {
                self.findings.missing += 1;
            }
        }
        self.findings
    }

    /// Whether a gap with room left lies where a comment of this rank is missing. One that nobody
    /// saw could have stood in any.
    fn was_told(&mut self, rank: Option<usize>, path: &[usize]) -> bool {
        let place = rank.map(|rank| path.iter().take_while(|seen| **seen < rank).count());
        let fits = |gap: &&mut Gap| gap.room > 0 && place.is_none_or(|place| gap.after == place);
        self.gaps.iter_mut().find(fits).is_some_and(|gap| {
            gap.room -= 1;
            true
        })
    }
}

#[cfg(test)]
mod tests;
