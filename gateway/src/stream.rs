//! `GET /v1/videos/{video}/stream`: from the request to a [`Viewer`], and how its bytes go out.

use std::{
    net::SocketAddr,
    num::{IntErrorKind, ParseIntError},
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use common::{
    handover::{Handover, Taker},
    openapi::{
        STREAM,
        refusals::{BadField, NoSuch, Stranger},
        shape::Whole,
    },
    path::VideoPath,
    problem::{Code, FieldError, Problem},
    serve::Farewell,
    task,
};
use tokio::time::timeout;
use utoipa::IntoParams;

use crate::{
    Gateway, ending,
    entrance::{Admitted, Shown},
    events::Served,
    frame,
    house::Shed,
    tier::Tier,
    video::{KeptOut, order::Start},
    viewer::{NotServed, Viewer},
};

#[cfg(feature = "micro")]
pub(crate) mod micro;

/// Newest events that a new viewer gets unless it says otherwise, and at most.
const RECENT_DEFAULT: u64 = 20;
const RECENT_MAX: u64 = 200;
/// Longest long poll, seconds.
const POLL_MAX_S: u64 = 60;
/// How long a viewer waits for its video to begin before it is told to come back.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The query's fields; what they may be is checked in [`Wanted::parse`].
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct Params {
    /// The position to go on from, where there is no `Last-Event-ID`. One that is not of this server
    /// is answered `reset`.
    after: Option<String>,
    /// The same.
    #[param(rename = "lastEventId")]
    last_event_id: Option<String>,
    /// Without a position, or when that can't be gone on from: so many of the newest events come
    /// first, 20 unless it is given. More than 200 are 200.
    #[param(value_type = Whole, inline, required = false)]
    recent: Option<String>,
    /// Long polling: the answer ends with the first events, or after so many seconds (1 to 60; what
    /// is less or more is the nearest).
    #[param(value_type = Whole, inline, required = false)]
    poll: Option<String>,
    /// A sampled stream: so many comments per second at most, 1, 5, 10 or 30; in between it is the
    /// lower one.
    #[param(value_type = Whole, inline, required = false)]
    rate: Option<String>,
    // (Described as a way to show who asks.)
    #[param(ignore)]
    ticket: Option<String>,
}

/// The position that a browser's EventSource comes back with.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `Wanted::parse` reads")]
struct LastEventId {
    /// The position to go on from: the `id` of the last event that was seen.
    #[param(rename = "Last-Event-ID")]
    last_event_id: Option<String>,
}

impl From<Vec<(String, String)>> for Params {
    /// The last of several: an EventSource gives up for good at a 400.
    fn from(pairs: Vec<(String, String)>) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "after" => params.after = Some(value),
                "lastEventId" => params.last_event_id = Some(value),
                "recent" => params.recent = Some(value),
                "poll" => params.poll = Some(value),
                "rate" => params.rate = Some(value),
                "ticket" => params.ticket = Some(value),
                _ => {}
            }
        }
        params
    }
}

/// What a viewer asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) start: Start,
    pub(crate) recent: u64,
    pub(crate) poll: Option<Duration>,
    pub(crate) tier: Option<Tier>,
}

impl Wanted {
    fn parse(params: Params, headers: &HeaderMap) -> Result<Self, Problem> {
        let header = headers.get("last-event-id").map(HeaderValue::as_bytes);
        let header = header.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let given = header
            .filter(|cursor| !cursor.is_empty())
            .or(params.after)
            .or(params.last_event_id)
            .filter(|cursor| !cursor.is_empty());
        let start = given.map_or(Start::Newest, |cursor| Start::After(cursor.parse().ok()));
        let recent = number("recent", params.recent)?.unwrap_or(RECENT_DEFAULT).min(RECENT_MAX);
        let poll = number("poll", params.poll)?;
        let poll = poll.map(|seconds| Duration::from_secs(seconds.clamp(1, POLL_MAX_S)));
        let tier = number("rate", params.rate)?.map(Tier::of);
        Ok(Self { start, recent, poll, tier })
    }
}

