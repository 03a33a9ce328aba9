//! Calls between roles over HTTP/2: the client of each link, and the guard of the server's side.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use subtle::ConstantTimeEq;

use crate::{
    config::{Internal, Secret},
    event::{EventId, VideoEntries, VideoEvents},
    ids::VideoId,
    link::{Accepted, Deliver, Dispatch, Endpoint, LinkError},
    wire::{
        self, DeliverRequest, DispatchRequest, DispatchResponse, EraseRequest, EraseResponse,
        Tagged, WireError,
    },
};

/// Where a dispatcher takes events.
pub const DISPATCH_PATH: &str = "/internal/v1/dispatch";
/// Where a gateway takes entries.
pub const DELIVER_PATH: &str = "/internal/v1/deliver";
/// Where a dispatcher is asked to have an event taken away by all gateways.
pub const ERASE_EVERYWHERE_PATH: &str = "/internal/v1/erase-everywhere";
/// Where a gateway is told to take an event away.
pub const ERASE_PATH: &str = "/internal/v1/erase";

const SECRET_HEADER: &str = "x-chorus-internal-secret";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// A dispatcher waits for gateways meanwhile, until those that don't answer are known to be dead.
const ERASE_TIMEOUT: Duration = Duration::from_secs(6);
/// A peer that vanished without a word is noticed after this long.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
const HTTP2_WINDOW: u32 = 4 * 1024 * 1024;

/// A persistent HTTP/2 connection to every peer called; follows no redirects, uses no proxy.
#[derive(Clone)]
pub struct PeerClient {
    http: Client<HttpConnector, Full<Bytes>>,
    secret: HeaderValue,
}

impl PeerClient {
    /// A client that shows `secret`.
    ///
    /// # Errors
    /// When the secret can't stand in a header.
    pub fn new(secret: &Secret) -> Result<Self, header::InvalidHeaderValue> {
        let mut secret = HeaderValue::from_str(secret.expose())?;
        secret.set_sensitive(true);
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .http2_initial_stream_window_size(HTTP2_WINDOW)
            .http2_initial_connection_window_size(HTTP2_WINDOW)
            .build(connector);
        Ok(Self { http, secret })
    }

    async fn call(&self, base: &str, path: &str, body: Bytes) -> Result<Bytes, LinkError> {
        self.call_within(CALL_TIMEOUT, base, path, body).await
    }

    async fn call_within(
        &self,
        patience: Duration,
        base: &str,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, LinkError> {
        let uri: Uri = format!("{}{path}", base.trim_end_matches('/'))
            .parse()
            .map_err(|_| LinkError::Refused(format!("{base} is not an address")))?;
        let mut request = hyper::Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(SECRET_HEADER, self.secret.clone());
        match tokio::time::timeout(patience, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(LinkError::Unavailable(format!("{base}: no answer in time"))),
        }
    }

    async fn exchange(&self, request: hyper::Request<Full<Bytes>>) -> Result<Bytes, LinkError> {
        let lost = |error: &dyn std::error::Error| LinkError::Unavailable(innermost(error));
        let response = self.http.request(request).await.map_err(|error| lost(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), wire::ENVELOPE_LEN_MAX);
        let body = body.collect().await.map_err(|error| lost(&*error))?.to_bytes();
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::SERVICE_UNAVAILABLE => Err(LinkError::Overloaded),
            status if status.is_client_error() => {
                Err(LinkError::Refused(format!("{status}: {}", String::from_utf8_lossy(&body))))
            }
            status => Err(LinkError::Unavailable(status.to_string())),
        }
    }
}

/// hyper's own words ("client error (Connect)") say nothing; the system's do.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map_or_else(String::new, ToString::to_string)
}

/// One dispatcher, by its internal address.
pub struct HttpDispatch {
    client: PeerClient,
    base: String,
}

impl HttpDispatch {
    /// `base` such as `http://10.0.0.7:9080`.
    #[must_use]
    pub fn new(client: PeerClient, base: String) -> Self {
        Self { client, base }
    }
}

