//! Configuration: one table of keys, four layers, every mistake at once.
//!
//! [`KEYS`] says what there is. [`Sources`] gathers what operators gave: a TOML file, variables
//! `CHORUS_<SECTION>__<KEY>`, flags; the later wins, a list or table as a whole. [`load`] lays them
//! over the defaults of a [`Role`], checks single values and then how they go together, and
//! answers with a typed [`Config`] or all [`Mistakes`], and in either case with the [`Effective`]
//! values and where each came from.

mod effective;
mod env;
mod file;
mod key;
mod keys;
mod layer;
mod merged;
mod mistake;
mod reading;
mod role;
mod rules;
mod secret;
mod sections;
mod shape;
mod sources;
mod suggest;
#[cfg(test)]
mod tests;
mod value;

use std::net::SocketAddr;

use serde::Deserialize;

pub use effective::{Effective, Entry};
pub use key::{Fallback, Key, Kind};
pub use keys::{KEYS, find};
pub use mistake::{Mistake, Mistakes, Source};
pub use role::{Role, UnknownRole};
pub use secret::{MASK, Secret, mask_url};
pub use sections::{
    Auth, Compression, Cors, Dc, Gateway, Ingest, Internal, Limits, Live, LiveKind, Reactions,
    SlowViewer, Store, StoreKind, Tls, VideoCreate, Videos, ViewerAuth,
};
pub use shape::{Shape, is_http_url, is_public_url};
pub use sources::Sources;
pub use value::Value;

use merged::Merged;
use mistake::Wrong;

/// The whole configuration of one process, checked.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// The role that this was loaded for.
    #[serde(skip)]
    pub role: Role,
    /// Public socket; `None` where the role has none (dispatcher).
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// Internal socket: calls between roles, `/livez`, `/readyz`, `/metrics`; never public.
    pub internal_listen: SocketAddr,
    /// Proxies, as addresses or networks, whose `X-Forwarded-For` says who a client is.
    pub trusted_proxies: Vec<String>,
    /// How the roles know each other.
    pub internal: Internal,
    /// The public socket's certificate.
    pub tls: Tls,
    /// Where comments are kept.
    pub store: Store,
    /// Endpoint store and live log.
    pub live: Live,
    /// What posts need.
    pub ingest: Ingest,
    /// What viewers' streams need.
    pub gateway: Gateway,
    /// Which pages of other origins may read answers.
    pub cors: Cors,
    /// Who may do what.
    pub auth: Auth,
    /// How often.
    pub limits: Limits,
    /// Which videos exist.
    pub videos: Videos,
    /// What viewers may react with.
    pub reactions: Reactions,
    /// This data centre and its peers.
    pub dc: Dc,
}

impl Config {
    /// Whether this is `all` without any way to check a token: loopback only, authors by `X-Chorus-User`.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.role == Role::All && self.auth.hs256_secret.is_empty() && self.auth.jwks.is_empty()
    }
}

/// What came of the sources.
#[derive(Debug)]
pub struct Loaded {
    /// Every value and where it came from, also when there are mistakes (without the refused ones).
    pub effective: Effective,
    /// The configuration, or everything that is wrong with it.
    pub config: Result<Config, Mistakes>,
}

/// Makes the configuration of `role` from `sources`.
#[must_use]
pub fn load(role: Role, sources: Sources) -> Loaded {
    let (merged, mut mistakes) = Merged::new(role, sources.into_layers());
    mistakes.extend(rules::check(role, &merged));
    let effective = Effective::new(&merged);
    if !mistakes.is_empty() {
        return Loaded { effective, config: Err(Mistakes(mistakes)) };
    }
    let config = merged.to_toml().try_into::<Config>().map(|config| Config { role, ..config });
    // The table and the types say the same twice; where they differ it is our mistake, and a test
    // holds every default. It still must not end in a panic.
    let config = config.map_err(|error| {
        let wrong = Wrong::new(error.message(), "this is a bug in chorus, please report it");
        Mistakes(vec![Mistake::new(Source::Default, "", wrong)])
    });
    Loaded { effective, config }
}
