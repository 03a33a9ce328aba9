//! What a chapter brought, in one line.

use std::{
    fmt,
    io::{Write, stdout},
    time::Duration,
};

use crate::{checker::Findings, recording::Acknowledged, silence::Silences};

/// Says what was measured, also when the test passes: what `print!` says is hidden then.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

/// What it took to have comments acknowledged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    /// Answered with 202.
    pub(crate) pending: usize,
    /// Sent more than once.
    pub(crate) repeated: usize,
    /// From the first attempt to the answer, at most.
    pub(crate) longest: Duration,
}

impl Effort {
    pub(crate) fn of<'a>(comments: impl Iterator<Item = &'a Acknowledged>) -> Self {
        comments.fold(Self::default(), |effort, comment| Self {
            pending: effort.pending + usize::from(comment.is_pending),
            repeated: effort.repeated + usize::from(comment.attempts > 1),
            longest: effort.longest.max(comment.at - comment.sent_at),
        })
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pending, repeated, longest } = self;
        let longest = longest.as_secs_f64();
        write!(out, "{pending} with 202, {repeated} sent again, answered within {longest:.2} s")
    }
}

/// All that is told of a chapter.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) silences: Silences,
    pub(crate) effort: Effort,
    pub(crate) findings: Findings,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}; {}", self.silences, self.findings, self.effort)
    }
}
