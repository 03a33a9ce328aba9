//! What is damaged, told so that somebody finds the place: which file, where in it, what is wrong.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// A damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Bytes before the place, where it is known.
    pub at: Option<u64>,
    /// What is wrong there.
    pub what: String,
}

impl Damage {
    pub(super) fn at(file: &Path, at: usize, what: impl Into<String>) -> Self {
        Self { at: Some(at as u64), ..Self::of(file, what) }
    }

    pub(super) fn of(file: &Path, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), at: None, what: what.into() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, at, what } = self;
        match at {
            Some(at) => write!(f, "{} at byte {at}: {what}", file.display()),
            None => write!(f, "{}: {what}", file.display()),
        }
    }
}

/// Why a file could not be checked to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is damaged.
    Damage(Damage),
    /// It can't be read at all.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}

impl From<Damage> for Trouble {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}
