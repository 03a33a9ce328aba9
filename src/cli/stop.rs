//! Stop: why the program ends before it has done anything.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use common::config::Mistakes;

/// Nothing to run; the texts are for the operator.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Help or version was asked for.
    Asked(String),
    /// The command line isn't one.
    Usage(String),
    /// The configuration isn't one.
    Mistakes(Mistakes),
}

impl Stop {
    /// Writes the text to where it belongs; the exit code is 0 for help, else 64.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Asked(text) => {
                print(text);
                return ExitCode::SUCCESS;
            }
            Self::Usage(text) => complain(text),
            Self::Mistakes(mistakes) => complain(mistakes),
        }
        ExitCode::from(Mistakes::EXIT_CODE)
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        let text = error.render().to_string().trim_end().to_owned();
        if error.use_stderr() { Self::Usage(text) } else { Self::Asked(text) }
    }
}

impl From<Mistakes> for Stop {
    fn from(mistakes: Mistakes) -> Self {
        Self::Mistakes(mistakes)
    }
}

/// A line or more for whoever asked. A reader that has gone (`| head`) is no error, and `println!`
/// would panic on it.
pub(super) fn print(text: &dyn Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line or more about what went wrong.
pub(super) fn complain(text: &dyn Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
