//! Invocation: what the command line asks for, read and checked.

use std::time::Duration;

use clap::ArgMatches;
use common::auth;
use common::config::{Config, Loaded, Role, Secret};
use common::ids::{IdempotencyKey, UserId, VideoId};

use super::commands;

/// What to do.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// Serve.
    Run {
        /// As what.
        role: Role,
        /// Checked for that role.
        config: Box<Config>,
        /// Whether the room `demo` is filled with life; for `all` alone.
        demo: bool,
    },
    /// Create or upgrade keyspace and tables.
    Migrate {
        /// Checked key by key only; `store` matters.
        config: Box<Config>,
    },
    /// Repair the embedded store, or only look at it.
    Repair {
        /// Checked key by key only; `store` matters.
        config: Box<Config>,
        /// Whether it is only looked at.
        check: bool,
    },
    /// Print a token.
    Token {
        /// `auth.hs256_secret` is not empty.
        config: Box<Config>,
        /// What is in it.
        request: TokenRequest,
    },
    /// Say whether the configuration is good: [`super::config::check`].
    ConfigCheck(Loaded),
    /// Show the configuration: [`super::config::print`].
    ConfigPrint(Loaded),
    /// Watch a video's comments.
    Tail(TailRequest),
    /// Post a comment.
    Post(PostRequest),
}

/// `chorus token`.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    /// Whose.
    pub(crate) sub: UserId,
    /// Name shown with comments.
    pub(crate) name: Option<String>,
    /// What the bearer may do.
    pub(crate) role: auth::Role,
    /// The only videos it is good for; empty = every one.
    pub(crate) videos: Vec<VideoId>,
    /// How long, at least a second.
    pub(crate) ttl: Duration,
}

/// `chorus tail`.
#[derive(Clone, Debug)]
pub(crate) struct TailRequest {
    /// Which video.
    pub(crate) video: VideoId,
    /// `http[s]://host[:port]` without a slash at the end.
    pub(crate) url: String,
    /// The viewer's token.
    pub(crate) token: Option<Secret>,
    /// Newest comments to begin with, 0 to 200.
    pub(crate) recent: u16,
}

/// `chorus post`.
#[derive(Clone, Debug)]
pub(crate) struct PostRequest {
    /// Which video.
    pub(crate) video: VideoId,
    /// The comment.
    pub(crate) text: String,
    /// `http[s]://host[:port]` without a slash at the end.
    pub(crate) url: String,
    /// Author in development mode; never together with `token`.
    pub(crate) user: Option<UserId>,
    /// The author's token.
    pub(crate) token: Option<Secret>,
    /// Idempotency-Key.
    pub(crate) key: Option<IdempotencyKey>,
}

/// A required argument or one with a default: clap refused the line if it is missing.
#[expect(clippy::expect_used, reason = "clap ends the program before this can be missing")]
fn required<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> T {
    optional(matches, name).expect("clap checked that it is there")
}

fn optional<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.get_one::<T>(name).cloned()
}

pub(super) fn token(matches: &ArgMatches) -> TokenRequest {
    let role = match required::<String>(matches, commands::ROLE).as_str() {
        "viewer" => auth::Role::Viewer,
        "moderator" => auth::Role::Moderator,
        "producer" => auth::Role::Producer,
        "admin" => auth::Role::Admin,
        // The least that a token without a role could do; clap lets no other names through.
        _ => auth::Role::Commenter,
    };
    TokenRequest {
        sub: required(matches, "sub"),
        name: optional(matches, "name"),
        role,
        videos: matches.get_many("video").into_iter().flatten().cloned().collect(),
        ttl: required(matches, "ttl"),
    }
}

pub(super) fn tail(matches: &ArgMatches) -> TailRequest {
    TailRequest {
        video: required(matches, "video"),
        url: required(matches, "url"),
        token: optional::<String>(matches, "token").map(Secret::from),
        recent: required(matches, "recent"),
    }
}

pub(super) fn post(matches: &ArgMatches) -> PostRequest {
    PostRequest {
        video: required(matches, "video"),
        text: required(matches, "text"),
        url: required(matches, "url"),
        user: optional(matches, "user"),
        token: optional::<String>(matches, "token").map(Secret::from),
        key: optional(matches, "key"),
    }
}
