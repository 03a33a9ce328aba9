//! Asks the system in this process for things, by its own public routes: nothing is done that a client
//! could not do.

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, header, request::Builder},
};
use common::{
    auth::{self, Claims, DEVELOPMENT_USER, Role},
    config::{Config, Secret},
};
use serde_json::Value;
use std::time::Duration;
use tower::ServiceExt;

/// The room.
const VIDEO: &str = "demo";
/// For how long tokens are good: each is used once.
const TOKEN_TTL: Duration = Duration::from_secs(60);
/// An answer's longest body that is read, bytes.
const ANSWER_LEN_MAX: usize = 64 * 1024;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Person {
    name: String,
    role: Option<Role>,
}

impl Person {
    pub(super) fn viewer(name: String) -> Self {
        Self { name, role: None }
    }

    pub(super) fn staff(name: &str, role: Role) -> Self {
        Self { name: name.to_owned(), role: Some(role) }
    }
}

/// The way to the system's public routes.
pub struct Caller {
    routes: Router,
    /// `None` in development mode, which believes names.
    secret: Option<Secret>,
    issuer: Option<String>,
    audience: Vec<String>,
}

impl Caller {
    /// Asks these routes.
    #[must_use]
    pub fn new(routes: Router) -> Self {
        Self { routes, secret: None, issuer: None, audience: Vec::new() }
    }

    /// Shows what `config` asks for.
    pub(super) fn with_tokens(self, config: &Config) -> Result<Self> {
        if config.is_development() {
            return Ok(self);
        }
        let secret = config.auth.hs256_secret.clone();
        anyhow::ensure!(
            !secret.is_empty(),
            "--demo signs tokens of its own, so it needs `auth.hs256_secret`; or leave `auth` out altogether"
        );
        let issuer = Some(config.auth.issuer.clone()).filter(|issuer| !issuer.is_empty());
        Ok(Self { secret: Some(secret), issuer, audience: config.auth.audience.clone(), ..self })
    }

    /// Asks for something under the room; `None` when it was refused, which is logged and no more.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        person: &Person,
        body: &Value,
    ) -> Option<Value> {
        match self.answer(method, path, person, body).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(path, %error, "the demo was refused");
                None
            }
        }
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        person: &Person,
        body: &Value,
    ) -> Result<Value> {
        let request = Request::builder().method(method).uri(format!("/v1/videos/{VIDEO}{path}"));
        let request = request.header(header::HOST, "localhost");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = self.shown(request, person)?.body(Body::from(body.to_string()))?;
        let answer = self.routes.clone().oneshot(request).await?;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), ANSWER_LEN_MAX).await?;
        anyhow::ensure!(status.is_success(), "{status}");
        // What is only counted is answered by nothing.
        if body.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&body).context("not JSON")
        }
    }

    fn shown(&self, request: Builder, Person { name, role }: &Person) -> Result<Builder> {
        let Some(secret) = &self.secret else {
            return Ok(request.header(DEVELOPMENT_USER, name));
        };
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            role: *role,
            ..Claims::new(name, TOKEN_TTL)
        };
        let token = auth::sign(secret.expose(), &claims)?;
        Ok(request.header(header::AUTHORIZATION, format!("Bearer {token}")))
    }
}