fn number(field: &'static str, value: Option<String>) -> Result<Option<u64>, Problem> {
    // Each has a bound of its own, which is less than what doesn't fit.
    let fitting = |error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => Ok(u64::MAX),
        _ => {
            Err(Problem::invalid(vec![FieldError { field, why: "must be a whole number".into() }]))
        }
    };
    let parse = |text: String| text.parse().or_else(fitting);
    value.map(parse).transpose()
}

/// Watch a video's comments
///
/// Server-Sent Events, by HTTP/1.1 or HTTP/2. The answer goes on until the viewer leaves, the server
/// ends it, or `poll` does.
#[utoipa::path(
    get,
    path = "/v1/videos/{video}/stream",
    operation_id = "watch",
    tag = STREAM,
    params(VideoPath, Params, LastEventId),
    security((), ("token" = []), ("ticket" = []), ("cookie" = []), ("development" = [])),
    responses(Served, Stranger, NoSuch, BadField),
)]
pub(crate) async fn stream(
    State(gateway): State<Arc<Gateway>>,
    VideoPath(video): VideoPath,
    Query(pairs): Query<Vec<(String, String)>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    (version, headers): (Version, HeaderMap),
    handover: Option<Extension<Handover>>,
    farewell: Option<Extension<Farewell>>,
) -> Result<Response, Problem> {
    let params = Params::from(pairs);
    let shown = Shown {
        headers: &headers,
        ticket: params.ticket.as_deref(),
        is_secure: gateway.is_tls || gateway.proxies.is_https(peer.ip(), &headers),
    };
    let admitted = gateway.entrance.admit(&video, shown).await;
    let Admitted { who, cookie } = match admitted {
        // Any status but 200 would end an EventSource for good.
        Err(problem) if problem.code() == Code::Unavailable => {
            return Ok(turned_away(version, Shed::Unknown, farewell));
        }
        admitted => admitted?,
    };
    let wanted = Wanted::parse(params, &headers)?;
    let from = gateway.proxies.client(peer.ip(), &headers);
    // A long poll's connection is kept for the next one; a stream has one for itself.
    let may_take_over = wanted.poll.is_none();
    let viewer = timeout(JOIN_TIMEOUT, Viewer::begin(gateway, video, from, who, wanted)).await;
    let served = viewer.unwrap_or(Err(NotServed::Now(Shed::Late)));
    let mut response = match served {
        Ok(viewer) if may_take_over && handover.is_some_and(|offered| offered.is_possible()) => {
            let mut response = event_stream(Body::empty());
            response.extensions_mut().insert(Taker::new(|socket, head| {
                task::spawn("gateway.opening", viewer.move_in(socket, head));
            }));
            response
        }
        Ok(viewer) => {
            let farewell = farewell.filter(|_| may_take_over).map(|Extension(farewell)| farewell);
            let response = event_stream(Body::from_stream(viewer.frames(farewell)));
            if may_take_over { closing(version, response) } else { response }
        }
        // Tells an EventSource not to come back.
        Err(NotServed::Ever(KeptOut::End(end))) => {
            (StatusCode::NO_CONTENT, [(ending::REASON, end.as_str())]).into_response()
        }
        Err(NotServed::Ever(KeptOut::Unregistered)) => {
            return Err(Problem::new(Code::NotFound, "there is no such video"));
        }
        Err(NotServed::Now(shed)) => turned_away(version, shed, farewell),
    };
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The viewer is to come back after a while.
fn turned_away(version: Version, shed: Shed, farewell: Option<Extension<Farewell>>) -> Response {
    metrics::counter!("chorus_gateway_shed_total", "why" => shed.as_str()).increment(1);
    // It should come to another gateway, and its descriptor may be needed.
    farewell.inspect(|farewell| farewell.say());
    closing(version, event_stream(Body::from(frame::come_back().freeze())))
}

/// The connection is not used again: who comes back may come to another gateway.
fn closing(version: Version, mut response: Response) -> Response {
    if version <= Version::HTTP_11 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn event_stream(body: Body) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (HEADERS, body).into_response()
}
