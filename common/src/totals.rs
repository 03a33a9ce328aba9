//! What is counted of a video, by whom: [`Totals`] of a [`Source`], which only grow. So the same
//! total told again, or an earlier one told late, changes nothing: the greatest counts.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use crate::{ambient, ids::VideoId};

/// Greatest total: beyond it Lua and JavaScript no longer count exactly.
pub const TOTAL_MAX: u64 = (1 << 53) - 1;
/// Longest name of a kind of reaction.
const KIND_LEN_MAX: usize = 32;
/// Begins the counters of reactions.
const REACTION: &str = "r/";

/// Something that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter(Cow<'static, str>);

impl Counter {
    /// Comments that were stored.
    pub const COMMENTS: Self = Self(Cow::Borrowed("comments"));
    /// Comments that were deleted.
    pub const DELETIONS: Self = Self(Cow::Borrowed("deletions"));
    /// Streams that were opened.
    pub const VIEWS: Self = Self(Cow::Borrowed("views"));

    /// Reactions of a kind; `None` when it is no kind's name ([`is_reaction`]).
    #[must_use]
    pub fn of_reaction(kind: &str) -> Option<Self> {
        is_reaction(kind).then(|| Self(format!("{REACTION}{kind}").into()))
    }

    /// The kind of reaction that this counts, if it counts one.
    #[must_use]
    pub fn as_reaction(&self) -> Option<&str> {
        self.0.strip_prefix(REACTION)
    }
}

/// Whether a kind of reaction may be called so: `[a-z][a-z0-9_-]{0,31}`.
#[must_use]
pub fn is_reaction(kind: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let is_more =
        |byte: u8| is_letter(byte) || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    kind.len() <= KIND_LEN_MAX
        && kind.bytes().next().is_some_and(is_letter)
        && kind.bytes().all(is_more)
}

/// Text that can't be read as totals or a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not totals of ours: {0}")]
pub struct InvalidTotals(String);

/// How often each thing was counted. As text: `comments 7 r/like 3`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals(BTreeMap<Counter, u64>);

impl Totals {
    /// How often this was counted.
    #[must_use]
    pub fn get(&self, counter: &Counter) -> u64 {
        self.0.get(counter).copied().unwrap_or(0)
    }

    /// Counts something `count` times more.
    pub fn add(&mut self, counter: &Counter, count: u64) {
        let total = self.0.entry(counter.clone()).or_default();
        *total = total.saturating_add(count).min(TOTAL_MAX);
    }

    /// Takes in other totals of the same source, perhaps earlier ones; tells whether any grew.
    pub fn catch_up(&mut self, other: &Self) -> bool {
        let mut grew = false;
        for (counter, count) in &other.0 {
            let total = self.0.entry(counter.clone()).or_default();
            grew |= *count > *total;
            *total = (*total).max(*count);
        }
        grew
    }

    /// Adds what another source has counted.
    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(counter, count)| self.add(counter, *count));
    }

    /// All of them together: grows with each, so that of two of one source the later has more.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.0.values().fold(0_u64, |sum, count| sum.saturating_add(*count)).min(TOTAL_MAX)
    }

    /// Comments that were stored and not deleted.
    #[must_use]
    pub fn comments(&self) -> u64 {
        self.get(&Counter::COMMENTS).saturating_sub(self.get(&Counter::DELETIONS))
    }

    /// Reactions by kind, of those kinds that there were any of, in the order of their names.
    pub fn reactions(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter_map(|(counter, count)| Some((counter.as_reaction()?, *count)))
    }
}

impl FromIterator<(Counter, u64)> for Totals {
    fn from_iter<I: IntoIterator<Item = (Counter, u64)>>(counted: I) -> Self {
        let mut totals = Self::default();
        counted.into_iter().for_each(|(counter, count)| totals.add(&counter, count));
        totals
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (Counter(name), count)) in self.0.iter().enumerate() {
            let space = if nth == 0 { "" } else { " " };
            write!(out, "{space}{name} {count}")?;
        }
        Ok(())
    }
}

impl FromStr for Totals {
    type Err = InvalidTotals;

    /// Counters of a later chorus are kept.
    fn from_str(text: &str) -> Result<Self, InvalidTotals> {
        let invalid = || InvalidTotals(text.escape_debug().take(100).collect());
        let (mut words, mut totals) = (text.split_ascii_whitespace(), Self::default());
        while let Some(name) = words.next() {
            let count = words.next().and_then(|count| count.parse().ok()).ok_or_else(invalid)?;
            totals.add(&Counter(name.to_owned().into()), count);
        }
        Ok(totals)
    }
}

/// Who counts: one life of a process, or of its memory of a video. Nobody else counts under its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(Arc<str>);

impl Source {
    /// One that there has never been.
    #[must_use]
    pub fn fresh() -> Self {
        Self(ambient::uuid_v7().to_string().into())
    }

    /// One of several that count in one process.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        Self(format!("{}.{number}", self.0).into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Source {
    type Err = InvalidTotals;

    fn from_str(text: &str) -> Result<Self, InvalidTotals> {
        let is_good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        is_good
            .then(|| Self(text.into()))
            .ok_or_else(|| InvalidTotals(text.escape_debug().collect()))
    }
}

/// What one source has counted of one video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Of which video.
    pub video: VideoId,
    /// Who.
    pub source: Source,
    /// How often.
    pub totals: Totals,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(text: &str) -> Totals {
        text.parse().unwrap()
    }

    #[test]
    fn text_comes_back() {
        for text in ["", "views 1", "comments 7 deletions 2 r/like 9007199254740991 r/x_1-y 3"] {
            assert_eq!(totals(text).to_string(), text);
        }
        assert_eq!(totals("r/like 99999999999999999"), totals("r/like 9007199254740991"));
        for bad in ["views", "views x", "1 views", "views -1"] {
            assert!(bad.parse::<Totals>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_source_told_again_or_late_changes_nothing() {
        let mut known = totals("r/like 5 views 2");
        assert!(
            !known.catch_up(&totals("r/like 5")) && !known.catch_up(&totals("r/like 4 views 1"))
        );
        assert!(known.catch_up(&totals("r/like 4 views 3 r/love 1")));
        assert_eq!(known, totals("r/like 5 r/love 1 views 3"));
    }

    #[test]
    fn sources_add_up() {
        let mut sum = totals("comments 5 deletions 1 r/like 2");
        sum.add_all(&totals("deletions 2 r/like 3 r/wow 1"));
        assert_eq!((sum.comments(), sum.weight()), (2, 14));
        assert_eq!(sum.reactions().collect::<Vec<_>>(), [("like", 5), ("wow", 1)]);
        assert_eq!(totals("deletions 3").comments(), 0);
    }

    #[test]
    fn names() {
        for good in ["like", "a", "x_1-y", &"k".repeat(32)] {
            assert_eq!(Counter::of_reaction(good).unwrap().as_reaction(), Some(good));
        }
        for bad in ["", "Like", "1a", "a b", "ä", "a/b", &"k".repeat(33)] {
            assert_eq!(Counter::of_reaction(bad), None, "{bad}");
        }
        assert!("a b".parse::<Source>().is_err() && "".parse::<Source>().is_err());
        let source = Source::fresh();
        assert_eq!(source.as_str().parse(), Ok(source.clone()));
        let numbered = source.numbered(u64::MAX);
        assert_eq!(numbered.as_str().parse(), Ok(numbered.clone()));
        assert_ne!(numbered, source.numbered(0));
    }
}
