//! The one binary: reads the command line, starts what it asks for, waits, stops.

use std::{env, process::ExitCode};

use anyhow::{Context, Result};
use chorus::{
    backends,
    system::{self, System},
};
use common::{
    auth::{self, Claims},
    config::{Config, Role},
    descriptors, memory, telemetry,
};
use store::cql::Migrated;
use tokio::signal::unix::{Signal, SignalKind, signal};

use cli::{Invocation, TokenRequest};

mod announce;
mod cli;
mod repair;
mod terminal;

#[tokio::main]
async fn main() -> ExitCode {
    let invocation = match cli::parse(env::args_os(), env::vars_os()) {
        Ok(invocation) => invocation,
        Err(stop) => return stop.report(),
    };
    let done = match invocation {
        Invocation::Run { role, config, demo } => run(role, &config, demo).await,
        Invocation::Migrate { config } => migrate(&config).await,
        Invocation::Repair { config, check } => repair::run(&config, check),
        Invocation::Token { config, request } => token(&config, request),
        Invocation::ConfigCheck(loaded) => return cli::config::check(&loaded),
        Invocation::ConfigPrint(loaded) => return cli::config::print(&loaded),
        Invocation::Tail(request) => terminal::tail(request).await,
        Invocation::Post(request) => terminal::post(request).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            announce::failure(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(role: Role, config: &Config, demo: bool) -> Result<()> {
    let _logs = telemetry::init_logs()?;
    let metrics = telemetry::init_metrics()?;
    if let Err(error) = descriptors::prepare() {
        tracing::warn!(%error, "can't raise the limit of open files: fewer can connect");
    }
    if matches!(role, Role::All | Role::Gateway) {
        memory::watch();
    }
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut system = tokio::select! {
        system = system::start(config, move || metrics.render()) => system?,
        _ = terminate.recv() => return Ok(()),
        _ = tokio::signal::ctrl_c() => return Ok(()),
    };
    if demo {
        system.start_demo(config)?;
    }
    announce::addresses(role, config, &system);
    let failed = std::mem::replace(&mut system.failed, Box::pin(std::future::pending()));
    let asked = tokio::select! {
        reason = failed => anyhow::bail!("stopping: {reason}"),
        _ = terminate.recv() => Asked::ToDrain,
        _ = tokio::signal::ctrl_c() => Asked::ToStop,
    };
    stop(system, asked, terminate).await;
    Ok(())
}

/// How a process should end.
#[derive(PartialEq, Eq)]
enum Asked {
    /// SIGTERM, as supervisors send it: so that no viewer notices.
    ToDrain,
    /// Ctrl-C: somebody waits.
    ToStop,
}

/// A second signal ends at once.
async fn stop(mut system: System, asked: Asked, mut terminate: Signal) {
    tracing::info!("stopping");
    let stopped = async {
        if asked == Asked::ToDrain {
            system.drain().await;
        }
        system.stop().await;
    };
    tokio::select! {
        () = stopped => {}
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn migrate(config: &Config) -> Result<()> {
    let Migrated { before, now } = backends::migrate(config).await?;
    announce::line(&format!("keyspace `{}`: version {before} → {now}", config.store.keyspace))
}

fn token(config: &Config, request: TokenRequest) -> Result<()> {
    let TokenRequest { sub, name, role, videos, ttl } = request;
    let videos = videos.into_iter().map(String::from).collect::<Vec<_>>();
    let issuer = &config.auth.issuer;
    let claims = Claims {
        iss: (!issuer.is_empty()).then(|| issuer.clone()),
        aud: config.auth.audience.clone(),
        name,
        role: Some(role),
        videos: (!videos.is_empty()).then_some(videos),
        ..Claims::new(sub.as_str(), ttl)
    };
    let token = auth::sign(config.auth.hs256_secret.expose(), &claims)?;
    announce::line(&token)
}
