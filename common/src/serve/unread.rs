//! Whether a request was answered before its body had been read: then its connection can't be used
//! again, and the client has to be told.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderValue, Version, header},
    response::Response,
};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};

/// Of one connection, whose requests by HTTP/1.1 come one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// The body, watched.
    pub(super) fn watch(&self, body: Incoming) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(Watched { body, has_ended: false, unread: self.clone() })
    }

    /// Tells the client that the connection ends with this answer, if it does. (hyper ends it by itself,
    /// but says nothing: whoever kept it for the next request would lose that.)
    pub(super) fn tell(&self, version: Version, mut response: Response) -> Response {
        if self.0.swap(false, Ordering::Relaxed) && version <= Version::HTTP_11 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A body that notes when nobody reads it to its end.
struct Watched {
    body: Incoming,
    has_ended: bool,
    unread: Unread,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.has_ended |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.has_ended && !self.is_end_stream() {
            self.unread.0.store(true, Ordering::Relaxed);
        }
    }
}
