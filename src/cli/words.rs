//! Words: the command line level by level.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use common::config::{Key, Role, Sources};

use super::{commands, flags};

/// The program, its command, the command's own command.
pub(super) struct Words<'m> {
    /// Names of the commands, a space between: `config check`; empty for the bare program.
    pub(super) command: String,
    /// What was given to the innermost command.
    pub(super) last: &'m ArgMatches,
    /// From the outermost in.
    levels: Vec<&'m ArgMatches>,
}

impl<'m> Words<'m> {
    pub(super) fn new(matches: &'m ArgMatches) -> Self {
        let (mut names, mut levels, mut last) = (Vec::new(), vec![matches], matches);
        while let Some((name, inner)) = last.subcommand() {
            names.push(name);
            levels.push(inner);
            last = inner;
        }
        Self { command: names.join(" "), last, levels }
    }

    /// Whether a room that lives is asked for, before the command or after it.
    pub(super) fn has_demo(&self) -> bool {
        let given = |level: &ArgMatches| level.try_get_one(commands::DEMO).ok().flatten().copied();
        self.levels.iter().any(|level| given(level) == Some(true))
    }

    /// The role that `config check` and `config print` ask about.
    pub(super) fn role(&self) -> Role {
        let name = self.last.get_one::<String>(commands::ROLE);
        // Without a name it is the whole; clap lets no other names through.
        name.and_then(|name| name.parse().ok()).unwrap_or_default()
    }

    /// Everything the configuration is made of.
    pub(super) fn sources(
        &self,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        unknown: &[String],
    ) -> Sources {
        let file = self.last.get_one::<PathBuf>(commands::CONFIG);
        let sources = file.map_or_else(Sources::default, |file| Sources::default().with_file(file));
        let sources = sources.with_env(env).with_flags(self.flags());
        unknown.iter().fold(sources, |sources, name| sources.with_unknown_flag(name))
    }

    fn flags(&self) -> Vec<(&'static Key, &'m str)> {
        self.levels.iter().flat_map(|level| flags::given(level)).collect()
    }
}
