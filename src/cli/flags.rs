//! Flags: every configuration key as `--section.key`.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command};
use common::config::{KEYS, Key, Kind, find};

/// Where `--help` lists the keys.
const HEADING: &str = "Configuration";

/// `command` with a flag for every key. They are not clap's "global" flags: those would also
/// stand in the help of commands that have no configuration.
pub(super) fn with_keys(command: Command) -> Command {
    command.args(KEYS.iter().map(flag))
}

fn flag(key: &'static Key) -> Arg {
    let arg = Arg::new(key.path)
        .long(key.path)
        .value_name(placeholder(key.kind))
        .help(help(key))
        .help_heading(HEADING)
        .hide_short_help(true)
        // So that it is refused as a value, with what would be right.
        .allow_negative_numbers(true);
    if key.path == "internal_listen" { arg.alias("internal-listen") } else { arg }
}

fn placeholder(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "TEXT",
        Kind::Choice(_) => "WORD",
        Kind::Integer { .. } => "N",
        Kind::List(_) => "A,B",
        Kind::Table { .. } => "A=N,B=N",
    }
}

fn help(key: &Key) -> String {
    let words = match key.kind {
        Kind::Choice(words) => format!(" [{}]", words.join(" | ")),
        _ => String::new(),
    };
    format!("{}{words} [default: {}]", key.doc, key.default_shown())
}

/// The keys that were given at one level of the command line.
pub(super) fn given(matches: &ArgMatches) -> impl Iterator<Item = (&'static Key, &str)> {
    KEYS.iter().filter_map(|key| {
        // A level whose command has no configuration doesn't know the name at all.
        let text = matches.try_get_one::<String>(key.path).ok().flatten()?;
        Some((key, text.as_str()))
    })
}

/// Takes flags that look like keys and are none out of `args`, each with its value, so that they
/// are told together with all other mistakes; clap would stop at the first.
pub(super) fn take_unknown(
    args: impl IntoIterator<Item = OsString>,
) -> (Vec<OsString>, Vec<String>) {
    let (mut kept, mut unknown) = (Vec::new(), Vec::new());
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        if arg == "--" {
            kept.push(arg);
            kept.extend(args);
            break;
        }
        let Some((name, has_value)) = dotted_name(&arg) else {
            kept.push(arg);
            continue;
        };
        if find(&name).is_some() {
            kept.push(arg);
            // Its value may look like a flag, and isn't one.
            kept.extend(if has_value { None } else { args.next() });
        } else {
            unknown.push(name);
            let value = |next: &OsString| !next.to_string_lossy().starts_with("--");
            if !has_value {
                args.next_if(value);
            }
        }
    }
    (kept, unknown)
}

/// The name of `--a.b` or `--a.b=c`, and whether a value is part of it.
fn dotted_name(arg: &OsString) -> Option<(String, bool)> {
    let flag = arg.to_str()?.strip_prefix("--")?;
    let (name, has_value) = flag.split_once('=').map_or((flag, false), |(name, _)| (name, true));
    name.contains('.').then(|| (name.to_owned(), has_value))
}
