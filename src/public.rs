//! What every public socket has around its routes: problem+json, CORS, and in development mode the
//! check that the request was meant for this machine.

use std::net::IpAddr;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, Method, Version, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use common::{
    config::{Config, Cors},
    problem::{self, Code, Problem},
};
use tower_http::cors::{AllowCredentials, AllowOrigin, CorsLayer};

/// How long browsers may remember a preflight's answer.
const PREFLIGHT_MAX_AGE: std::time::Duration = std::time::Duration::from_secs(600);

/// Puts the layers around `routes`.
pub fn layered(routes: Router, config: &Config) -> Router {
    let mut router = routes;
    if !config.cors.allowed_origins.is_empty() {
        router = router.layer(cors(config.cors.clone()));
    }
    if config.is_development() {
        router = router.layer(middleware::from_fn(loopback_host));
    }
    router.layer(middleware::from_fn(problem::render))
}

fn cors(allowed: Cors) -> CorsLayer {
    let header = HeaderName::from_static;
    // A stream's cookie is sent only where pages of named origins are let read answers.
    let credentials = AllowCredentials::predicate({
        let allowed = allowed.clone();
        move |origin, _| origin.to_str().is_ok_and(|origin| allowed.names(origin))
    });
    let origin = AllowOrigin::predicate(move |origin, _| {
        origin.to_str().is_ok_and(|origin| allowed.allows(origin))
    });
    CorsLayer::new()
        .allow_origin(origin)
        .allow_credentials(credentials)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header("idempotency-key"),
            header("last-event-id"),
            header(problem::REQUEST_ID),
            header(common::auth::DEVELOPMENT_USER),
        ])
        .expose_headers([
            header::LOCATION,
            header::RETRY_AFTER,
            header(problem::REQUEST_ID),
            header(gateway::END_REASON),
        ])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Development mode believes whoever asks, so it answers only what was addressed to this machine:
/// a page elsewhere whose name was made to resolve to 127.0.0.1 is refused.
async fn loopback_host(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter();
    let hosts = hosts.map(|host| host.to_str().unwrap_or_default());
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let named: Vec<&str> = hosts.chain(authority).collect();
    // HTTP/1.0 names nobody, and no browser speaks it.
    let nameless = named.is_empty() && request.version() == Version::HTTP_10;
    if nameless || (!named.is_empty() && named.into_iter().all(is_loopback)) {
        next.run(request).await
    } else {
        let why = "development mode answers only to localhost; set auth.hs256_secret or auth.jwks to serve others";
        Problem::new(Code::Forbidden, why).into_response()
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names() {
        for ours in
            ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "127.9.9.9", "[::1]:8080", "localhost."]
        {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in
            ["", "evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil", "[::2]"]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
