//! Commands: what the program can be asked for, as clap sees it.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};
use common::config::is_public_url;
use common::ids::{IdempotencyKey, UserId, VideoId};

use super::flags::with_keys;

/// Name of the argument with the configuration file.
pub(super) const CONFIG: &str = "config";
/// Name of the argument with a process's role, or a token's.
pub(super) const ROLE: &str = "role";
/// Name of the flag for a room that lives.
pub(super) const DEMO: &str = "demo";
/// Name of the flag of a repair that changes nothing.
pub(super) const CHECK: &str = "check";

const TEMPLATE_TAIL: &str = "Every configuration key is a flag as well (`--help` lists them), an environment variable \
     (CHORUS_STORE__PATH for store.path) and a line of the file; the flag wins.";

/// The whole command line.
pub(super) fn chorus() -> Command {
    let roles = [
        ("all", "Every role in one process, with nothing else needed (the default)"),
        ("ingest", "Takes and stores comments"),
        ("dispatcher", "Puts comments in order and hands them to gateways"),
        ("gateway", "Serves viewers' streams"),
    ];
    let program = Command::new("chorus")
        .about("Live comments for live video: every comment to every viewer, once and in order")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .arg(config_file())
        .arg(demo());
    let role = |(name, about)| {
        let command = Command::new(name).about(about);
        configured(if name == "all" { command.arg(demo()) } else { command })
    };
    configured(program)
        .subcommands(roles.map(role))
        .subcommand(configured(
            Command::new("migrate")
                .about("Creates or upgrades the CQL keyspace and tables; safe to run twice"),
        ))
        .subcommand(configured(repair()))
        .subcommand(configured(token()))
        .subcommand(config())
        .subcommand(tail())
        .subcommand(post())
}

fn configured(command: Command) -> Command {
    with_keys(command).args_override_self(true).after_help(TEMPLATE_TAIL)
}

fn config_file() -> Arg {
    Arg::new(CONFIG)
        .long("config")
        .value_name("FILE")
        .help("Configuration file, TOML")
        .value_parser(value_parser!(PathBuf))
        .global(true)
}

fn demo() -> Arg {
    Arg::new(DEMO)
        .long(DEMO)
        .action(ArgAction::SetTrue)
        .help("Fills the room `demo` with a replayed chat; for all roles in one process")
}

fn config() -> Command {
    let role = Arg::new(ROLE)
        .value_name("ROLE")
        .help("The role to look at [default: all]")
        .value_parser(PossibleValuesParser::new(["all", "ingest", "dispatcher", "gateway"]));
    let check = Command::new("check")
        .about("Says `ok`, or every mistake with its place, key, reason and what would be right")
        .arg(role.clone());
    let print = Command::new("print")
        .about("Shows every value and where it came from, secrets masked")
        .arg(role);
    Command::new("config")
        .about("Checks or shows the configuration")
        .subcommand_required(true)
        .subcommands([configured(check), configured(print)])
}

fn repair() -> Command {
    Command::new("repair")
        .about("Makes the embedded store in store.path whole again; safe to run twice")
        .long_about(
            "Makes the embedded store in store.path whole again while no server runs on it. Keeps \
             all records that are whole, says what is lost, and keeps the damaged files aside. Says \
             `nothing to repair`, and changes nothing, when every byte is as it should be.",
        )
        .arg(
            Arg::new(CHECK)
                .long(CHECK)
                .action(ArgAction::SetTrue)
                .help("Only says what is damaged, with exit code 1 if anything is"),
        )
}

fn token() -> Command {
    Command::new("token")
        .about("Prints a token signed with auth.hs256_secret")
        .arg(option("sub", "ID", "Whose token").required(true).value_parser(value_parser!(UserId)))
        .arg(option("name", "NAME", "Name shown with comments"))
        .arg(
            option(ROLE, "ROLE", "What the bearer may do").default_value("commenter").value_parser(
                PossibleValuesParser::new([
                    "viewer",
                    "commenter",
                    "moderator",
                    "producer",
                    "admin",
                ]),
            ),
        )
        .arg(
            option("video", "VIDEO", "The only video it is good for; may be repeated")
                .action(ArgAction::Append)
                .value_parser(value_parser!(VideoId)),
        )
        .arg(
            option("ttl", "TIME", "How long it is good for, as in 90s, 1h, 7d")
                .default_value("1h")
                .value_parser(read_ttl),
        )
}

fn tail() -> Command {
    Command::new("tail")
        .about("Shows a video's comments as they come")
        .arg(video())
        .arg(url("Where the stream is: a gateway, or what is in front of it"))
        .arg(option("token", "TOKEN", "Token, where viewers need one"))
        .arg(
            option("recent", "N", "Newest comments to begin with, up to 200")
                .value_parser(value_parser!(u16).range(0..=200))
                .default_value("20"),
        )
}

fn post() -> Command {
    Command::new("post")
        .about("Posts one comment")
        .arg(video())
        .arg(Arg::new("text").value_name("TEXT").help("The comment").required(true))
        .arg(url("Where comments are posted: an ingest, or what is in front of it"))
        .arg(
            option("user", "ID", "Author, in development mode")
                .value_parser(value_parser!(UserId))
                .conflicts_with("token"),
        )
        .arg(option("token", "TOKEN", "The author's token"))
        .arg(
            option("key", "KEY", "Idempotency-Key: the same key posts once")
                .value_parser(IdempotencyKey::from_header),
        )
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn video() -> Arg {
    Arg::new("video")
        .value_name("VIDEO")
        .help("The video's id")
        .required(true)
        .value_parser(value_parser!(VideoId))
}

fn url(help: &'static str) -> Arg {
    option("url", "URL", help).default_value("http://127.0.0.1:8080").value_parser(read_url)
}

/// A slash at the end is what browsers copy.
fn read_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    if is_public_url(url) {
        Ok(url.to_owned())
    } else {
        Err("write http:// or https:// with a host, like http://127.0.0.1:8080".to_owned())
    }
}

fn read_ttl(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(ttl) if ttl.as_secs() > 0 => Ok(ttl),
        Ok(_) => Err("a token must be good for a second at least".to_owned()),
        Err(error) => Err(format!("{error}; write a time like 90s, 1h or 7d")),
    }
}