#[async_trait]
impl Dispatch for HttpDispatch {
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError> {
        let asked: usize = batches.iter().map(|batch| batch.events.len()).sum();
        let request = wire::encode(&DispatchRequest::from(&batches[..]));
        let answer = self.client.call(&self.base, DISPATCH_PATH, request).await?;
        let answer: Vec<Accepted> = decode::<DispatchResponse>(answer)?.into();
        if answer.len() == asked {
            Ok(answer)
        } else {
            Err(LinkError::Refused(format!("{} answers to {asked} events", answer.len())))
        }
    }

    async fn erase(&self, video: &VideoId, event: EventId) -> Result<bool, LinkError> {
        let request = wire::encode(&EraseRequest::new(video, event));
        let (base, path) = (&self.base, ERASE_EVERYWHERE_PATH);
        let answer = self.client.call_within(ERASE_TIMEOUT, base, path, request);
        Ok(decode::<EraseResponse>(answer.await?)?.is_gone)
    }
}

/// Every gateway, by the address it advertises.
pub struct HttpDeliver {
    client: PeerClient,
}

impl HttpDeliver {
    /// Calls with `client`.
    #[must_use]
    pub fn new(client: PeerClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Deliver for HttpDeliver {
    async fn deliver(&self, to: &Endpoint, batches: Arc<[VideoEntries]>) -> Result<(), LinkError> {
        let request = wire::encode(&DeliverRequest::new(&to.incarnation, &batches));
        self.client.call(&to.address, DELIVER_PATH, request).await.map(drop)
    }

    async fn erase(&self, at: &Endpoint, video: &VideoId, event: EventId) -> Result<(), LinkError> {
        let request = wire::encode(&EraseRequest::new(video, event));
        self.client.call(&at.address, ERASE_PATH, request).await.map(drop)
    }
}

fn decode<M: Tagged>(bytes: Bytes) -> Result<M, LinkError> {
    wire::decode(bytes).map_err(|error| LinkError::Refused(error.to_string()))
}

/// The secrets that a role's internal socket takes.
#[derive(Clone)]
pub struct InternalGuard {
    accepted: Arc<[Secret]>,
}

impl InternalGuard {
    /// `internal.secret`, and `internal.secret_previous` while secrets change. With neither (only
    /// `all` may) every call is refused: nothing calls over the network there.
    #[must_use]
    pub fn new(internal: &Internal) -> Self {
        let both = [&internal.secret, &internal.secret_previous];
        let set = both.into_iter().filter(|secret| !secret.is_empty());
        Self { accepted: set.cloned().collect() }
    }

    fn admits(&self, shown: &[u8]) -> bool {
        self.accepted.iter().any(|secret| secret.expose().as_bytes().ct_eq(shown).into())
    }
}

/// Middleware of internal routes: 401 without the secret.
pub async fn guard(State(guard): State<InternalGuard>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(SECRET_HEADER).map(HeaderValue::as_bytes);
    if shown.is_some_and(|shown| guard.admits(shown)) {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, "internal secret missing or wrong").into_response()
    }
}

/// A link's failure as the server's side answers it.
impl IntoResponse for LinkError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unavailable(_) => StatusCode::BAD_GATEWAY,
            Self::Refused(_) => StatusCode::BAD_REQUEST,
        };
        (status, self.to_string()).into_response()
    }
}

impl From<WireError> for LinkError {
    fn from(error: WireError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Reads a call's body as the message it should be.
///
/// # Errors
/// [`LinkError::Refused`] when it is too large or malformed, `Unavailable` when cut off.
pub async fn receive<M: Tagged>(body: Body) -> Result<M, LinkError> {
    let body = Limited::new(body, wire::ENVELOPE_LEN_MAX).collect().await;
    let body = body.map_err(|error| LinkError::Refused(error.to_string()))?;
    decode(body.to_bytes())
}
