//! Role: what a process is.

use std::fmt;
use std::str::FromStr;

/// What a process is; decides defaults and which values go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Every role in one process.
    #[default]
    All,
    /// Takes and stores comments.
    Ingest,
    /// Sequences comments and hands them to gateways.
    Dispatcher,
    /// Serves viewers' streams.
    Gateway,
    /// A command that serves nothing (`migrate`, `token`): only single values are checked.
    Tool,
}

impl Role {
    /// Every role, the whole first.
    pub const ALL: [Self; 5] =
        [Self::All, Self::Ingest, Self::Dispatcher, Self::Gateway, Self::Tool];

    /// The role's name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ingest => "ingest",
            Self::Dispatcher => "dispatcher",
            Self::Gateway => "gateway",
            Self::Tool => "tool",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    /// Reads the name of a role that serves.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let serving = Self::ALL.into_iter().filter(|role| *role != Self::Tool);
        serving.into_iter().find(|role| role.name() == name).ok_or(UnknownRole)
    }
}

/// A name that no role has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the roles are all, ingest, dispatcher and gateway")]
pub struct UnknownRole;
