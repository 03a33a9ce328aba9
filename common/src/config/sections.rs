//! The sections of the configuration, typed; names and units are those of the keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::secret::Secret;

/// `[internal]`: how the roles know each other.
#[derive(Clone, Debug, Deserialize)]
pub struct Internal {
    /// Shared by all roles; empty only in `all`.
    pub secret: Secret,
    /// Accepted as well, so that a secret can be changed without a stop; empty = none.
    pub secret_previous: Secret,
}

/// `[tls]`: the public socket's certificate.
#[derive(Clone, Debug, Deserialize)]
pub struct Tls {
    /// PEM file with the certificate chain; empty = plain HTTP.
    pub cert: PathBuf,
    /// PEM file with the private key; set together with `cert`.
    pub key: PathBuf,
}

impl Tls {
    /// Whether the public socket speaks TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.cert.as_os_str().is_empty()
    }
}

/// `[store]`: where comments are kept.
#[derive(Clone, Debug, Deserialize)]
pub struct Store {
    /// Which implementation.
    pub kind: StoreKind,
    /// Directory of the embedded store; one process per directory.
    pub path: PathBuf,
    /// First CQL nodes to ask, `host` or `host:port`.
    pub nodes: Vec<String>,
    /// CQL keyspace.
    pub keyspace: String,
    /// Replicas per CQL data centre.
    pub replication: BTreeMap<String, u32>,
    /// CQL user; empty = no login.
    pub user: String,
    /// CQL password.
    pub password: Secret,
    /// Days after which CQL rows expire; 0 = never.
    pub retention_days: u32,
}

/// Implementations of the comment store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// On local disk, inside the process.
    Embedded,
    /// ScyllaDB or Cassandra over CQL.
    Scylla,
}

/// `[live]`: endpoint store and live log.
#[derive(Clone, Debug, Deserialize)]
pub struct Live {
    /// Which implementation.
    pub kind: LiveKind,
    /// Redis address; may hold a password, hence a secret: log [`Live::url_masked`].
    pub url: Secret,
    /// Newest entries kept per video.
    pub replay_max: u64,
    /// Age in seconds at which an entry of the live log is dropped.
    pub replay_ttl_s: u64,
    /// Seconds for which the ids of appended and deleted comments are remembered.
    pub dedup_s: u64,
}

impl Live {
    /// The address without its password, for logs and error messages.
    #[must_use]
    pub fn url_masked(&self) -> String {
        super::secret::mask_url(self.url.expose())
    }
}

/// Implementations of endpoint store and live log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveKind {
    /// Inside the process; only `all`.
    Memory,
    /// One Redis per data centre.
    Redis,
}

/// `[ingest]`: what posts need.
#[derive(Clone, Debug, Deserialize)]
pub struct Ingest {
    /// Dispatchers as `http://host:port`; a name with several addresses means all of them.
    pub dispatchers: Vec<String>,
}

/// `[gateway]`: what viewers' streams need.
#[derive(Clone, Debug, Deserialize)]
pub struct Gateway {
    /// How dispatchers reach this gateway's internal port, `http://host:port`.
    pub advertise: String,
    /// Origin the page uses for everything but streams; empty = the page's own.
    pub ingest_url: String,
    /// Streams served at once; 0 = no limit.
    pub max_connections: u64,
    /// Streams served at once to one address (IPv4) or network of 64 bits (IPv6); 0 = no limit.
    pub max_connections_per_address: u64,
    /// Seconds after which a stream ends, or up to a quarter less; 0 = never.
    pub stream_max_age_s: u64,
    /// Seconds over which streams are ended while draining.
    pub drain_window_s: u64,
    /// What happens to a viewer that falls off the byte log.
    pub slow_viewer: SlowViewer,
    /// Longest pause in milliseconds between two passes to a busy video's viewers; 0 = none.
    pub flush_interval_ms_max: u64,
    /// Encoding of streams.
    pub compression: Compression,
}

/// What happens to a viewer that is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlowViewer {
    /// It is moved forward and told `skipped`.
    Skip,
    /// Its stream ends; it comes back with its cursor.
    Disconnect,
}

/// Encoding of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip for viewers that accept it (once the encoder is built).
    Gzip,
    /// Plain bytes.
    Off,
}

/// `[cors]`: which pages of other origins may read answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Cors {
    /// Origins as browsers send them, `https://host[:port]`; `*` = every origin.
    pub allowed_origins: Vec<String>,
}

impl Cors {
    /// Whether a page of `origin` (the request header's value) may read answers.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins
            .iter()
            .any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }

    /// Whether that origin is named, so that its pages may send cookies as well.
    #[must_use]
    pub fn names(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// `[auth]`: who may do what.
#[derive(Clone, Debug, Deserialize)]
pub struct Auth {
    /// Shared secret of HS256 tokens; empty = none are accepted.
    pub hs256_secret: Secret,
    /// File or URL of the JWKS with public keys; empty = none.
    pub jwks: String,
    /// A token must be for one of these; empty = not looked at.
    pub audience: Vec<String>,
    /// Who must have made a token; empty = not looked at.
    pub issuer: String,
    /// Whether streams need a token.
    pub viewers: ViewerAuth,
}

/// Whether viewers need a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViewerAuth {
    /// Anonymous viewers are welcome.
    Optional,
    /// A stream asks for token, ticket or cookie.
    Required,
}

/// `[limits]`: how often; 0 = no limit.
#[derive(Clone, Debug, Deserialize)]
pub struct Limits {
    /// Comments one author may post per minute.
    pub comments_per_user_per_minute: u64,
    /// Reactions one author may send per minute, each press counted.
    pub reactions_per_user_per_minute: u64,
    /// Comments one video takes per second.
    pub comments_per_video_per_second: u64,
    /// Comments that may come per minute from one address (IPv4) or network of 64 bits (IPv6).
    pub comments_per_address_per_minute: u64,
}

/// `[videos]`: which videos exist.
#[derive(Clone, Debug, Deserialize)]
pub struct Videos {
    /// How a video comes to be.
    pub create: VideoCreate,
}

/// How a video comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCreate {
    /// By its first comment or viewer.
    Open,
    /// By a producer's `PUT`; before it the answer is 404.
    Registered,
}

/// `[reactions]`: what viewers may react with.
#[derive(Clone, Debug, Deserialize)]
pub struct Reactions {
    /// Names of the kinds.
    pub kinds: Vec<String>,
}

/// `[dc]`: this data centre and its peers.
#[derive(Clone, Debug, Deserialize)]
pub struct Dc {
    /// Name of this data centre, `[a-z0-9-]{1,16}`; the origin of its comments.
    pub name: String,
    /// Dispatchers of other data centres, `http://host:port`.
    pub peers: Vec<String>,
}
