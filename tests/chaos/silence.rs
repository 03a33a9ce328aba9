//! How long viewers waited for comments that were acknowledged.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use crate::recording::{Acknowledged, Recording, What};

/// A viewer's longest wait, from a comment's acknowledgement to its arrival.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    pub(crate) time: Duration,
    /// The comment.
    pub(crate) of: Acknowledged,
}

impl Wait {
    /// The longest among the comments first sent since `since`; `None` when there are none. A
    /// comment that came before its acknowledgement counts as nothing, one that never came as
    /// until now.
    pub(crate) fn longest(
        acknowledged: &[Acknowledged],
        recording: &Recording,
        since: Instant,
    ) -> Option<Self> {
        let recent = recording.seen.iter().rev().take_while(|seen| seen.at >= since);
        let arrived = recent.filter_map(|seen| match seen.what {
            What::Comment(id) | What::Placeless(id) => Some((id, seen.at)),
            _ => None,
        });
        // From the end: the first arrival is what stays.
        let arrived: HashMap<_, _> = arrived.collect();
        let waits = acknowledged.iter().filter(|a| a.sent_at >= since).map(|a| {
            let arrived = arrived.get(&a.id).copied().unwrap_or_else(Instant::now);
            (arrived.saturating_duration_since(a.at), a)
        });
        let longest = waits.max_by_key(|(time, _)| *time);
        longest.map(|(time, of)| Self { time, of: of.clone() })
    }
}

/// The longest waits of a group of viewers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silence(Vec<Wait>);

impl Silence {
    pub(crate) fn new(mut viewers: Vec<Wait>) -> Self {
        viewers.sort_by_key(|wait| wait.time);
        Self(viewers)
    }

    /// Of all viewers.
    pub(crate) fn longest(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |wait| wait.time)
    }

    /// The comment that somebody waited for the longest, and when it was sent and acknowledged.
    pub(crate) fn why(&self, since: Instant) -> String {
        let Some(Wait { time, of }) = self.0.last() else { return String::new() };
        let Acknowledged { key, sent_at, at, is_pending, attempts, .. } = of;
        let sent = sent_at.saturating_duration_since(since);
        let (status, took) = (if *is_pending { 202 } else { 201 }, *at - *sent_at);
        format!(
            "{key}: sent after {sent:.2?}, {status} after {took:.2?} and {attempts} attempts, \
             arrived {time:.2?} later"
        )
    }

    pub(crate) fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).map_or(Duration::ZERO, |wait| wait.time)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (longest, median) = (self.longest().as_secs_f64(), self.median().as_secs_f64());
        write!(out, "{longest:.2} s (median {median:.2})")
    }
}

/// Silences after something was done to a process or a link.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silences {
    /// Of viewers who were at gateways to which nothing was done.
    pub(crate) live: Silence,
    /// Of viewers who were at the one to which something was done.
    pub(crate) hit: Silence,
}

impl fmt::Display for Silences {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "silence {}", self.live)?;
        if !self.hit.is_empty() {
            write!(out, ", at the gateway that was hit {}", self.hit)?;
        }
        Ok(())
    }
}
