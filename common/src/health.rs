//! `/livez`, `/readyz` and `/metrics` of every role.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;

/// How long a dependency has to answer before the body calls it down.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// Asks a dependency whether it answers; the error is shown in `/readyz`'s body.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A role's health.
pub struct Health {
    ready: AtomicBool,
    probes: Vec<(&'static str, Probe)>,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    dependencies: BTreeMap<&'static str, String>,
}

impl Health {
    /// Not ready yet. `metrics` gives the text exposition.
    pub fn new(
        probes: Vec<(&'static str, Probe)>,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { ready: AtomicBool::new(false), probes, metrics: Box::new(metrics) })
    }

    /// The role can take work from now on, or no longer (while it drains).
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    async fn readiness(&self) -> Readiness {
        let answers = self.probes.iter().map(|(name, probe)| async {
            let answer = tokio::time::timeout(PROBE_TIMEOUT, probe()).await;
            let state = match answer {
                Ok(Ok(())) => "up".to_owned(),
                Ok(Err(why)) => format!("down: {why}"),
                Err(_) => "down: no answer in time".to_owned(),
            };
            (*name, state)
        });
        let dependencies = join_all(answers).await.into_iter().collect();
        Readiness { ready: self.ready.load(Ordering::Acquire), dependencies }
    }
}

/// The three endpoints. Readiness is the role's own: dependencies are shown, never waited for, or
/// one dead Redis would take every gateway out of the load balancer.
pub fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn readyz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let readiness = health.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

async fn metrics(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let text_exposition = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    (text_exposition, (health.metrics)())
}
