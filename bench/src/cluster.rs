//! One ingest on an embedded store, one dispatcher and some gateways, as processes made for one run.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use common::config::Secret;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::identity::Identity;
use crate::poster::Policy;
use role::Program;

pub(crate) use role::Role;

mod role;

/// How long a post is tried, always with the same key.
const RETRY_FOR: Duration = Duration::from_secs(30);
/// How long roles have to end when asked to.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How often to look whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Any port.
const ANYWHERE: &str = "127.0.0.1:0";

/// The running roles. Dropping it kills them all.
pub(crate) struct Cluster {
    pub(crate) ingest: Role,
    pub(crate) gateways: Vec<Role>,
    pub(crate) dispatcher: Role,
    /// What commenters' tokens are signed with.
    hs256_secret: String,
    // Last: the folder goes when nobody writes in it any more.
    _folder: TempDir,
}

impl Cluster {
    /// Starts them on a Redis that is there.
    pub(crate) async fn start(chorus: &Path, redis: &Secret, gateways: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = chorus.canonicalize();
        let program = program.with_context(|| format!("no chorus at {}", chorus.display()))?;
        let hs256_secret = secret()?;
        let settings = settings(redis, &folder, &hs256_secret)?;
        let program = Program { chorus: program, folder: folder.path().to_owned(), settings };
        let dispatcher = Role::start(&program, "dispatcher", "dispatcher", &[]).await?;
        let mut started = Vec::new();
        for number in 1..=gateways {
            let name = format!("gateway-{number}");
            started.push(Role::start(&program, &name, "gateway", &[]).await?);
        }
        let dispatchers = format!("http://{}", dispatcher.internal()?.authority());
        let more = [("CHORUS_INGEST__DISPATCHERS", dispatchers.as_str())];
        let ingest = Role::start(&program, "ingest", "ingest", &more).await?;
        Ok(Self { ingest, gateways: started, dispatcher, hs256_secret, _folder: folder })
    }

    /// How comments are posted to it: keyed, and tried for a while.
    pub(crate) fn policy(&self) -> Result<Policy> {
        Ok(Policy {
            origins: vec![self.ingest.public()?],
            identity: Identity::new(None, Some(&self.hs256_secret))?,
            keyed: true,
            retry_for: RETRY_FOR,
        })
    }

    /// The first of the gateways.
    pub(crate) fn gateway(&self) -> Result<&Role> {
        self.gateways.first().context("no gateway")
    }

    fn roles(&mut self) -> impl Iterator<Item = &mut Role> {
        [&mut self.ingest, &mut self.dispatcher].into_iter().chain(&mut self.gateways)
    }

    /// An error if one has ended that should still be there.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        self.roles().try_for_each(Role::check_alive)
    }

    /// Lets them leave Redis as they would.
    pub(crate) async fn end(mut self) {
        self.roles().for_each(Role::terminate);
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline && !self.roles().all(Role::has_ended) {
            sleep(LOOK_EVERY).await;
        }
    }
}

fn settings(
    redis: &Secret,
    folder: &TempDir,
    hs256_secret: &str,
) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("CHORUS_LISTEN", ANYWHERE.to_owned()),
        ("CHORUS_INTERNAL_LISTEN", ANYWHERE.to_owned()),
        ("CHORUS_INTERNAL__SECRET", secret()?),
        ("CHORUS_AUTH__HS256_SECRET", hs256_secret.to_owned()),
        ("CHORUS_STORE__KIND", "embedded".to_owned()),
        ("CHORUS_STORE__PATH", folder.path().join("store").display().to_string()),
        ("CHORUS_LIVE__KIND", "redis".to_owned()),
        ("CHORUS_LIVE__URL", redis.expose().to_owned()),
        ("CHORUS_GATEWAY__ADVERTISE", format!("http://{ANYWHERE}")),
    ])
}

/// 128 bits that nobody can guess.
fn secret() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
