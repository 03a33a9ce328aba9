//! Ctrl-C and its like, while processes run that this tool has started.

use anyhow::{Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};

/// Does `work`, or gives it up when somebody wants an end: what was started ends as it is dropped.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased; // rare and final
        interrupted = interrupted() => interrupted.and(Err(anyhow!("interrupted"))),
        done = work => done,
    }
}

async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt?,
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
