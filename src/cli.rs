//! Command line: words in, one [`Invocation`] out, or a [`Stop`] with a text and an exit code.

mod commands;
pub(crate) mod config;
mod flags;
mod invocation;
mod stop;
#[cfg(test)]
mod tests;
mod words;

use std::ffi::OsString;

use clap::ArgMatches;
use common::config::{Loaded, Mistake, Mistakes, Role, Source, Sources, load};

pub(crate) use invocation::{Invocation, PostRequest, TailRequest, TokenRequest};
pub(crate) use stop::Stop;

use words::Words;

/// Reads the command line `args` (the program's name first) and the variables `env`, and from them
/// the configuration where the command has one.
///
/// # Errors
/// A [`Stop`] when there is nothing to run: help was asked for, the command line isn't one, or the
/// configuration has mistakes.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Invocation, Stop> {
    let (args, unknown) = flags::take_unknown(args);
    let matches = commands::chorus().try_get_matches_from(args)?;
    let words = Words::new(&matches);
    let sources = || words.sources(env, &unknown);
    match words.command.as_str() {
        "" => run(Role::All, sources(), words.has_demo()),
        "migrate" => {
            Ok(Invocation::Migrate { config: Box::new(load(Role::Tool, sources()).config?) })
        }
        "repair" => {
            let check = words.last.get_flag(commands::CHECK);
            Ok(Invocation::Repair { config: Box::new(load(Role::Tool, sources()).config?), check })
        }
        "token" => token(words.last, sources()),
        "config check" => Ok(Invocation::ConfigCheck(load(words.role(), sources()))),
        "config print" => Ok(Invocation::ConfigPrint(load(words.role(), sources()))),
        "tail" => none_unknown(&unknown).map(|()| Invocation::Tail(invocation::tail(words.last))),
        "post" => none_unknown(&unknown).map(|()| Invocation::Post(invocation::post(words.last))),
        // What is left are the roles, which are their own names.
        role => run(role.parse().unwrap_or_default(), sources(), words.has_demo()),
    }
}

fn run(role: Role, sources: Sources, demo: bool) -> Result<Invocation, Stop> {
    let config = Box::new(load(role, sources).config?);
    if demo && role != Role::All {
        return Err(Stop::from(Mistakes(vec![Mistake {
            source: Source::Flag(commands::DEMO.to_owned()),
            key: commands::DEMO.to_owned(),
            why: format!("is nothing for {role}: its room needs all roles in one process"),
            right: "leave it out, or run `chorus all --demo`".to_owned(),
        }])));
    }
    Ok(Invocation::Run { role, config, demo })
}

fn token(matches: &ArgMatches, sources: Sources) -> Result<Invocation, Stop> {
    let Loaded { effective, config } = load(Role::Tool, sources);
    let config = config?;
    if config.auth.hs256_secret.is_empty() {
        let key = "auth.hs256_secret";
        let given = effective.0.into_iter().find(|entry| entry.key.path == key);
        return Err(Stop::from(Mistakes(vec![Mistake {
            source: given.map_or(Source::Default, |entry| entry.source),
            key: key.to_owned(),
            why: "is empty, and a token is signed with it".to_owned(),
            right: "give the secret that ingest and gateway have".to_owned(),
        }])));
    }
    Ok(Invocation::Token { config: Box::new(config), request: invocation::token(matches) })
}

/// For commands without a configuration, which would not look at such flags.
fn none_unknown(unknown: &[String]) -> Result<(), Stop> {
    let sources = unknown.iter().fold(Sources::default(), |s, name| s.with_unknown_flag(name));
    load(Role::Tool, sources).config?;
    Ok(())
}
