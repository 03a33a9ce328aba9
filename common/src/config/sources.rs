//! Sources: the texts a configuration is made of, fetched from the outside world.

use std::ffi::OsString;
use std::path::Path;

use super::key::Key;
use super::layer::Layer;
use super::mistake::{Mistake, Source, Wrong};
use super::{env, file};

/// What operators gave, weakest first: file, environment, flags.
#[derive(Debug, Default)]
pub struct Sources {
    file: Layer,
    env: Layer,
    flags: Layer,
}

impl Sources {
    /// The configuration file at `path`. One that can't be read is a mistake like any other.
    #[must_use]
    pub fn with_file(self, path: &Path) -> Self {
        match std::fs::read(path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.with_file_text(&path.display().to_string(), &text),
                Err(error) => {
                    let good = error.utf8_error().valid_up_to();
                    let line =
                        1 + error.as_bytes().iter().take(good).filter(|b| **b == b'\n').count();
                    let wrong = Wrong::new("this is not UTF-8", "save the file as UTF-8");
                    self.with_unreadable_file(path, line, wrong)
                }
            },
            Err(error) => {
                let right = "name a readable TOML file with --config";
                let wrong = Wrong::new(format!("the file can't be read: {error}"), right);
                self.with_unreadable_file(path, 0, wrong)
            }
        }
    }

    fn with_unreadable_file(mut self, path: &Path, line: usize, wrong: Wrong) -> Self {
        let source = Source::File { name: path.display().to_string().into(), line };
        self.file = Layer { unreadable: true, ..Layer::default() };
        self.file.mistakes.push(Mistake::new(source, "", wrong));
        self
    }

    /// A configuration file's text; `name` is what mistakes call it.
    #[must_use]
    pub fn with_file_text(mut self, name: &str, text: &str) -> Self {
        self.file = file::read(name, text);
        self
    }

    /// Environment variables; those that don't start with `CHORUS_` are ignored.
    #[must_use]
    pub fn with_env(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut texts = Vec::new();
        let mut not_text = Vec::new();
        for (name, value) in variables {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => texts.push((name, value)),
                // A name that isn't a text starts with nothing of ours that anybody could type.
                (Ok(name), Err(_)) if env::is_ours(&name, "") => not_text.push(name),
                _ => {}
            }
        }
        self.env = env::read(&texts);
        self.env.mistakes.extend(not_text.into_iter().map(|name| {
            let wrong = Wrong::new("is not UTF-8", "write a text");
            Mistake::new(Source::Env(name.clone()), name, wrong)
        }));
        self
    }

    /// Command line flags in their order; of two for one key the later wins.
    #[must_use]
    pub fn with_flags<'a>(
        mut self,
        flags: impl IntoIterator<Item = (&'static Key, &'a str)>,
    ) -> Self {
        for (key, text) in flags {
            self.flags.take_text(key, text, Source::Flag(key.path.to_owned()));
        }
        self
    }

    /// A flag that looks like a key (it has a dot) and is none.
    #[must_use]
    pub fn with_unknown_flag(mut self, name: &str) -> Self {
        let suggestion = super::suggest::for_path(name);
        self.flags.unknown(Source::Flag(name.to_owned()), name, suggestion);
        self
    }

    pub(super) fn into_layers(self) -> Vec<Layer> {
        vec![self.file, self.env, self.flags]
    }
}
