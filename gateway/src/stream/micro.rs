//! For [`crate::micro`]: what a request asks for.

use std::hint::black_box;

use axum::http::Uri;
use common::position::Cursor;

use super::{HeaderMap, HeaderName, HeaderValue, Params, Query, Start, Wanted};
use crate::micro::{origin, position};

/// The query and header of a browser whose stream broke.
pub fn parse_query() -> impl FnMut() {
    let uri = Uri::from_static("/v1/videos/worlds-2016-final/stream?after=1~dc1:5f:1&recent=50");
    let name = HeaderName::from_static("last-event-id");
    let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("1~dc1:5f:f4240"))]);
    let start = Start::After(Some(Cursor::single(origin(), position(1_000_000))));
    assert_eq!(wanted(&uri, &headers), Some(Wanted { start, recent: 50, poll: None, tier: None }));
    move || _ = black_box(wanted(black_box(&uri), black_box(&headers)))
}

fn wanted(uri: &Uri, headers: &HeaderMap) -> Option<Wanted> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    Wanted::parse(Params::from(pairs), headers).ok()
}
