//! `GET /v1/videos/{video}/stream`: from the request to the bytes of the response's body.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_stream::stream;
use axum::{
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use common::{
    config::SlowViewer,
    ids::VideoId,
    path::VideoPath,
    position::Position,
    problem::{FieldError, Problem},
};
use futures_util::Stream;
use tokio::{sync::watch, time::Instant};

use crate::{
    Gateway,
    byte_log::{Place, Read},
    frame::{self, Resume, Status},
    pages::Replay,
    video::order::{Opening, Order, Start},
};

/// Newest events that a new viewer gets unless it says otherwise, and at most.
const RECENT_DEFAULT: u64 = 20;
const RECENT_MAX: u64 = 200;
/// Longest long poll, seconds.
const POLL_MAX_S: u64 = 60;
/// How long a viewer waits for its video to begin before it is told to come back.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The query's fields; what they may be is checked in [`Wanted::parse`].
#[derive(Debug, Default)]
struct Params {
    after: Option<String>,
    last_event_id: Option<String>,
    recent: Option<String>,
    poll: Option<String>,
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
                _ => {}
            }
        }
        params
    }
}

/// What a viewer asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    start: Start,
    recent: u64,
    poll: Option<Duration>,
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
        Ok(Self { start, recent, poll })
    }
}

fn number(field: &'static str, value: Option<String>) -> Result<Option<u64>, Problem> {
    let parse = |text: String| {
        text.parse().map_err(|_| {
            Problem::invalid(vec![FieldError { field, why: "must be a whole number".into() }])
        })
    };
    value.map(parse).transpose()
}

/// The route's handler.
pub(crate) async fn stream(
    State(gateway): State<Arc<Gateway>>,
    VideoPath(video): VideoPath,
    Query(pairs): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gateway.admit(&video, &headers)?;
    let wanted = Wanted::parse(Params::from(pairs), &headers)?;
    let viewer = tokio::time::timeout(JOIN_TIMEOUT, Viewer::begin(gateway, video, wanted)).await;
    let Ok(Some(viewer)) = viewer else {
        metrics::counter!("chorus_gateway_shed_total").increment(1);
        return Ok(event_stream(Body::from(frame::come_back().freeze())));
    };
    Ok(event_stream(Body::from_stream(viewer.frames())))
}

fn event_stream(body: Body) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (HEADERS, body).into_response()
}

/// Counts a viewer for as long as its stream lives.
struct Counted(metrics::Gauge);

impl Counted {
    fn new() -> Self {
        metrics::counter!("chorus_gateway_streams_total").increment(1);
        let gauge = metrics::gauge!("chorus_gateway_viewers");
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// One viewer's response: a head of its own, perhaps pages of the live log, then the byte log.
struct Viewer {
    gateway: Arc<Gateway>,
    video: VideoId,
    order: watch::Receiver<Order>,
    resume: Resume,
    /// First bytes of a replay that begins before the byte log.
    first_page: Option<(Bytes, Position)>,
    place: Place,
    deadline: Option<Instant>,
    _counted: Counted,
}

impl Viewer {
    /// `None` when there is no honest verdict to be had: the gateway stops, or the live log can't be
    /// read and may hold what the viewer missed.
    async fn begin(gateway: Arc<Gateway>, video: VideoId, wanted: Wanted) -> Option<Self> {
        let deadline = wanted.poll.map(|poll| Instant::now() + poll);
        let (opening, order) = gateway.registry.join(&video, wanted.start, wanted.recent).await?;
        let Opening { mut resume, place, older } = opening;
        let mut first_page = None;
        if let Some(from) = older {
            let until = order.borrow().log().start().position;
            match gateway.pages.after(&video, from, until, &gateway.encoder).await {
                Ok(Replay::Frames(frames, end)) => {
                    let replayed = resume.to.seq.saturating_sub(from.seq);
                    resume = Resume { status: Status::Continued, from, replayed, ..resume };
                    first_page = Some((frames, end));
                }
                Ok(Replay::Trimmed) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't replay");
                    return None;
                }
            }
        }
        let _counted = Counted::new();
        Some(Self { gateway, video, order, resume, first_page, place, deadline, _counted })
    }

    fn frames(mut self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream! {
            yield Ok(self.gateway.encoder.head(self.resume).freeze());
            let mut sent = false;
            while let Some((frames, end)) = self.first_page.take() {
                sent = true;
                yield Ok(frames);
                self.first_page = match self.next_page(end).await {
                    Ok(page) => page,
                    Err(EndOfStream) => {
                        yield Ok(frame::come_back().freeze());
                        return;
                    }
                };
            }
            loop {
                let before = self.place.ordinal;
                match self.read() {
                    Some(chunks) if !chunks.is_empty() => {
                        sent |= self.place.ordinal > before;
                        for chunk in chunks {
                            yield Ok(chunk);
                        }
                    }
                    Some(_) if self.deadline.is_some() && sent => break,
                    Some(_) if self.more().await => {}
                    _ => break,
                }
            }
            yield Ok(frame::come_back().freeze());
        }
    }

    /// After a page of the live log: the next one, or `None` once the byte log has what follows.
    async fn next_page(&mut self, end: Position) -> Result<Option<(Bytes, Position)>, EndOfStream> {
        let until = {
            let order = self.order.borrow();
            if let Some(place) = order.log().place_after(end) {
                self.place = place;
                return Ok(None);
            }
            order.log().start().position
        };
        let Gateway { pages, encoder, .. } = &*self.gateway;
        match pages.after(&self.video, end, until, encoder).await {
            Ok(Replay::Frames(frames, end)) => Ok(Some((frames, end))),
            // Trimmed while it was being read: its cursor stands where it got to, and coming back
            // with it gives an honest verdict.
            Ok(Replay::Trimmed) | Err(_) => Err(EndOfStream),
        }
    }

    /// What the byte log has for this viewer, moved past what it lost by being slow. `None` ends
    /// the stream.
    fn read(&mut self) -> Option<Vec<Bytes>> {
        let order = self.order.borrow();
        match order.log().read(self.place) {
            Read::Bytes(chunks, place) => {
                self.place = place;
                Some(chunks)
            }
            Read::FellOff if self.gateway.slow_viewer == SlowViewer::Disconnect => None,
            Read::FellOff => {
                let end = order.log().end();
                let count = end.ordinal - self.place.ordinal;
                metrics::counter!("chorus_gateway_slow_viewers_total").increment(1);
                let mut notice = BytesMut::new();
                let encoder = &self.gateway.encoder;
                encoder.skipped(&mut notice, count, self.place.position, end.position);
                encoder.bare(&mut notice, end.position);
                self.place = end;
                Some(vec![notice.freeze()])
            }
        }
    }

    /// Waits for more to read; `false` when the stream ends: the actor is gone (the gateway stops),
    /// or the poll's time is up.
    async fn more(&mut self) -> bool {
        let changed = self.order.changed();
        match self.deadline {
            None => changed.await.is_ok(),
            Some(deadline) => {
                tokio::time::timeout_at(deadline, changed).await.is_ok_and(|more| more.is_ok())
            }
        }
    }
}

/// A replay that can't go on.
struct EndOfStream;
