//! What a storm needs: one ingest, one dispatcher, two gateways, made for one run.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::role::{Program, Role};
use crate::args::StormArgs;

/// How long roles have to end when asked to.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How often to look whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Any port.
const ANYWHERE: &str = "127.0.0.1:0";

/// The running roles. Dropping it kills them all.
pub(crate) struct Cluster {
    pub(crate) ingest: Role,
    /// The one that is killed, which has the viewers.
    pub(crate) doomed: Role,
    /// The one that they come to.
    pub(crate) refuge: Role,
    dispatcher: Role,
    /// What commenters' tokens are signed with.
    pub(crate) hs256_secret: String,
    // Last: the folder goes when nobody writes in it any more.
    _folder: TempDir,
}

impl Cluster {
    pub(crate) async fn start(args: &StormArgs) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let chorus = args.chorus.canonicalize();
        let chorus = chorus.with_context(|| format!("no chorus at {}", args.chorus.display()))?;
        let hs256_secret = secret()?;
        let settings = settings(args, &folder, &hs256_secret)?;
        let program = Program { chorus, folder: folder.path().to_owned(), settings };
        let start = |name, role| Role::start(&program, name, role, &[]);
        let dispatcher = start("dispatcher", "dispatcher").await?;
        let doomed = start("gateway-a", "gateway").await?;
        let refuge = start("gateway-b", "gateway").await?;
        let dispatchers = format!("http://{}", dispatcher.internal()?.authority());
        let more = [("CHORUS_INGEST__DISPATCHERS", dispatchers.as_str())];
        let ingest = Role::start(&program, "ingest", "ingest", &more).await?;
        Ok(Self { ingest, doomed, refuge, dispatcher, hs256_secret, _folder: folder })
    }

    /// An error if one has ended that should still be there.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        let Self { ingest, refuge, dispatcher, .. } = self;
        [ingest, refuge, dispatcher].into_iter().try_for_each(Role::check_alive)
    }

    /// Lets them leave Redis as they would.
    pub(crate) async fn end(mut self) {
        let Self { ingest, refuge, dispatcher, .. } = &mut self;
        let mut roles = [ingest, refuge, dispatcher];
        roles.iter_mut().for_each(|role| role.terminate());
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline && !roles.iter_mut().all(|role| role.has_ended()) {
            sleep(LOOK_EVERY).await;
        }
    }
}

fn settings(
    args: &StormArgs,
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
        ("CHORUS_LIVE__URL", args.redis.expose().to_owned()),
        ("CHORUS_GATEWAY__ADVERTISE", format!("http://{ANYWHERE}")),
    ])
}

/// 128 bits that nobody can guess.
fn secret() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
