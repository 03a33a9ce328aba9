//! What a look at an index of changes saw, and what that leaves to be read anyhow.

use common::{ids::VideoId, live_log::bucket_of};

/// An index forgets after a minute: whoever looked longer ago reads all.
const GAP_MS_MAX: u64 = 50_000;
/// Looks overlap by this much: a change becomes visible a little after its time stamp.
const OVERLAP_MS: u64 = 1000;

/// What the last look saw.
#[derive(Debug)]
pub(crate) struct LastLook {
    run: String,
    /// From when on the next look asks for changes.
    since_ms: u64,
    /// Every video is due once in so many looks, a part of them at each.
    rounds: u16,
    round: u16,
}

impl LastLook {
    /// Nothing was seen yet.
    pub(crate) fn new(rounds: u16) -> Self {
        Self { run: String::new(), since_ms: 0, rounds, round: 0 }
    }

    /// What to ask an index for.
    pub(crate) fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Whether it is this video's turn.
    pub(crate) fn has_turn(&self, video: &VideoId) -> bool {
        bucket_of(video) % self.rounds == self.round
    }

    /// Whether changes could have gone unseen between the last look and this one.
    pub(crate) fn is_interrupted(&self, run: &str, now_ms: u64) -> bool {
        let elapsed_ms = now_ms.checked_sub(self.since_ms);
        run != self.run || elapsed_ms.is_none_or(|elapsed| elapsed >= GAP_MS_MAX)
    }

    /// Videos that are to be read whatever changed: those whose turn it is, or all when changes could
    /// have gone unseen since. That is so when the log is another than it was, when the last look is
    /// too long ago, and when the log's clock went back: what changed since then carries times before
    /// those asked for.
    pub(crate) fn due(&self, videos: Vec<VideoId>, run: &str, now_ms: u64) -> Vec<VideoId> {
        let all = self.is_interrupted(run, now_ms);
        videos.into_iter().filter(|video| all || self.has_turn(video)).collect()
    }

    pub(crate) fn followed_by(&mut self, run: String, now_ms: u64) {
        self.run = run;
        self.since_ms = now_ms.saturating_sub(OVERLAP_MS);
        self.round = (self.round + 1) % self.rounds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn videos() -> Vec<VideoId> {
        (0..100).map(|n| format!("v{n}").parse().unwrap()).collect()
    }

    /// How many heads each look of a sequence reads, after a first one at 100 s.
    fn due(looks: &[(&str, u64)]) -> Vec<usize> {
        let mut last = LastLook::new(30);
        assert_eq!(last.due(videos(), "a", 100_000).len(), 100, "the first reads all");
        last.followed_by("a".into(), 100_000);
        let look = |(run, now_ms): &(&str, u64)| {
            let due = last.due(videos(), run, *now_ms).len();
            last.followed_by((*run).into(), *now_ms);
            due
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn every_head_is_read_once_in_thirty_looks() {
        let looks: Vec<_> = (101..131).map(|second| ("a", second * 1000)).collect();
        let due = due(&looks);
        assert_eq!(due.iter().sum::<usize>(), 100);
        assert!(due.iter().all(|due| *due < 20), "spread out: {due:?}");
    }

    #[test]
    fn all_heads_are_read_when_changes_could_have_gone_unseen() {
        assert_eq!(due(&[("b", 101_000)]), [100], "another server");
        assert_eq!(due(&[("a", 150_000)]), [100], "a long pause");
        assert_eq!(due(&[("a", 90_000)]), [100], "its clock went back");
        assert!(due(&[("a", 99_500)])[0] < 20, "by less than looks overlap: nothing is lost");
    }
}
