//! `chorus repair`: what it says of the embedded store.

use anyhow::{Result, bail, ensure};
use common::config::{Config, StoreKind};
use store::embedded::{self, Report};

use crate::announce;

/// Repairs the store, or only looks at it.
///
/// # Errors
/// When the store is not the embedded one, is in use, or can't be read or written; and when `check`
/// finds damage.
pub(crate) fn run(config: &Config, check: bool) -> Result<()> {
    ensure!(
        config.store.kind == StoreKind::Embedded,
        "nothing to repair here: `store.kind` is \"scylla\"; repair that store by its own tools"
    );
    let path = &config.store.path;
    if !check {
        return tell(&embedded::repair(path)?);
    }
    let damages = embedded::check(path)?;
    for damage in &damages {
        announce::line(&format!("damaged  {damage}"))?;
    }
    match damages.len() {
        0 => announce::line("nothing is damaged"),
        len => bail!("damaged places in {}: {len}; run `chorus repair`", path.display()),
    }
}

fn tell(report: &Report) -> Result<()> {
    for damage in &report.damages {
        announce::line(&format!("damaged  {damage}"))?;
    }
    for lost in &report.lost {
        announce::line(&format!("lost     {lost}"))?;
    }
    let Some(aside) = &report.aside else { return announce::line("nothing to repair") };
    announce::line(&format!("kept     the damaged files, in {}", aside.display()))?;
    announce::line("repaired: start chorus, and remove those files when nobody needs them any more")
}
