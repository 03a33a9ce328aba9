//! Tables of the contract: a video's story in rows.

use super::row::Row;

/// Which configuration a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum In {
    /// As most are run.
    Open,
    /// `auth.viewers = "required"`, `videos.create = "registered"`, an audience and an issuer.
    Strict,
    /// Without any way to check a token; only `chorus all` may.
    Development,
}

/// Rows about one video, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The section of API.md.
    pub(crate) section: &'static str,
    /// What its video is called.
    pub(crate) name: String,
    pub(crate) house: In,
    pub(crate) is_watched: bool,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(section: &'static str, name: impl Into<String>, rows: Vec<Row>) -> Self {
        Self { section, name: name.into(), house: In::Open, is_watched: true, rows }
    }

    /// Without an audience: for tables that nobody gets anything of.
    pub(crate) fn unwatched(self) -> Self {
        Self { is_watched: false, ..self }
    }

    /// In a house that takes no anonymous viewers, or that has nobody to look after its rooms.
    pub(crate) fn within(self, house: In) -> Self {
        Self { house, ..self.unwatched() }
    }
}
