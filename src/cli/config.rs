//! `chorus config`: the verdict that start-up would give, and the values it would use.

use std::process::ExitCode;

use common::config::{Loaded, Mistakes};

use super::stop::{complain, print as show};

/// Prints `ok`, or all mistakes on stderr; exit code 0 or 64.
pub(crate) fn check(loaded: &Loaded) -> ExitCode {
    match &loaded.config {
        Ok(_) => {
            show(&"ok");
            ExitCode::SUCCESS
        }
        Err(mistakes) => refuse(mistakes),
    }
}

/// Prints every value as TOML with where it came from, secrets masked. With mistakes it does so
/// too, without the refused values, and tells the mistakes on stderr; exit code 0 or 64.
pub(crate) fn print(loaded: &Loaded) -> ExitCode {
    show(&loaded.effective.to_string().trim_end());
    match &loaded.config {
        Ok(_) => ExitCode::SUCCESS,
        Err(mistakes) => refuse(mistakes),
    }
}

fn refuse(mistakes: &Mistakes) -> ExitCode {
    complain(mistakes);
    ExitCode::from(Mistakes::EXIT_CODE)
}
