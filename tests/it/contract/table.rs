//! Tables of the contract: a video's story in rows.

use super::{parts::Part, row::Row};

/// Which configuration a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum In {
    /// As most are run.
    Open,
    /// With a limit per address; proxies are believed whom they forward for.
    Addressed,
    /// `auth.viewers = "required"`, `videos.create = "registered"`, an audience and an issuer.
    Strict,
    /// Without any way to check a token; only `chorus all` may.
    Development,
    /// What it needs can be taken away from it.
    Losing,
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
    pub(crate) outage: Option<Outage>,
}

/// How a story goes on without something, and when that is back.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    pub(crate) part: Part,
    pub(crate) meanwhile: Vec<Row>,
    pub(crate) afterwards: Vec<Row>,
}

impl Table {
    pub(crate) fn new(section: &'static str, name: impl Into<String>, rows: Vec<Row>) -> Self {
        let house = In::Open;
        Self { section, name: name.into(), house, is_watched: true, rows, outage: None }
    }

    /// Without an audience: for tables that nobody gets anything of.
    pub(crate) fn unwatched(self) -> Self {
        Self { is_watched: false, ..self }
    }

    /// In a house that takes no anonymous viewers, or that has nobody to look after its rooms.
    pub(crate) fn within(self, house: In) -> Self {
        Self { house, ..self.unwatched() }
    }

    /// Its rows are what was before the house lost something. Tables that lose the same go through one
    /// outage together.
    pub(crate) fn losing(self, part: Part, meanwhile: Vec<Row>, afterwards: Vec<Row>) -> Self {
        let outage = Some(Outage { part, meanwhile, afterwards });
        Self { house: In::Losing, outage, ..self }
    }

    pub(crate) fn part(&self) -> Option<Part> {
        self.outage.as_ref().map(|outage| outage.part)
    }
}
