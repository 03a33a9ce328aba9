//! Mistake: one thing an operator got wrong, where it stands and what would be right.

use std::fmt;
use std::sync::Arc;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody gave one.
    Default,
    /// Nobody gave one, and it goes by the value of this key.
    Follows(&'static str),
    /// A line of a file; 0 = the file as a whole.
    File {
        /// The file as the operator named it.
        name: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable, by name.
    Env(String),
    /// A command line flag, by the name of its key.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Follows(key) => write!(f, "default, follows {key}"),
            // A file's name may hold a line break, and this ends up in a TOML comment.
            Self::File { name, line: 0 } => write!(f, "{}", name.escape_debug()),
            Self::File { name, line } => write!(f, "{}:{line}", name.escape_debug()),
            Self::Env(name) => write!(f, "env {}", name.escape_debug()),
            Self::Flag(key) => write!(f, "flag --{}", key.escape_debug()),
        }
    }
}

/// Why something is no value of a key, and what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Where in the file, in bytes, when that is finer than the key.
    pub(super) offset: Option<usize>,
    /// Follows the key's name: "is …".
    pub(super) why: String,
    /// A clause of its own: "write …".
    pub(super) right: String,
}

impl Wrong {
    pub(super) fn new(why: impl Into<String>, right: impl Into<String>) -> Self {
        Self { offset: None, why: why.into(), right: right.into() }
    }

    pub(super) fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }
}

/// One mistake; `Display` is one line. Secrets are never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub source: Source,
    /// The key; empty when the text as a whole is wrong.
    pub key: String,
    /// What is wrong; follows the key's name in a sentence.
    pub why: String,
    /// What would be right; a clause of its own.
    pub right: String,
}

impl Mistake {
    pub(super) fn new(source: Source, key: impl Into<String>, wrong: Wrong) -> Self {
        Self { source, key: key.into(), why: wrong.why, right: wrong.right }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key.escape_debug())?;
        }
        f.write_str(&self.why)?;
        if self.right.is_empty() { Ok(()) } else { write!(f, "; {}", self.right) }
    }
}

/// Every mistake of a configuration, never none; `Display` has one line for each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// What a process ends with that can't be configured: `EX_USAGE` of `sysexits.h`.
    pub const EXIT_CODE: u8 = 64;
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} mistake{} in the configuration:", if count == 1 { "" } else { "s" })?;
        for mistake in &self.0 {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}
