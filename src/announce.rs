//! What the program says on its own terminal: addresses and next steps, or why it ends.
#![expect(clippy::print_stderr, reason = "the log may not be up when this has to be said")]

use std::io::Write;

use anyhow::Result;
use chorus::system::System;
use common::config::{Config, Role};

/// Says where the role listens, and for `all` what to do next.
pub(crate) fn addresses(role: Role, config: &Config, system: &System) {
    let mut text = format!("chorus {} {role}\n", env!("CARGO_PKG_VERSION"));
    let scheme = if config.tls.is_on() { "https" } else { "http" };
    let public = system.public.map(|address| format!("{scheme}://{address}"));
    if let Some(public) = &public {
        text.push_str(&format!("  public    {public}/\n"));
    }
    text.push_str(&format!("  internal  http://{}/  (livez, readyz, metrics)\n", system.internal));
    if let (Role::All, Some(public)) = (role, public) {
        let url = format!("{public}/v1/videos/demo");
        text.push_str(&format!("  page      {public}/\n"));
        text.push_str(&format!("  watch     curl -N {url}/stream\n"));
        text.push_str(&format!(
            "  post      curl {url}/comments -H 'Content-Type: application/json' {} -d '{{\"text\":\"hello\"}}'\n",
            if config.is_development() { "-H 'X-Chorus-User: me'" } else { "-H \"Authorization: Bearer $(chorus token --sub me)\"" },
        ));
    }
    if config.is_development() {
        text.push_str("  DEVELOPMENT MODE: no secret is set, anyone on this machine is whoever they say (X-Chorus-User)\n");
    }
    // A closed terminal is no reason not to serve.
    let _ = line(text.trim_end());
}

/// A line on standard output.
pub(crate) fn line(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Why the program ends, in one line.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("chorus: {error:#}");
}
