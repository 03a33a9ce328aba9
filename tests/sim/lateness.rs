//! How long comments took to their viewers, in the simulation's time.

use std::collections::HashMap;

use common::ids::CommentId;

use crate::{
    commenter::Posted,
    viewer::{Notes, Seen},
};

/// The longest times from when a comment was first sent, whatever became of that request, until a
/// viewer that was there saw it; milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lateness {
    /// Among viewers whose connection lasted.
    pub(crate) connected_ms: u64,
    /// Among those who had to come back.
    pub(crate) came_back_ms: u64,
}

impl Lateness {
    pub(crate) fn worst(self, other: Self) -> Self {
        Self {
            connected_ms: self.connected_ms.max(other.connected_ms),
            came_back_ms: self.came_back_ms.max(other.came_back_ms),
        }
    }
}

pub(crate) fn of(notes: &[Notes], posted: &[Posted]) -> Lateness {
    let mut sent_ms = HashMap::new();
    for Posted { sent_ms: at_ms, acknowledged, .. } in posted {
        sent_ms.extend(acknowledged.iter().map(|answer| (answer.id, *at_ms)));
    }
    notes.iter().map(|notes| of_viewer(notes, &sent_ms)).fold(Lateness::default(), Lateness::worst)
}

fn of_viewer(notes: &Notes, sent_ms: &HashMap<CommentId, u64>) -> Lateness {
    let mut verdicts = notes.seen.iter().filter(|seen| seen.event.name == "resume");
    let came_ms = verdicts.next().map_or(u64::MAX, |verdict| verdict.at_ms);
    let came_back = verdicts.next().is_some();
    let comments = notes.seen.iter().filter(|seen| seen.event.name == "comment");
    let late = comments.filter_map(|Seen { at_ms, event, .. }| {
        let comment: serde_json::Value = serde_json::from_str(&event.data).ok()?;
        let id: CommentId = comment["id"].as_str()?.parse().ok()?;
        let since = sent_ms.get(&id).filter(|since| **since >= came_ms)?;
        Some(at_ms.saturating_sub(*since))
    });
    let late = late.max().unwrap_or_default();
    if came_back {
        Lateness { connected_ms: 0, came_back_ms: late }
    } else {
        Lateness { connected_ms: late, came_back_ms: 0 }
    }
}
