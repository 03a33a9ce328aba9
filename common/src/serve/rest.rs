//! What is left of a request's body once its answer is there. hyper would end the connection without a
//! word, and whoever had kept it for the next request would lose that: so the rest is read on, and
//! where it is too long or too slow the client is told that the connection ends.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderValue, Request, Version, header},
    response::Response,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// How long, and for how many bytes, a rest is read on.
const READ_ON: Duration = Duration::from_secs(1);
const READ_ON_LEN_MAX: usize = 64 * 1024;

/// Where a body comes back to when nobody reads it any further.
#[derive(Debug)]
pub(super) struct Rest {
    place: Place,
    /// The body comes only once it is asked for.
    is_held_back: bool,
}

type Place = Arc<Mutex<Option<Incoming>>>;

impl Rest {
    /// The request, and its rest where that matters: in HTTP/2 a connection outlives any body.
    pub(super) fn of(request: Request<Incoming>) -> (Request<Body>, Option<Self>) {
        if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
            return (request.map(Body::new), None);
        }
        let is_held_back = request.headers().contains_key(header::EXPECT);
        let place = Place::default();
        let rest = Self { place: place.clone(), is_held_back };
        (request.map(|body| Body::new(Lent { body: Some(body), place })), Some(rest))
    }

    /// Reads on, or says in the answer's head that it is the connection's last.
    pub(super) async fn read_on(self, mut response: Response) -> Response {
        let body = lock(&self.place).take();
        let has_ended = match body {
            None => true,
            Some(_) if self.is_held_back => false,
            Some(body) => timeout(READ_ON, read(body)).await == Ok(true),
        };
        if !has_ended {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Whether that was all of it.
async fn read(mut body: Incoming) -> bool {
    let mut left = READ_ON_LEN_MAX;
    while let Some(frame) = body.frame().await {
        let len = frame.map(|frame| frame.data_ref().map_or(0, Bytes::len));
        match len.ok().and_then(|len| left.checked_sub(len)) {
            Some(less) => left = less,
            None => return false,
        }
    }
    true
}

fn lock(place: &Place) -> MutexGuard<'_, Option<Incoming>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that goes back when it is dropped before its end.
#[derive(Debug)]
struct Lent {
    /// There until it is dropped.
    body: Option<Incoming>,
    place: Place,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_end_stream() {
            *lock(&self.place) = self.body.take();
        }
    }
}
