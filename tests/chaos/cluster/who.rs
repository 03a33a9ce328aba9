//! The processes by name.

use std::fmt;

/// Of each role.
pub(crate) const COUNT: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ingest,
    Dispatcher,
    Gateway,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Dispatcher => "dispatcher",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// One of the processes: the n-th of its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who(pub(crate) Role, pub(crate) usize);

impl Who {
    /// All of them.
    pub(crate) const ALL: [Self; 3 * COUNT] = [
        Self(Role::Ingest, 0),
        Self(Role::Ingest, 1),
        Self(Role::Dispatcher, 0),
        Self(Role::Dispatcher, 1),
        Self(Role::Gateway, 0),
        Self(Role::Gateway, 1),
    ];

    /// Its place in [`Who::ALL`].
    pub(super) fn place(self) -> usize {
        self.0 as usize * COUNT + self.1
    }

    /// The gateway whose viewers are hit with it.
    pub(crate) fn gateway(self) -> Option<usize> {
        (self.0 == Role::Gateway).then_some(self.1)
    }
}
